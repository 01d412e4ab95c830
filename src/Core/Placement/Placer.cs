using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Placement;

/// <summary>Places missing Modules on free pods, and explains why the others have none.</summary>
internal sealed class Placer(GroupPlan plan)
{
    private readonly PlacementState _state = plan.State;
    private string? _summary;

    /// <summary>The reason and message of Modules without a pod; null: the refusals of the pods, counted.</summary>
    public (string Reason, string Message)? Unplaced { get; init; }

    /// <summary>Appended to the counted refusals.</summary>
    public string? Advice { get; init; }

    public int UnplacedCount { get; private set; }

    public void Place(IReadOnlyList<MissingModule> missing)
    {
        // Waiting Modules first: else a new one would take the pod that they wait for.
        foreach (var item in missing.OrderBy(item => item.Unbound is null))
            if (plan.FreePods.HasNext && (item.Unbound is not null || !_state.IsCreationBlocked))
                plan.Place(item, plan.FreePods.Next(), item.Replaces);
            else Explain(item, UnplacedCount++);
    }

    private void Explain(MissingModule missing, int index)
    {
        // Right after a start no agent is connected yet: "no place" would be true only for a moment.
        if (_state.IsCreationBlocked || !_state.HaveAgentsReported) return;
        if (missing.Unbound is not { } unbound)
        {
            plan.Add(new PlacementStep.Create(plan.Deployment, missing.Set.Set.ReplicaSet, missing.Set.NextName(), null, null));
            return;
        }

        var (reason, message) = Unplaced ?? (Reasons.NoEligibleBase, Advice is null ? Why(index) : $"{Why(index)}; {Advice}");
        var previous = unbound.Status.Conditions.Find(ModuleConditions.Scheduled);
        if (previous?.Reason == reason && (previous.Message == message || !_state.MayRefreshMessages)) return;
        plan.Add(new PlacementStep.Explain(unbound, reason, message));
    }

    /// <summary>Symmetric: the refusal of one pod, a different one for each Module. Else: how many pods refuse it, by reason.</summary>
    private string Why(int index)
    {
        if (plan.Deployment.IsSymmetric && Refusing().ElementAtOrDefault(index) is { } pod)
            return $"base pod {pod.Name} {plan.Loads.Refusal(pod, plan.ModuleName)}";
        return _summary ??= Summary();
    }

    private IEnumerable<CandidatePod> Refusing() => _state.Pods
        .Where(pod => !plan.Loads.Has(pod.Uid, plan.ModuleName)).OrderBy(pod => pod.Name, StringComparer.Ordinal);

    // For several pods, "is full" becomes "are full".
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
        if (_state.Pods.Count == 0) return "the base has no pods";
        var counts = _state.Pods.GroupBy(pod => plan.Loads.Refusal(pod, plan.ModuleName) ?? "was just taken")
            .OrderByDescending(refusal => refusal.Count()).ThenBy(refusal => refusal.Key, StringComparer.Ordinal)
            .Select(refusal => string.Create(CultureInfo.InvariantCulture,
                $"{refusal.Count()} {(refusal.Count() == 1 ? refusal.Key : Plural(refusal.Key))}"));
        return string.Create(CultureInfo.InvariantCulture, $"0 of {_state.Pods.Count} base pods are eligible: {string.Join(", ", counts)}");
    }
}
