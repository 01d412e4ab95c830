using System.Globalization;
using ModuleController.Core.BasePods;
using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;

namespace ModuleController.ControlPlane.Observing;

/// <summary>Finds the pods of a base: those that its ReplicaSets control, by UID.</summary>
public static class BasePods
{
    private const string RevisionAnnotation = "deployment.kubernetes.io/revision";

    /// <summary>Its pods, and whether each belongs to the newest ReplicaSet. Without pods that terminate, have finished, or are to be
    /// deleted by label.</summary>
    public static IReadOnlyList<(Pod Pod, bool IsNewest)> Of(Caches caches, Deployment deployment)
    {
        var replicaSets = caches.ReplicaSets.ByIndex(Caches.ByController, deployment.Metadata.Uid!);
        var newest = replicaSets.MaxBy(replicaSet =>
            (Revision(replicaSet), replicaSet.Metadata.CreationTimestamp, replicaSet.Metadata.Name));
        return
        [
            .. replicaSets.SelectMany(replicaSet => caches.Pods.ByIndex(Caches.ByController, replicaSet.Metadata.Uid!)
                    .Where(PodAssessment.IsActive).Select(pod => (Pod: pod, IsNewest: replicaSet == newest)))
                .OrderBy(item => item.Pod.Metadata.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>Pods that still count for their ReplicaSet are to be deleted by label.</summary>
    public static bool HasBeingRemoved(Caches caches, Deployment deployment) =>
        caches.ReplicaSets.ByIndex(Caches.ByController, deployment.Metadata.Uid!)
            .SelectMany(replicaSet => caches.Pods.ByIndex(Caches.ByController, replicaSet.Metadata.Uid!))
            .Any(pod => PodDeletion.IsRequested(pod) && pod is { Metadata.IsDeleting: false, Status.Phase: not ("Succeeded" or "Failed") });

    /// <summary>The running pods of these Modules whose base is missing, or has not adopted their ReplicaSet yet: a Deployment that
    /// is deleted with <c>--cascade=orphan</c> and recreated adopts them, and meanwhile they serve.</summary>
    /// <param name="own">The UIDs of the pods that the base has.</param>
    public static IReadOnlyList<Pod> Orphaned(Caches caches, ObjectKey key, IReadOnlySet<string> own, IEnumerable<Module> modules)
    {
        var found = caches.Deployments.Get(key);
        var seen = new HashSet<string>();
        return
        [
            .. modules.Where(module => module.IsBound && !own.Contains(module.Spec.PodUid!) && seen.Add(module.Spec.PodUid!))
                .Select(module => (Uid: module.Spec.PodUid, Pod: caches.Pods.Get(new(key.Namespace, module.Spec.PodName!))))
                .Where(item => item.Pod is { } pod && pod.Metadata.Uid == item.Uid && PodAssessment.IsActive(pod)
                    && IsOrphaned(caches, pod, key, found))
                .Select(item => item.Pod!).OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>The same pods, in no order.</summary>
    public static IEnumerable<Pod> In(Caches caches, Deployment deployment) =>
        caches.ReplicaSets.ByIndex(Caches.ByController, deployment.Metadata.Uid!)
            .SelectMany(replicaSet => caches.Pods.ByIndex(Caches.ByController, replicaSet.Metadata.Uid!))
            .Where(PodAssessment.IsActive);

    /// <summary>The base Deployment of a pod, by its ReplicaSet; null: it has none.</summary>
    public static ObjectKey? BaseOf(Caches caches, Pod pod) =>
        ReplicaSetOf(caches, pod) is { } replicaSet ? BaseOf(replicaSet) : null;

    /// <summary>
    /// A pod of a base: controlled, by UID, by a ReplicaSet of a Deployment that a ModuleDeployment names, that still has Modules, whose
    /// pods have our readiness gate, or that has a pod with the label that each pod gets with its first module. Our labels have
    /// no effect on other pods.
    /// </summary>
    public static bool IsBasePod(Caches caches, Pod pod) =>
        ReplicaSetOf(caches, pod) is { Metadata.Controller: { } owner } replicaSet && BaseOf(replicaSet) is { } key
        && (ModulesGate.IsOn(pod) || IsBase(caches, key, owner.Uid));

    private static bool IsBase(Caches caches, ObjectKey key, string uid)
    {
        if (caches.ModuleDeployments.ByIndex(Caches.ByBase, key.ToString()).Count > 0) return true;
        var label = new ObjectKey(key.Namespace, LabelValues.Of(key.Name)).ToString();
        return caches.Modules.ByIndex(Caches.ByBase, label).Count > 0 || caches.ModuleReplicaSets.ByIndex(Caches.ByBase, label).Count > 0
            || caches.ReplicaSets.ByIndex(Caches.ByController, uid)
                .SelectMany(replicaSet => caches.Pods.ByIndex(Caches.ByController, replicaSet.Metadata.Uid!))
                .Any(pod => pod.Metadata.Labels.ContainsKey(Labels.ModuleInstanceCount));
    }

    public static ObjectKey? BaseOf(ReplicaSet replicaSet) =>
        replicaSet.Metadata.Controller is { Kind: "Deployment" } owner ? new(replicaSet.Metadata.Namespace!, owner.Name) : null;

    // A pod that its ReplicaSet released, or of another base, is not adopted by a recreated Deployment.
    private static bool IsOrphaned(Caches caches, Pod pod, ObjectKey key, Deployment? found)
    {
        if (pod.Metadata.Controller is not { Kind: "ReplicaSet" }) return false;
        if (ReplicaSetOf(caches, pod) is not { } replicaSet) return found is null;
        return replicaSet.Metadata.Controller is not { } controller
            || (BaseOf(replicaSet) == key && controller.Uid != found?.Metadata.Uid);
    }

    /// <summary>Both are of one base, and the other's ReplicaSet is the older one. A rollback makes an old ReplicaSet the newest.</summary>
    public static bool IsOlder(Caches caches, Pod other, Pod pod) =>
        ReplicaSetOf(caches, other) is { } older && ReplicaSetOf(caches, pod) is { } own
        && BaseOf(older) is not null && own.Metadata.Controller is { } deployment && older.Metadata.Controller!.Uid == deployment.Uid
        && Revision(older) < Revision(own);

    /// <summary>Older ReplicaSets of its base still have pods: a rolling update.</summary>
    public static bool HasOlder(Caches caches, Pod pod) => ReplicaSetOf(caches, pod) is { Metadata.Controller: { } deployment } own
        && caches.ReplicaSets.ByIndex(Caches.ByController, deployment.Uid).Any(other => Revision(other) < Revision(own)
            && caches.Pods.ByIndex(Caches.ByController, other.Metadata.Uid!).Count > 0);

    /// <summary>The pods of a base whose readiness gate is closed; mostly none.</summary>
    public static IEnumerable<Pod> WithClosedGate(Caches caches, ObjectKey ofBase) =>
        caches.Pods.ByIndex(Caches.ByClosedGate, ofBase.Namespace).Where(pod => BaseOf(caches, pod) == ofBase);

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
