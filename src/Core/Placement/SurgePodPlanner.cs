using System.Globalization;

namespace ModuleController.Core.Placement;

/// <summary>Base pods for the time of a release: adds what is missing, and takes back what was added, the emptiest pods first.</summary>
/// <remarks>What was added is written together with the number of pods, so a crash between any two writes neither adds twice
/// nor forgets to take back. Of pods with modules one goes at a time, and none with the only Module that serves: what it has is
/// moved first.</remarks>
internal static class SurgePodPlanner
{
    // Below any cost that a person would choose; the emptiest pod gets the lowest.
    private const int LowestCost = int.MinValue + 1;
    private const int HighestCost = LowestCost + 100_000;

    public static bool IsMark(string? cost) =>
        int.TryParse(cost, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number is >= LowestCost and <= HighestCost;

    /// <param name="state">The base.</param>
    /// <param name="loads">What its pods have when the plan so far is carried out.</param>
    /// <param name="groups">The planners of its ModuleDeployments, which have planned already.</param>
    public static IEnumerable<PlacementStep> Plan(PlacementState state, PodLoads loads, IReadOnlyList<GroupPlan> groups)
    {
        if (state.Base is not { } found || state.IsCreationBlocked || !state.HaveAgentsReported || state.Outage is not null) return [];
        var handovers = groups.Select(group => group.Handover).OfType<Handover>().ToList();
        if (found.Added is { IsVeto: false } added && (added.Total != found.Replicas || found.Autoscaler is not null))
            return [Forget(found, added, isReleasing: handovers.Count > 0)];
        if (handovers.Count > 0) return [.. Unmark(state.Pods), .. Up(state, found, handovers)];
        if (found.Added is { IsVeto: true })
            return [new PlacementStep.ScaleBase(found, found.Replicas, null, "the release in which somebody else scaled it is over")];
        // What goes already, or a rolling update's pod too many, is waited for: marks have to last until they were read.
        if (state.Pods.Count > found.Replicas) return [];
        return found.Added is null ? Unmark(state.Pods) : Down(state, found, found.Added, loads, groups);
    }

    // Who sets the number back, a GitOps tool for example, would do it again and again: until the release is over it is theirs.
    private static PlacementStep.ScaleBase Forget(BaseDeployment found, SurgePods added, bool isReleasing) => found.Autoscaler is { } autoscaler
        ? new(found, found.Replicas, null,
            $"HorizontalPodAutoscaler {autoscaler} decides about its pods: the {added.Count} that we added are not taken back")
        : new(found, found.Replicas, isReleasing ? SurgePods.Veto(found.Replicas) : null,
            $"somebody else scaled it from {added.Total} to {found.Replicas}: the {added.Count} that we added are not taken back"
            + (isReleasing ? ", and none are added again in this release" : ""));

    private static IEnumerable<PlacementStep> Up(PlacementState state, BaseDeployment found, IReadOnlyList<Handover> handovers)
    {
        if (!found.MayBeScaled || found.Added is { IsVeto: true }) yield break;
        // One pod takes a module of each release: the release that lacks the most says how many.
        var missing = handovers.Max(handover => handover.Unplaced - handover.Starting) - Math.Max(0, found.Replicas - state.Pods.Count);
        var before = found.Added?.Count ?? 0;
        var more = Math.Min(missing, Math.Min(handovers.Max(handover => handover.PodLimit), found.MostAdded) - before);
        if (more <= 0) yield break;
        var total = found.Replicas + more;
        yield return new PlacementStep.ScaleBase(found, total, new(before + more, total),
            $"scaled from {found.Replicas} to {total} pods, so that new versions are available before old ones go");
    }

    private static IEnumerable<PlacementStep> Down(
        PlacementState state, BaseDeployment found, SurgePods added, PodLoads loads, IReadOnlyList<GroupPlan> groups)
    {
        var onTheWay = found.Replicas - state.Pods.Count;
        // A cost that is not ours has its reasons.
        var empty = state.Pods.Where(pod => !pod.HasUserCost && loads.Count(pod.Uid) == 0)
            .OrderBy(pod => pod.IsReady).ThenByDescending(pod => pod.IsDisrupted).ThenByDescending(pod => pod.Name, StringComparer.Ordinal).ToList();
        var count = Math.Min(added.Count, onTheWay + empty.Count);
        List<CandidatePod> leaving = [.. empty.Take(Math.Max(0, count - onTheWay))];
        if (count == 0)
        {
            if (new SurgePodDrain(state, found, added, loads, groups).Plan() is not { } evacuation) return [];
            if (evacuation.Pod is null) return Unmark(state.Pods);
            (count, leaving) = (1, [evacuation.Pod]);
            if (evacuation.Moves.Count > 0) return [.. evacuation.Moves, .. Marks(state, loads, leaving)];
        }

        var marks = Marks(state, loads, leaving);
        if (marks.Count > 0 || !state.AreMarksObserved || !AreTaken(state, leaving)) return marks;
        var total = found.Replicas - count;
        return [new PlacementStep.ScaleBase(found, total, added.Count > count ? new(added.Count - count, total) : null,
            $"scaled from {found.Replicas} back to {total} pods: the release that needed more is over")];
    }

    // A ReplicaSet takes pods that are not Ready before it looks at any cost, and while a base rolls two ReplicaSets share the
    // loss. One that is to go by label still counts for its ReplicaSet, and carries no cost.
    private static bool AreTaken(PlacementState state, IReadOnlyCollection<CandidatePod> leaving) =>
        !state.HasPodsBeingRemoved && state.Pods.All(pod => pod.IsNewest && (pod.IsReady || leaving.Contains(pod)));

    private static List<PlacementStep> Marks(PlacementState state, PodLoads loads, List<CandidatePod> leaving) =>
    [
        .. Unmark(state.Pods.Except(leaving)),
        .. leaving.Where(pod => !pod.IsMarked).Select(pod => new PlacementStep.Mark(pod, LowestCost + loads.Count(pod.Uid))),
    ];

    private static IEnumerable<PlacementStep> Unmark(IEnumerable<CandidatePod> pods) =>
        pods.Where(pod => pod.IsMarked).OrderBy(pod => pod.Name, StringComparer.Ordinal).Select(pod => new PlacementStep.Mark(pod, null));
}
