using ModuleController.ControlPlane.Observing;
using ModuleController.ControlPlane.Reconcilers.Execution;
using ModuleController.Core.Builtin;
using ModuleController.Core.Execution;
using ModuleController.Core.Injection;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Placement;
using ModuleController.Kube.Controllers;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>What triggers the reports of the injection.</summary>
internal static class InjectionReconcilers
{
    public static void Add(Manager manager, ReconcilerParts parts)
    {
        var caches = parts.Caches;
        manager.Reconcile(new DeploymentInjectionReconciler(caches, parts.Events, parts.Injection)).Named("injection")
            .WatchesChanges<Pod>(change => AreEqual(change.Before, change.After) ? [] : BaseOf(caches, change.After))
            .WatchesChanges<ModuleDeployment>(change => new[] { change.Before, change.After }.OfType<ModuleDeployment>()
                .Select(item => new ObjectKey(item.Metadata.Namespace!, item.Spec.BaseDeploymentName)).Distinct())
            // A pod may be observed before its ReplicaSet.
            .WatchesChanges<ReplicaSet>(change =>
                change is { Before: null, After: { } added } && BasePods.BaseOf(added) is { } key ? [key] : []);
        manager.Reconcile(new ForeignPodInjectionReconciler(caches, parts.Events)).Named("injectionpod")
            .Where(pod => InjectionStatus.Problem(pod) is not null);
    }

    private static IEnumerable<ObjectKey> BaseOf(Caches caches, Pod? pod) =>
        pod is not null && BasePods.BaseOf(caches, pod) is { } key ? [key] : [];

    private static bool AreEqual(Pod? before, Pod? after) =>
        (before is null) == (after is null) && before?.Metadata.Controller?.Uid == after?.Metadata.Controller?.Uid
        && before?.Metadata.Annotations.GetValueOrDefault(InjectionKeys.Status)
            == after?.Metadata.Annotations.GetValueOrDefault(InjectionKeys.Status);
}

/// <summary>Reports on a Deployment what its pods lack of the injection, and when that begins.</summary>
internal sealed class DeploymentInjectionReconciler(Caches caches, EventRecorder events, InjectionScope scope) : IReconciler<Deployment>
{
    private readonly StandingWarnings<PlannedEvent> _standing = new();

    public Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (caches.Deployments.Get(key) is not { Metadata.IsDeleting: false } deployment) _standing.Forget(key);
        else
        {
            var isNamed = caches.ModuleDeployments.ByIndex(Caches.ByBase, key.ToString()).Count > 0;
            var planned = InjectionReport.Of(
                deployment, isNamed, BasePods.In(caches, deployment), scope.Exclusion(key.Namespace));
            foreach (var item in _standing.Begin(key, deployment.Metadata.Uid, planned))
                events.Record(deployment, EventRecorder.Warning, item.Reason, item.Message);
        }

        return Task.FromResult(ReconcileResult.Done);
    }
}

/// <summary>Reports pods that request the agent and are of no Deployment: on their owner, or on the pod itself if it has none.</summary>
internal sealed class ForeignPodInjectionReconciler(Caches caches, EventRecorder events) : IReconciler<Pod>
{
    private readonly StandingWarnings<PlannedEvent> _standing = new();

    public Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (caches.Pods.Get(key) is not { } pod || !PodAssessment.IsActive(pod) || IsReportedElsewhere(pod)) _standing.Forget(key);
        else
        {
            foreach (var item in _standing.Begin(key, pod.Metadata.Uid, InjectionReport.OfPods([pod])))
            {
                if (pod.Metadata.Controller is { } owner)
                    events.Record(owner, pod.Metadata.Namespace, EventRecorder.Warning, item.Reason, item.Message);
                else events.Record(pod, EventRecorder.Warning, item.Reason, item.Message);
            }
        }

        return Task.FromResult(ReconcileResult.Done);
    }

    // With its Deployment. A pod may be observed before its ReplicaSet.
    private bool IsReportedElsewhere(Pod pod) => pod.Metadata.Controller is { Kind: "ReplicaSet" } owner
        && (caches.ReplicaSets.Get(new(pod.Metadata.Namespace!, owner.Name)) is not { } found || BasePods.BaseOf(found) is not null);
}
