using System.Globalization;

namespace ModuleController.Core.Placement;

/// <summary>Adds base pods for the time of a release, and removes them afterwards.</summary>
/// <remarks>The number of surge pods and the number of replicas are written together, so a crash between two writes neither adds pods
/// twice nor forgets any. Empty pods are removed first. Of the others, one at a time is drained and removed.</remarks>
internal static class SurgePodPlanner
{
    // Lower than any cost that a person would choose.
    private static readonly string Mark = (int.MinValue + 1).ToString(CultureInfo.InvariantCulture);

    public static bool IsMark(string? cost) => cost == Mark;

    /// <param name="loads">The modules of each pod when the plans are carried out.</param>
    /// <param name="plans">The plans of all ModuleDeployments of this base.</param>
    public static IReadOnlyList<PlacementStep> Plan(PlacementState state, PodLoads loads, IReadOnlyList<GroupPlan> plans)
    {
        if (state.Base is not { } found || state.IsCreationBlocked || !state.HaveAgentsReported || state.Outage is not null) return [];
        var handovers = plans.Select(plan => plan.Handover).OfType<Handover>().ToList();
        if (handovers.Count > 0) return [.. Unmark(state.Pods), .. Add(state, found, handovers)];
        if (found.IsOverruled) return [Release(found)];
        // Pods are being removed, or the base rolls. Marks stay until the ReplicaSet has read them.
        if (state.Pods.Count > found.Replicas) return [];
        return found.Surge is { } surge ? Remove(state, found, surge, loads, plans) : [.. Unmark(state.Pods)];
    }

    private static IEnumerable<PlacementStep> Add(PlacementState state, BaseDeployment found, IReadOnlyList<Handover> handovers)
    {
        if (!found.MayBeScaled) yield break;
        // One pod takes a module of each release, so the release that lacks the most pods determines the number.
        var missing = handovers.Max(handover => handover.Unplaced - handover.Starting) - Math.Max(0, found.Replicas - state.Pods.Count);
        var before = found.Surge?.Count ?? 0;
        var more = Math.Min(missing, Math.Min(handovers.Max(handover => handover.PodLimit), found.SurgeLimit) - before);
        if (more <= 0) yield break;
        var total = found.Replicas + more;
        yield return new PlacementStep.ScaleBase(found, total, new(before + more, total),
            $"scaled from {found.Replicas} to {total} pods, so that new versions are available before old ones are removed");
    }

    private static PlacementStep.ScaleBase Release(BaseDeployment found) => new(found, found.Replicas, null,
        (found.Autoscaler is { } autoscaler
            ? $"HorizontalPodAutoscaler {autoscaler} decides about its pods"
            : $"somebody else scaled it from {found.Surge!.Total} to {found.Replicas}")
        + $": the {found.Surge!.Count} surge pods are not removed");

    private static IReadOnlyList<PlacementStep> Remove(
        PlacementState state, BaseDeployment found, SurgePods surge, PodLoads loads, IReadOnlyList<GroupPlan> plans)
    {
        var notCreated = found.Replicas - state.Pods.Count;
        var empty = state.Pods.Where(pod => !pod.HasUserCost && loads.Count(pod.Uid) == 0)
            .OrderBy(pod => pod.IsReady).ThenByDescending(pod => pod.IsDisrupted).ThenByDescending(pod => pod.Name, StringComparer.Ordinal);
        List<CandidatePod> leaving = [.. empty.Take(Math.Max(0, surge.Count - notCreated))];
        var count = Math.Min(surge.Count, notCreated + leaving.Count);
        if (count == 0)
        {
            if (!SurgePodDrain.IsIdle(state, plans)) return [];
            if (SurgePodDrain.Plan(state, surge, loads, plans) is not ({ } pod, var moves)) return [.. Unmark(state.Pods)];
            (count, leaving) = (1, [pod]);
            if (moves.Count > 0) return [.. moves, .. Marks(state, leaving)];
        }

        var marks = Marks(state, leaving);
        if (marks.Count > 0 || !state.AreMarksObserved || !AreRemovedFirst(state, leaving)) return marks;
        var total = found.Replicas - count;
        return [new PlacementStep.ScaleBase(found, total, surge.Count > count ? new(surge.Count - count, total) : null,
            $"scaled from {found.Replicas} back to {total} pods: the release that needed more is over")];
    }

    // A ReplicaSet removes unready pods before it compares costs. While a base rolls, two ReplicaSets are scaled down. A pod with the
    // label delete-pod still counts for its ReplicaSet, and has no cost of ours.
    private static bool AreRemovedFirst(PlacementState state, List<CandidatePod> leaving) =>
        !state.HasPodsBeingRemoved && state.Pods.All(pod => pod.IsNewest && (pod.IsReady || leaving.Contains(pod)));

    private static List<PlacementStep> Marks(PlacementState state, List<CandidatePod> leaving) =>
    [
        .. Unmark(state.Pods.Except(leaving)),
        .. leaving.Where(pod => !pod.IsMarked).Select(pod => new PlacementStep.Mark(pod, Mark)),
    ];

    private static IEnumerable<PlacementStep> Unmark(IEnumerable<CandidatePod> pods) =>
        pods.Where(pod => pod.IsMarked).OrderBy(pod => pod.Name, StringComparer.Ordinal).Select(pod => new PlacementStep.Mark(pod, null));
}
