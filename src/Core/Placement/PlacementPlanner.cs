using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>Decides which Modules of one base should exist and on which pod: moves towards the goals of the ReplicaSets, never
/// past them, and never takes away more than maxUnavailable allows.</summary>
public static class PlacementPlanner
{
    public static PlacementPlan Plan(PlacementState state, DateTimeOffset now)
    {
        List<PlacementStep> adoptions = [];
        state = Adopted(state, adoptions);
        var loads = new PodLoads(state);
        List<PlacementStep> steps =
        [
            .. adoptions,
            .. state.Strays.Where(module => module is { IsBound: false, Metadata.IsDeleting: true } && module.Metadata.Finalizers.Any(FinalizerNames.IsOfModule))
                .OrderBy(module => module.Metadata.Name, StringComparer.Ordinal).Select(module => new PlacementStep.Release(module)),
        ];
        DateTimeOffset? requeueAt = null;
        List<GroupPlanner> planners = [];
        foreach (var group in InOrder(state.Groups))
        {
            var planner = new GroupPlanner(state, group, loads, now);
            steps.AddRange(planner.Plan());
            requeueAt = Earlier(requeueAt, planner.RequeueAt);
            planners.Add(planner);
        }

        steps.AddRange(SurgePodPlanner.Plan(state, loads, planners));

        return new() { Steps = steps, Counts = [.. state.Pods.Select(pod => loads.Count(pod.Uid))], RequeueAt = requeueAt };
    }

    /// <summary>The state as it is when all orphaned Modules are adopted. Those of a ModuleDeployment that is deleted are, too: they are
    /// uninstalled with it.</summary>
    private static PlacementState Adopted(PlacementState state, List<PlacementStep> adoptions)
    {
        if (!state.Strays.Any(OrphanedModules.IsOrphaned)) return state;
        List<Module> strays = [.. state.Strays.OrderBy(module => module.Metadata.Name, StringComparer.Ordinal)];
        List<DeploymentGroup> groups = [];
        foreach (var group in state.Groups)
        {
            var orphans = group is { IsConflicting: true, Deployment.Metadata.IsDeleting: false } ? [] : strays.Where(module => OrphanedModules.IsOf(group.Deployment, module)).ToList();
            foreach (var module in orphans)
                if (OrphanedModules.SetOf(module, group.Sets) is { } set)
                {
                    adoptions.Add(new PlacementStep.Adopt(module, set.ReplicaSet));
                    strays.Remove(module);
                }
                else if (IsRemovedWith(group.Deployment, module)) adoptions.Add(new PlacementStep.Delete(module, "its ModuleDeployment is deleted"));
            groups.Add(group with { Sets = OrphanedModules.Adopted(group.Sets, orphans) });
        }

        return state with { Groups = groups, Strays = strays };
    }

    private static bool IsRemovedWith(ModuleDeployment deployment, Module module) =>
        deployment.Metadata.IsDeleting && !deployment.Metadata.Finalizers.Contains("orphan") && OrphanedModules.IsOrphaned(module);

    /// <summary>Higher priority first, then the older one: who comes first has the better choice of pods.</summary>
    private static IEnumerable<DeploymentGroup> InOrder(IEnumerable<DeploymentGroup> groups) => groups
        .OrderByDescending(group => group.Deployment.Priority)
        .ThenBy(group => group.Deployment.Metadata.CreationTimestamp)
        .ThenBy(group => group.Deployment.Metadata.Name, StringComparer.Ordinal)
        .ThenBy(group => group.Deployment.Metadata.Uid, StringComparer.Ordinal);

    private static DateTimeOffset? Earlier(DateTimeOffset? one, DateTimeOffset? other) =>
        one is null || other < one ? other ?? one : one;
}
