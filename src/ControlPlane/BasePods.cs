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
    public static ObjectKey? BaseOf(Caches caches, Pod pod)
    {
        if (pod.Metadata.Controller is not { Kind: "ReplicaSet" } owner) return null;
        var replicaSet = caches.ReplicaSets.Get(new(pod.Metadata.Namespace!, owner.Name));
        return replicaSet?.Metadata.Uid == owner.Uid ? BaseOf(replicaSet) : null;
    }

    public static ObjectKey? BaseOf(ReplicaSet replicaSet) =>
        replicaSet.Metadata.Controller is { Kind: "Deployment" } owner ? new(replicaSet.Metadata.Namespace!, owner.Name) : null;

    private static long Revision(ReplicaSet replicaSet) => long.TryParse(
        replicaSet.Metadata.Annotations.GetValueOrDefault(RevisionAnnotation), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        ? number
        : 0;
}
