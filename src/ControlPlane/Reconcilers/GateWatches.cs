using ModuleController.ControlPlane.Observing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Caches;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>Which base pods with a closed readiness gate are reconciled when another object has changed.</summary>
internal sealed class GateWatches(Caches caches)
{
    /// <summary>What is required on the base.</summary>
    public IEnumerable<ObjectKey> AffectedBy(ObjectChange<ModuleDeployment> change) =>
        Relevant(change.Before) == Relevant(change.After) ? [] : OnBaseOf((change.After ?? change.Before)!);

    /// <summary>Whether its first release has completed, and which revision was the last.</summary>
    public IEnumerable<ObjectKey> AffectedBy(ObjectChange<ModuleReplicaSet> change) =>
        Relevant(change.Before) != Relevant(change.After) && (change.After ?? change.Before)!.Metadata is { Controller: { } owner } meta
        && caches.ModuleDeployments.Get(new(meta.Namespace!, owner.Name)) is { } deployment
            ? OnBaseOf(deployment)
            : [];

    /// <summary>Whether a module fails on the older pods of the base, too.</summary>
    public IEnumerable<ObjectKey> AffectedBy(ObjectChange<Module> change) =>
        Relevant(change.Before) != Relevant(change.After)
            && (change.After ?? change.Before) is { Spec.PodName: { Length: > 0 } name } module
        && caches.Pods.Get(new(module.Metadata.Namespace!, name)) is { } older && BasePods.BaseOf(caches, older) is { } key
            ? BasePods.WithClosedGate(caches, key).Where(pod => BasePods.IsOlder(caches, older, pod))
                .Select(pod => ObjectKey.Of(pod.Metadata))
            : [];

    /// <summary>Which base a pod is of, and which of its ReplicaSets is older.</summary>
    public IEnumerable<ObjectKey> AffectedBy(ObjectChange<ReplicaSet> change) =>
        Relevant(change.Before) != Relevant(change.After) && BasePods.BaseOf((change.After ?? change.Before)!) is { } key
            ? BasePods.WithClosedGate(caches, key).Select(pod => ObjectKey.Of(pod.Metadata))
            : [];

    private IEnumerable<ObjectKey> OnBaseOf(ModuleDeployment deployment) =>
        BasePods.WithClosedGate(caches, new(deployment.Metadata.Namespace!, deployment.Spec.BaseDeploymentName))
            .Select(pod => ObjectKey.Of(pod.Metadata));

    private static (bool, bool, bool)? Relevant(ModuleDeployment? deployment) =>
        deployment is null ? null : (deployment.IsRequired, deployment.Spec.IsSymmetric, deployment.Metadata.IsDeleting);

    private static (bool, string?)? Relevant(ModuleReplicaSet? set) =>
        set is null ? null : (set.Metadata.IsDeleting, set.Metadata.Annotations.GetValueOrDefault(Annotations.CompletedAt));

    private static (bool, bool, bool)? Relevant(Module? module) =>
        module is null ? null : (module.Metadata.IsDeleting, module.IsAvailable, module.Status.LastError is not null);

    // A base that is recreated adopts what was orphaned: another controller, and nothing else changes.
    private static (string?, string?, string?)? Relevant(ReplicaSet? set) =>
        set is null ? null : (set.Metadata.Uid, set.Metadata.Controller?.Uid, BasePods.RevisionText(set));
}
