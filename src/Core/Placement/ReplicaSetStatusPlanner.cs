using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Placement;

/// <summary>Plans the status of a ModuleReplicaSet.</summary>
public static class ReplicaSetStatusPlanner
{
    public static (ModuleReplicaSetStatus Status, DateTimeOffset? RequeueAt) Plan(ReplicaSetWithModules set, DateTimeOffset now)
    {
        var minReady = TimeSpan.FromSeconds(set.ReplicaSet.Spec.MinReadySeconds ?? 0);
        var live = set.Modules.Where(module => !module.Metadata.IsDeleting).ToList();
        var status = set.ReplicaSet.Status with
        {
            Replicas = live.Count,
            ReadyReplicas = live.Count(module => module.IsAvailable),
            AvailableReplicas = live.Count(module => ModuleReadiness.IsAvailable(module, minReady, now)),
            ObservedGeneration = set.ReplicaSet.Metadata.Generation,
            Selector = $"{Labels.ModuleReplicaSet}={LabelValues.Of(set.ReplicaSet.Metadata.Name)}",
        };
        return (status, live.Min(module => ModuleReadiness.AvailableAt(module, minReady, now)));
    }
}
