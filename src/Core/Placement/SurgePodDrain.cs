using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.Placement;

/// <summary>Drains a surge pod: each of its Modules is replaced by one of the same revision on a pod that stays, and deleted when that one
/// is available.</summary>
internal static class SurgePodDrain
{
    /// <summary>Nothing on the base is being installed, removed or moved. A Module that failed where it was moved keeps its pod.</summary>
    public static bool IsIdle(PlacementState state, IReadOnlyList<GroupPlan> plans) =>
        plans.All(plan => plan.IsQuiet && !IsMoving(plan))
        && state.Groups.SelectMany(group => group.Sets).SelectMany(set => set.Modules).All(module => module.IsAvailable
            || (!module.Metadata.IsDeleting && (!module.IsBound || module.Status.Status == ModulePhase.Failed)));

    /// <summary>The next surge pod to remove, and the replacements that have to be available before; null: none can be drained.</summary>
    public static (CandidatePod Pod, IReadOnlyList<PlacementStep> Moves)? Plan(
        PlacementState state, SurgePods surge, PodLoads loads, IReadOnlyList<GroupPlan> plans)
    {
        // The youngest pods are the surge pods: Modules on pods that existed before are not moved.
        var youngest = state.Pods.OrderByDescending(pod => pod.CreatedAt).ThenByDescending(pod => pod.Name, StringComparer.Ordinal)
            .Take(surge.Count).ToList();
        foreach (var pod in youngest.Where(pod => !pod.HasUserCost)
            .OrderByDescending(pod => pod.IsMarked).ThenBy(pod => loads.Count(pod.Uid)).ThenBy(pod => pod.IsReady))
            if (!state.Strays.Any(module => module.IsAvailable && module.Spec.PodUid == pod.Uid)
                && Moves(pod, [.. youngest.Select(other => other.Uid)], new(loads), plans) is { } moves)
                return (pod, moves);
        return null;
    }

    /// <summary>As many as there was room for without surge pods. A symmetric module has one Module less with one pod less.</summary>
    private static int Enough(GroupPlan plan, int ownPods) =>
        plan.Deployment.IsSymmetric ? 1 : Math.Max(1, Math.Min(plan.Sets.Sum(set => set.Set.Goal), ownPods));

    private static bool IsMoving(GroupPlan plan) => plan.Live.Any(item =>
        item.Module.Spec.Replaces is { } replaced && item.Set.Live.Exists(other => other.Metadata.Uid == replaced));

    /// <returns>Null: not each Module that serves on the pod can be moved.</returns>
    private static List<PlacementStep>? Moves(CandidatePod pod, HashSet<string> surgePods, PodLoads loads, IReadOnlyList<GroupPlan> plans)
    {
        var ownPods = loads.Pods.Count - surgePods.Count;
        List<PlacementStep> moves = [];
        foreach (var plan in plans)
        {
            var serving = plan.Live.Where(item => item.Module.IsAvailable && loads.Pods.ContainsKey(item.PodUid ?? "")).ToList();
            if (!serving.Exists(item => item.PodUid == pod.Uid)) continue;
            var elsewhere = serving.Select(item => item.PodUid).Distinct().Count(uid => uid != pod.Uid);
            if (elsewhere >= Enough(plan, ownPods)) continue;
            if (plan.Deployment.IsSymmetric || plan.Group.IsConflicting || plan.Deployment.Metadata.IsDeleting) return null;
            var picker = new PodPicker(loads, plan.ModuleName, plan.Deployment.SchedulingPolicy, other => !surgePods.Contains(other.Uid));
            if (!picker.HasNext || serving.Count(item => item.PodUid == pod.Uid) > 1) return null;
            var (set, module) = serving.Find(item => item.PodUid == pod.Uid)!;
            var target = picker.Next();
            loads.Add(target.Uid, plan.ModuleName);
            moves.Add(new PlacementStep.Create(plan.Deployment, set.Set.ReplicaSet, set.NextName(), target, module));
        }

        return moves;
    }
}
