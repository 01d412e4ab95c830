using System.Globalization;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Planning;

namespace ModuleController.ControlPlane;

/// <summary>Which pods are a base's: those that its ReplicaSets control, by UID.</summary>
public static class BasePods
{
    private const string RevisionAnnotation = "deployment.kubernetes.io/revision";

    /// <summary>Neither terminating nor finished, nor asked by label to go; with whether each belongs to the newest ReplicaSet.</summary>
    public static IReadOnlyList<(Pod Pod, bool IsNewest)> Of(Caches caches, Deployment deployment)
    {
        var replicaSets = caches.ReplicaSets.ByIndex(Caches.ByController, deployment.Metadata.Uid!);
        var newest = replicaSets.MaxBy(replicaSet => (Revision(replicaSet), replicaSet.Metadata.CreationTimestamp, replicaSet.Metadata.Name));
        return
        [
            .. replicaSets.SelectMany(replicaSet => caches.Pods.ByIndex(Caches.ByController, replicaSet.Metadata.Uid!)
                    .Where(PlacementPods.IsLiving).Select(pod => (Pod: pod, IsNewest: replicaSet == newest)))
                .OrderBy(item => item.Pod.Metadata.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>The base Deployment of a pod, through its ReplicaSet; null where it is nobody's.</summary>
    public static ObjectKey? BaseOf(Caches caches, Pod pod) =>
        ReplicaSetOf(caches, pod) is { } replicaSet ? BaseOf(replicaSet) : null;

    public static ObjectKey? BaseOf(ReplicaSet replicaSet) =>
        replicaSet.Metadata.Controller is { Kind: "Deployment" } owner ? new(replicaSet.Metadata.Namespace!, owner.Name) : null;

    /// <summary>Both are of one base, and the other's ReplicaSet is the older one. Going back makes an old ReplicaSet the newest.</summary>
    public static bool IsOlder(Caches caches, Pod other, Pod pod) =>
        ReplicaSetOf(caches, other) is { } older && ReplicaSetOf(caches, pod) is { } own
        && older.Metadata.Controller is { Kind: "Deployment" } deployment && deployment.Uid == own.Metadata.Controller?.Uid
        && Revision(older) < Revision(own);

    /// <summary>There are pods of older ReplicaSets of its base: the base rolls.</summary>
    public static bool HasOlder(Caches caches, Pod pod) => ReplicaSetOf(caches, pod) is { Metadata.Controller: { } deployment } own
        && caches.ReplicaSets.ByIndex(Caches.ByController, deployment.Uid).Any(other => Revision(other) < Revision(own)
            && caches.Pods.ByIndex(Caches.ByController, other.Metadata.Uid!).Count > 0);

    /// <summary>The pods of a base whose readiness gate is shut; nearly always none.</summary>
    public static IEnumerable<Pod> WithShutGate(Caches caches, ObjectKey ofBase) =>
        caches.Pods.ByIndex(Caches.ByShutGate, ofBase.Namespace).Where(pod => BaseOf(caches, pod) == ofBase);

    private static ReplicaSet? ReplicaSetOf(Caches caches, Pod pod) =>
        pod.Metadata.Controller is { Kind: "ReplicaSet" } owner
        && caches.ReplicaSets.Get(new(pod.Metadata.Namespace!, owner.Name)) is { } found && found.Metadata.Uid == owner.Uid
            ? found
            : null;

    /// <summary>As the Deployment numbers its ReplicaSets.</summary>
    public static string? RevisionText(ReplicaSet replicaSet) => replicaSet.Metadata.Annotations.GetValueOrDefault(RevisionAnnotation);

    private static long Revision(ReplicaSet replicaSet) => long.TryParse(
        RevisionText(replicaSet), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        ? number
        : 0;
}
