using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Placement.Upgrades;

namespace ModuleController.Core.Placement;

/// <summary>Finds the Modules that the ReplicaSets have above their goals.</summary>
internal static class SurplusModules
{
    /// <summary>The first to delete comes first: the mirror of placement.</summary>
    /// <param name="successor">The ReplicaSet that takes their places; null: none does.</param>
    public static List<PlannedModule> Of(GroupPlan plan, PlannedReplicaSet? successor) =>
    [
        .. plan.Sets.Where(set => set.Surplus > 0).SelectMany(set => set.Live
            .Where(module => !set.Replaced.Contains(module.Metadata.Uid!)).Select(module => new PlannedModule(set, module))
            .OrderBy(item => Rank(plan, item, successor)).ThenByDescending(item => item.Name, StringComparer.Ordinal)
            .Take(set.Surplus)),
    ];

    // Unbound, failed, unavailable; then from disrupted pods and old ones; then by policy. A Module whose upgrade waits for a restart
    // of its base comes last.
    private static (bool, bool, bool, bool, bool, bool, int) Rank(GroupPlan plan, PlannedModule item, PlannedReplicaSet? successor)
    {
        var module = item.Module;
        var pod = plan.PodOf(module);
        var awaitsRestart = successor is not null && Upgrade.AwaitsRestart(module, pod)
            && Upgrade.Of(plan.Deployment, item, successor) is UninstallThenInstall;
        var load = pod is null ? 0 : plan.Loads.Count(pod.Uid);
        return (module.IsBound, module.Status.Status != ModulePhase.Failed, module.IsAvailable, awaitsRestart,
            pod is { IsDisrupted: false }, pod is { IsNewest: true },
            plan.Deployment.SchedulingPolicy == SchedulingPolicy.Scatter ? -load : load);
    }
}
