using System.Globalization;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning;

/// <summary>A release that hands modules over from pod to pod, and what it lacks for that.</summary>
/// <param name="Most">Never more pods than these are added: one for each new Module that has one, and for each old one that waits for its.</param>
/// <param name="Unplaced">New Modules for which no pod was found.</param>
/// <param name="Coming">Pods that may take one as soon as they are up.</param>
internal sealed record Handover(int Most, int Unplaced, int Coming);

/// <summary>Base pods for the time of a release: adds what is missing, and takes back what was added, the emptiest pods first.</summary>
/// <remarks>What was added is written together with the number of pods, so a crash between any two writes neither adds twice
/// nor forgets to take back. Pods that hold modules go one at a time, and only while everything else serves.</remarks>
internal static class BaseScaling
{
    // Below any cost that a person would choose; the emptiest pod gets the lowest.
    private const int LowestCost = int.MinValue + 1;
    private const int HighestCost = LowestCost + 100_000;

    public static bool IsMark(string? cost) =>
        int.TryParse(cost, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number is >= LowestCost and <= HighestCost;

    public static IEnumerable<PlacementStep> Plan(PlacementState state, PlacementLoads loads, IReadOnlyList<Handover> handovers)
    {
        if (state.Base is not { } found || state.CreatesNothing || !state.HaveAgentsReported || state.Outage is not null) return [];
        if (found.Added is { } added && (added.Total != found.Replicas || found.Autoscaler is not null))
            return [new PlacementStep.ScaleBase(found, found.Replicas, null, found.Autoscaler is { } autoscaler
                ? $"HorizontalPodAutoscaler {autoscaler} decides about its pods: the {added.Count} that we added are not taken back"
                : $"somebody else scaled it from {added.Total} to {found.Replicas}: the {added.Count} that we added are not taken back")];
        if (handovers.Count > 0) return [.. Unmark(state.Pods), .. Up(state, found, handovers)];
        // What goes already, or a rolling update's pod too many, is waited for: marks have to last until they were read.
        if (state.Pods.Count > found.Replicas) return [];
        return found.Added is null ? Unmark(state.Pods) : Down(state, found, found.Added, loads);
    }

    private static IEnumerable<PlacementStep> Up(PlacementState state, PlacementBase found, IReadOnlyList<Handover> handovers)
    {
        if (!found.MayBeScaled) yield break;
        // One pod takes a module of each release: the release that lacks the most says how many.
        var missing = handovers.Max(handover => handover.Unplaced - handover.Coming) - Math.Max(0, found.Replicas - state.Pods.Count);
        var before = found.Added?.Count ?? 0;
        var more = Math.Min(missing, handovers.Max(handover => handover.Most) - before);
        if (more <= 0) yield break;
        var total = found.Replicas + more;
        yield return new PlacementStep.ScaleBase(found, total, new(before + more, total),
            $"scaled from {found.Replicas} to {total} pods, so that new versions are available before old ones go");
    }

    private static IEnumerable<PlacementStep> Down(PlacementState state, PlacementBase found, AddedPods added, PlacementLoads loads)
    {
        var onTheWay = found.Replicas - state.Pods.Count;
        var empty = onTheWay + state.Pods.Count(pod => loads.Count(pod.Uid) == 0);
        var count = Math.Min(added.Count, Math.Max(empty, IsCalm(state) ? 1 : 0));
        // A cost that is not ours has its reasons.
        var leaving = state.Pods.Where(pod => !pod.HasOwnCost)
            .OrderBy(pod => loads.Count(pod.Uid)).ThenByDescending(pod => pod.IsShaky).ThenBy(pod => pod.IsNewest)
            .ThenByDescending(pod => pod.Name, StringComparer.Ordinal)
            .Take(Math.Max(0, count - onTheWay)).ToList();
        List<PlacementStep> marks =
        [
            .. Unmark(state.Pods.Except(leaving)),
            .. leaving.Where(pod => !pod.IsMarked).Select(pod => new PlacementStep.Mark(pod, LowestCost + loads.Count(pod.Uid))),
        ];
        if (marks.Count > 0 || count == 0) return marks;
        var total = found.Replicas - count;
        return [new PlacementStep.ScaleBase(found, total, added.Count > count ? new(added.Count - count, total) : null,
            $"scaled from {found.Replicas} back to {total} pods: the release that needed more is over")];
    }

    private static IEnumerable<PlacementStep> Unmark(IEnumerable<PlacementPod> pods) =>
        pods.Where(pod => pod.IsMarked).OrderBy(pod => pod.Name, StringComparer.Ordinal).Select(pod => new PlacementStep.Mark(pod, null));

    // What waits for a place, or has failed for good, waits for something else.
    private static bool IsCalm(PlacementState state) => state.Groups.SelectMany(group => group.Sets).SelectMany(set => set.Modules)
        .All(module => module.IsAvailable || (!module.Metadata.IsDeleting && (!module.IsBound || module.Status.Status == ModulePhase.Failed)));
}
