using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Planning;
using ModuleController.Kube;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>Keeps the status of a ModuleReplicaSet; it decides nothing.</summary>
public sealed class ModuleReplicaSetReconciler(Caches caches, IKubeClient client, WriteTracker tracker, TimeProvider time)
    : IReconciler<ModuleReplicaSet>
{
    public const string FieldManager = "modulecontroller-replicaset";

    private readonly WriteInterval _interval = new(TimeSpan.FromSeconds(1));

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (caches.ModuleReplicaSets.Get(key) is not { } replicaSet)
        {
            _interval.Forget(key);
            return ReconcileResult.Done;
        }

        var now = time.GetUtcNow();
        var modules = caches.Modules.ByIndex(Caches.ByOwner, replicaSet.Metadata.Uid!);
        var (status, lookAgainAt) = ReplicaSetStatusPlanner.Plan(new(replicaSet, [.. modules]), now);
        if (MergePatch.OfStatus(replicaSet, replicaSet with { Status = status }, replicaSet.Metadata.ResourceVersion) is not { } patch)
            return ReconcileResult.At(lookAgainAt, now);
        if (_interval.NextAt(key, now) is { } later) return ReconcileResult.At(later, now);
        tracker.Wrote(key, await client.PatchAsync<ModuleReplicaSet>(key, patch, new(FieldManager) { Subresource = "status" }, cancellation));
        _interval.Wrote(key, now);
        return ReconcileResult.At(lookAgainAt, now);
    }
}
