using System.Runtime.ExceptionServices;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>What became of a plan.</summary>
/// <param name="Failed">The units that were not carried out completely: that failed, were deferred, or wait.</param>
/// <param name="RetryAt">When the first unit that failed or was deferred is tried again; null: there is none.</param>
internal sealed record Outcome(IReadOnlySet<string> Failed, DateTimeOffset? RetryAt)
{
    /// <summary>The failed units without those that only had a conflict.</summary>
    public IReadOnlySet<string> Rejected { get; init; } = new HashSet<string>();

    /// <summary>The failures that have lasted long enough and are for no ModuleDeployment, but for the object of the key.</summary>
    public IReadOnlyList<string> OwnRejections { get; init; } = [];

    /// <summary>The failures that have lasted long enough to be reported, by the ModuleDeployment that they are for.</summary>
    public IReadOnlyDictionary<ObjectKey, string> Rejections { get; init; } = new Dictionary<ObjectKey, string>();

    /// <summary>What may be an outage of the API server. If it is one, the rest of the plan was not tried.</summary>
    public Exception? Interruption { get; init; }

    /// <summary>Has the key retried with backoff. To be called when everything that must be remembered is.</summary>
    public void ThrowIfInterrupted()
    {
        if (Interruption is not null) ExceptionDispatchInfo.Throw(Interruption);
    }
}
