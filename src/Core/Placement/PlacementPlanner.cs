using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Placement;

/// <summary>Decides which Modules of one base exist and on which pod. Moves towards the goals of the ReplicaSets, never past them, and
/// never removes more than maxUnavailable allows.</summary>
public static class PlacementPlanner
{
    public static PlacementPlan Plan(PlacementState state, DateTimeOffset now)
    {
        List<PlacementStep> adoptions = [];
        state = Adopted(state, adoptions);
        var loads = new PodLoads(state);
        var plans = InOrder(state.Groups).Select(group => GroupPlanner.Plan(state, group, loads, now)).ToList();
        return new()
        {
            Steps =
            [
                .. adoptions, .. ReleaseStrays(state), .. plans.SelectMany(plan => plan.Steps),
                .. SurgePodPlanner.Plan(state, loads, plans),
            ],
            Counts = [.. state.Pods.Select(pod => loads.Count(pod.Uid))],
            RequeueAt = plans.Min(plan => plan.RequeueAt),
        };
    }

    private static IEnumerable<PlacementStep> ReleaseStrays(PlacementState state) => state.Strays
        .Where(module => module is { IsBound: false, Metadata.IsDeleting: true })
        .Where(module => module.Metadata.Finalizers.Any(FinalizerNames.IsOfModule))
        .OrderBy(module => module.Metadata.Name, StringComparer.Ordinal).Select(module => new PlacementStep.Release(module));

    /// <summary>The state with all orphaned Modules adopted. Those of a ModuleDeployment that is being deleted are uninstalled with
    /// it.</summary>
    private static PlacementState Adopted(PlacementState state, List<PlacementStep> adoptions)
    {
        if (!state.Strays.Any(OrphanedModules.IsOrphaned)) return state;
        List<Module> strays = [.. state.Strays.OrderBy(module => module.Metadata.Name, StringComparer.Ordinal)];
        List<DeploymentGroup> groups = [];
        foreach (var group in state.Groups)
        {
            var orphans = group is { IsConflicting: true, Deployment.Metadata.IsDeleting: false }
                ? []
                : strays.Where(module => OrphanedModules.IsOf(group.Deployment, module)).ToList();
            foreach (var module in orphans)
                if (OrphanedModules.SetOf(module, group.Sets) is { } set)
                {
                    adoptions.Add(new PlacementStep.Adopt(module, set.ReplicaSet));
                    strays.Remove(module);
                }
                else if (IsRemovedWith(group.Deployment, module))
                    adoptions.Add(new PlacementStep.Delete(module, "its ModuleDeployment is deleted"));
            groups.Add(group with { Sets = OrphanedModules.Adopted(group.Sets, orphans) });
        }

        return state with { Groups = groups, Strays = strays };
    }

    private static bool IsRemovedWith(ModuleDeployment deployment, Module module) =>
        deployment.Metadata.IsDeleting && !deployment.Metadata.Finalizers.Contains("orphan") && OrphanedModules.IsOrphaned(module);

    /// <summary>Higher priority first, then the older one: the first has the best choice of pods.</summary>
    private static IEnumerable<DeploymentGroup> InOrder(IEnumerable<DeploymentGroup> groups) => groups
        .OrderByDescending(group => group.Deployment.Priority)
        .ThenBy(group => group.Deployment.Metadata.CreationTimestamp)
        .ThenBy(group => group.Deployment.Metadata.Name, StringComparer.Ordinal)
        .ThenBy(group => group.Deployment.Metadata.Uid, StringComparer.Ordinal);
}
