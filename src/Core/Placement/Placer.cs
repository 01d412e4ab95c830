using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>Places Modules on free pods, and says of those that find none why.</summary>
internal sealed class Placer(PlacementState state, ModuleDeployment deployment, PodLoads loads, List<PlacementStep> steps)
{
    private string? _summary;

    /// <summary>The reason and message of those that find no pod; null: the pods' refusals, counted.</summary>
    public (string Reason, string Message)? Unplaced { get; init; }

    /// <summary>What those that find no pod are told besides.</summary>
    public string? Advice { get; init; }

    /// <summary>How many found none.</summary>
    public int UnplacedCount { get; private set; }

    private string ModuleName => deployment.Spec.Template.Spec.Module.Name;

    public void Place(IReadOnlyList<MissingModule> wanted, PodPicker picker)
    {
        // Those that wait already come first: what they wait for is a place, not a new Module.
        foreach (var place in wanted.OrderBy(place => place.Waiting is null))
            if (picker.HasNext && (place.Waiting is not null || !state.IsCreationBlocked)) PlaceOn(picker.Next(), place);
            else LeaveWithout(place, UnplacedCount++);
    }

    private void PlaceOn(CandidatePod pod, MissingModule place)
    {
        loads.Add(pod.Uid, ModuleName);
        steps.Add(place.Waiting is { } waiting
            ? new PlacementStep.Bind(waiting, pod, place.Replaces)
            : new PlacementStep.Create(deployment, place.Set.Set.ReplicaSet, place.Set.NextName(), pod, place.Replaces));
    }

    private void LeaveWithout(MissingModule place, int index)
    {
        // Right after a start all agents are away: who would be told "no place" then has one a moment later.
        if (state.IsCreationBlocked || !state.HaveAgentsReported) return;
        if (place.Waiting is not { } waiting)
        {
            steps.Add(new PlacementStep.Create(deployment, place.Set.Set.ReplicaSet, place.Set.NextName(), null, null));
            return;
        }

        var (reason, message) = Unplaced ?? (Reasons.NoEligibleBase, Advice is null ? Why(index) : $"{Why(index)}; {Advice}");
        var told = waiting.Status.Conditions.Find(ModuleConditions.Scheduled);
        if (told?.Reason == reason && (told.Message == message || !state.MayRefreshMessages)) return;
        steps.Add(new PlacementStep.Explain(waiting, reason, message));
    }

    /// <summary>Symmetric: the pod that this one stands for. Else: how many pods refuse it, by reason.</summary>
    private string Why(int index)
    {
        if (deployment.IsSymmetric && Refusing().ElementAtOrDefault(index) is { } pod)
            return $"base pod {pod.Name} {loads.Refusal(pod, ModuleName)}";
        return _summary ??= Summary();
    }

    private IEnumerable<CandidatePod> Refusing() => state.Pods
        .Where(pod => !loads.Has(pod.Uid, ModuleName)).OrderBy(pod => pod.Name, StringComparer.Ordinal);

    // "is full", of several: "are full".
    private static string Plural(string refusal)
    {
        var isAlready = refusal.StartsWith("already ", StringComparison.Ordinal);
        var words = (isAlready ? refusal["already ".Length..] : refusal).Split(' ', 2);
        var verb = words[0] switch
        {
            "is" => "are",
            "was" => "were",
            "has" => "have",
            "does" => "do",
            "needs" => "need",
            "reaches" => "reach",
            var other => other,
        };
        return $"{(isAlready ? "already " : "")}{verb} {words[1]}";
    }

    private string Summary()
    {
        if (state.Pods.Count == 0) return "the base has no pods";
        var counts = state.Pods.GroupBy(pod => loads.Refusal(pod, ModuleName) ?? "was just taken")
            .OrderByDescending(refusal => refusal.Count()).ThenBy(refusal => refusal.Key, StringComparer.Ordinal)
            .Select(refusal => string.Create(CultureInfo.InvariantCulture, $"{refusal.Count()} {(refusal.Count() == 1 ? refusal.Key : Plural(refusal.Key))}"));
        return string.Create(CultureInfo.InvariantCulture, $"0 of {state.Pods.Count} base pods are eligible: {string.Join(", ", counts)}");
    }
}
