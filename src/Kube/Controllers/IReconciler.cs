using ModuleController.Core.Meta;

namespace ModuleController.Kube.Controllers;

/// <summary>Makes the world agree with one object of kind <typeparamref name="T"/>.</summary>
public interface IReconciler<T> where T : class, IResource
{
    Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation);
}

/// <summary>When to look at the object again, besides when something changes.</summary>
public readonly record struct ReconcileResult(TimeSpan? LookAgainAfter)
{
    /// <summary>When something changes.</summary>
    public static ReconcileResult Done => default;

    public static ReconcileResult After(TimeSpan delay) => new(delay > TimeSpan.Zero ? delay : TimeSpan.Zero);

    /// <summary>At a computed time; null: when something changes.</summary>
    public static ReconcileResult At(DateTimeOffset? time, DateTimeOffset now) => time is { } at ? After(at - now) : Done;
}

/// <summary>Trying again is useless until something changes.</summary>
public sealed class FinalException(string message, Exception? inner = null) : Exception(message, inner);
