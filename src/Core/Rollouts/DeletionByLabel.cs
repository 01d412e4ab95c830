using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>Modules that a user deletes by label: the ModuleDeployment is lowered by one for each, then they go.</summary>
/// <remarks>
/// Their UIDs are recorded in the same patch that lowers, so a crash between any two writes neither lowers twice nor lets a
/// replacement be made. Placement deletes only what is recorded.
/// </remarks>
public static class DeletionByLabel
{
    // Of Modules that are gone, the last ones stay on record: a cache that is behind may still come to show them.
    private const int Remembered = 32;
    private const int RecordedAtOnce = 500;

    /// <summary>The plan that lowers; null: there is nothing to lower for. All else waits until it is written.</summary>
    public static RolloutPlan? Plan(RolloutState state)
    {
        var deployment = state.Deployment;
        if (deployment.Spec.IsSymmetric) return null;
        var recorded = DeletionRequests.Recorded(deployment);
        var existing = state.Sets.SelectMany(set => set.Modules).Select(module => module.Metadata.Uid).ToHashSet();
        var asked = Asked(state).Where(module => !recorded.Contains(module.Metadata.Uid!))
            .Take(RecordedAtOnce - recorded.Count(existing.Contains)).ToList();
        if (asked.Count == 0) return null;

        var kept = recorded.Where((uid, index) => existing.Contains(uid) || index >= recorded.Count - Remembered);
        var meta = deployment.Metadata;
        var annotations = new Dictionary<string, string>(meta.Annotations)
        {
            [Annotations.DeletedModules] = string.Join(',', kept.Concat(asked.Select(module => module.Metadata.Uid!))),
        };
        var lowered = DesiredReplicas.Lowered(deployment, asked.Count) with { Metadata = meta with { Annotations = annotations } };
        return new()
        {
            Steps = [new RolloutStep.UpdateDeployment(deployment, lowered)],
            Events = [.. asked.Select(module => new PlannedEvent(Reasons.DeletedByLabel,
                $"Module {module.Metadata.Name} on base pod {module.Spec.PodName ?? "(none)"} is deleted by label, and replicas lowered by one")
            {
                Time = EventTime.StepsDone,
            })],
        };
    }

    /// <summary>One on every base pod: there is no number to lower, and a Module that goes would come back.</summary>
    public static IEnumerable<PlannedEvent> Refusals(RolloutState state) => !state.Deployment.Spec.IsSymmetric
        ? []
        : Asked(state).Select(module => new PlannedEvent(Reasons.DeletionRefused,
            $"Module {module.Metadata.Name} is not deleted by its label: replicas is -1, one on every base pod. Take the label off, "
            + "or set replicas to a number first", IsWarning: true));

    // What is on its way out already goes for another reason, and is replaced.
    private static IEnumerable<Module> Asked(RolloutState state) => state.Sets.SelectMany(set => set.Modules)
        .Where(module => module is { Metadata: { IsDeleting: false, Uid.Length: > 0 } } && DeletionRequests.IsRequested(module))
        .OrderBy(module => module.Metadata.Name, StringComparer.Ordinal);
}
