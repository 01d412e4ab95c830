using ModuleController.ControlPlane.Observing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Controllers;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>What triggers the reconciler of base pods.</summary>
public static class BasePodController
{
    private const int Workers = 16;

    public static void Add(Manager manager, ReconcilerParts parts, RejectedWrites rejections)
    {
        var observer = new BasePodObserver(parts.Caches, parts.Agents, parts.Options.ArtifactPolicies, parts.Options.GateTimeout);
        var writes = new WriteTracker(parts.Informers, parts.Time);
        var gates = new GateWatches(parts.Caches);
        manager.Reconcile(new BasePodReconciler(
                observer, parts.Client, writes, rejections, parts.Events, parts.Agents, parts.Time,
                parts.Loggers.CreateLogger<BasePodReconciler>()))
            .Named("basepod")
            .Where(observer.IsOurs)
            .Watches<Module>(BasePodObserver.KeyOf)
            .WatchesChanges<EndpointSlice>(change => observer.PodsRemovedFrom(change.Before, change.After))
            // The policy of an upgrade may be observed after its Modules.
            .WatchesChanges<ModuleDeployment>(change =>
                change is { Before: { } before, After: { } after } && DecidesOtherwise(before, after) ? observer.PodsOf(after) : [])
            // A failure is final only until its revision was available somewhere.
            .WatchesChanges<ModuleReplicaSet>(change =>
                change is { Before: { } before, After: { } after } && !HasServed(before) && HasServed(after)
                    ? observer.PodsWithFailed(after) : [])
            // Our labels have an effect on pods of a base only. With its first ModuleDeployment, a Deployment becomes a base.
            .WatchesChanges<ModuleDeployment>(change => change is { Before: null, After: { } added } ? observer.MarkedPodsOf(added) : [])
            .WatchesChanges<Namespace>(change =>
                change is { Before.Metadata.IsDeleting: false, After: { Metadata.IsDeleting: true } ending } ? observer.PodsIn(ending) : [])
            .Watches(parts.Agents.Subscribe)
            // Closed gates wait for more than the Modules of their own pod.
            .WatchesChanges<ModuleDeployment>(gates.AffectedBy)
            .WatchesChanges<ModuleReplicaSet>(gates.AffectedBy)
            .WatchesChanges<Module>(gates.AffectedBy)
            .WatchesChanges<ReplicaSet>(gates.AffectedBy)
            .Tracks(writes)
            .Workers(Workers);
    }

    private static bool HasServed(ModuleReplicaSet replicaSet) => replicaSet.Metadata.Annotations.ContainsKey(Annotations.FirstAvailableAt);

    private static bool DecidesOtherwise(ModuleDeployment before, ModuleDeployment after) =>
        before.Spec.Priority != after.Spec.Priority
        || before.Spec.Hooks != after.Spec.Hooks
        || before.Spec.OperationStrategy != after.Spec.OperationStrategy
        || before.Status.ReleaseStatus?.UpgradePolicy != after.Status.ReleaseStatus?.UpgradePolicy
        || before.Status.ReleaseStatus?.RetriedAt != after.Status.ReleaseStatus?.RetriedAt
        || before.Status.ReleaseStatus?.Abort != after.Status.ReleaseStatus?.Abort
        || before.Status.AbortedRevision != after.Status.AbortedRevision
        || before.Status.ReleaseStatus?.UpdateRevision != after.Status.ReleaseStatus?.UpdateRevision;
}
