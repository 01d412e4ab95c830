using ModuleController.Core.Meta;

namespace ModuleController.Kube.Controllers;

/// <summary>Reconciles one object of kind <typeparamref name="T"/> with the cluster.</summary>
public interface IReconciler<T> where T : class, IResource
{
    Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation);
}

/// <summary>When the next reconcile of the key is, if nothing changes before.</summary>
public readonly record struct ReconcileResult(TimeSpan? RequeueAfter)
{
    /// <summary>The next reconcile is when something changes.</summary>
    public static ReconcileResult Done => default;

    public static ReconcileResult After(TimeSpan delay) => new(delay > TimeSpan.Zero ? delay : TimeSpan.Zero);

    /// <summary>The next reconcile is at this time; null: when something changes.</summary>
    public static ReconcileResult At(DateTimeOffset? time, DateTimeOffset now) => time is { } at ? After(at - now) : Done;
}
