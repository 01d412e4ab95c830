using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>Which base pod with modules may be taken back, and what has to serve elsewhere before.</summary>
/// <remarks>A Module that is moved is replaced by one of its own revision on another pod, and goes when that one serves.</remarks>
internal sealed class SurgePodDrain(
    PlacementState state, BaseDeployment found, SurgePods added, PodLoads loads, IReadOnlyList<GroupPlan> groups)
{
    private readonly ILookup<string, (GroupPlan Group, PlannedReplicaSet Set, Module Module)> _modules = groups
        .SelectMany(group => group.Sets.SelectMany(set => set.Live.Where(module => module.IsBound).Select(module => (Group: group, Set: set, Module: module))))
        .ToLookup(item => item.Module.Spec.PodUid!);

    private readonly Dictionary<GroupPlan, HashSet<string>> _serving = groups.ToDictionary(group => group, group => group.Sets
        .SelectMany(set => set.Live).Where(module => module is { IsBound: true, IsAvailable: true } && loads.Pods.ContainsKey(module.Spec.PodUid!))
        .Select(module => module.Spec.PodUid!).ToHashSet());

    /// <summary>Null: something is under way and is waited for. Without a pod: none can go.</summary>
    public (CandidatePod? Pod, IReadOnlyList<PlacementStep> Moves)? Plan()
    {
        if (!IsCalm() || IsMoving()) return null;
        // For pods that we added modules move, not for those that were there before: the youngest are ours.
        var young = state.Pods.OrderByDescending(pod => pod.CreatedAt).ThenByDescending(pod => pod.Name, StringComparer.Ordinal)
            .Take(added.Count).Select(pod => pod.Uid).ToHashSet();
        // One that is being emptied goes on to be; then what takes the fewest moves.
        var pods = state.Pods.Where(pod => !pod.HasUserCost)
            .Select(pod => (Pod: pod, Moves: ToBeMoved(pod)))
            .Where(candidate => candidate.Moves is { Count: 0 } || (candidate.Moves is not null && young.Contains(candidate.Pod.Uid)))
            .OrderByDescending(candidate => candidate.Pod.IsMarked).ThenBy(candidate => candidate.Moves!.Count)
            .ThenBy(candidate => candidate.Pod.IsReady).ThenBy(candidate => loads.Count(candidate.Pod.Uid))
            .ThenByDescending(candidate => candidate.Pod.IsDisrupted).ThenByDescending(candidate => candidate.Pod.Name, StringComparer.Ordinal).ToList();
        // What is moved to a pod that goes next would be moved again.
        var next = pods.Take(added.Count).Select(candidate => candidate.Pod.Uid).ToHashSet();
        foreach (var avoided in (ReadOnlySpan<HashSet<string>>)[next, []])
            foreach (var (pod, moves) in pods)
                if (Move(pod, moves!, avoided) is { } steps) return (pod, steps);
        return (null, []);
    }

    // What waits for a place, or has failed for good, waits for something else.
    private bool IsCalm() => groups.All(group => group.IsQuiet) && state.Groups.SelectMany(group => group.Sets).SelectMany(set => set.Modules)
        .All(module => module.IsAvailable || (!module.Metadata.IsDeleting && (!module.IsBound || module.Status.Status == ModulePhase.Failed)));

    // One that can't come up where it was moved to keeps the pod, and with it what serves.
    private bool IsMoving() => groups.SelectMany(group => group.Sets).Any(set =>
    {
        var uids = set.Live.Select(module => module.Metadata.Uid).ToHashSet();
        return set.Live.Exists(module => module.Spec.Replaces is { } replaced && uids.Contains(replaced));
    });

    /// <summary>The Modules that have to serve elsewhere before this pod goes; null: it can't go.</summary>
    private List<(GroupPlan Group, PlannedReplicaSet Set, Module Module)>? ToBeMoved(CandidatePod pod)
    {
        if (state.Strays.Any(module => module.IsAvailable && module.Spec.PodUid == pod.Uid)) return null;
        List<(GroupPlan Group, PlannedReplicaSet Set, Module Module)> moves = [];
        foreach (var items in _modules[pod.Uid].GroupBy(item => item.Group))
        {
            if (!items.Any(item => item.Module.IsAvailable)) continue;
            var elsewhere = _serving[items.Key].Count - 1;
            if (IsEnough(items.Key.Group, elsewhere)) continue;
            if (!MayMove(items.Key.Group) || items.Count() > 1) return null;
            moves.Add(items.Single());
        }

        return moves;
    }

    /// <summary>As many as there was room for before pods were added. What has one on every pod has one less with a pod less.</summary>
    private bool IsEnough(DeploymentGroup group, int serving) => serving >= Math.Max(1, group.Deployment.IsSymmetric
        ? 1
        : Math.Min(group.Sets.Sum(set => set.Goal), found.Replicas - added.Count));

    private static bool MayMove(DeploymentGroup group) =>
        group is { IsConflicting: false, Deployment: { Spec.IsSymmetric: false, Metadata.IsDeleting: false } };

    /// <summary>Null: not all of them find another pod.</summary>
    private List<PlacementStep>? Move(
        CandidatePod pod, IReadOnlyList<(GroupPlan Group, PlannedReplicaSet Set, Module Module)> moves, HashSet<string> avoided)
    {
        List<CandidatePod> places = [];
        foreach (var (group, _, module) in moves)
        {
            var picker = new PodPicker(loads, module.Spec.Module.Name, group.Group.Deployment.SchedulingPolicy,
                other => other.Uid != pod.Uid && !avoided.Contains(other.Uid));
            if (!picker.HasNext) break;
            places.Add(picker.Next());
            loads.Add(places[^1].Uid, module.Spec.Module.Name);
        }

        if (places.Count == moves.Count) return
            [.. moves.Zip(places, (move, place) => new PlacementStep.Create(
                move.Group.Group.Deployment, move.Set.Set.ReplicaSet, move.Set.NextName(), place, move.Module))];
        foreach (var (move, place) in moves.Zip(places)) loads.Remove(place.Uid, move.Module.Spec.Module.Name);
        return null;
    }
}
