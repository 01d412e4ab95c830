using ModuleController.Core.Execution;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>Lowers a ModuleDeployment by one for each Module that a user deletes by label.</summary>
/// <remarks>
/// The same patch records their UIDs, so a crash between two writes neither lowers twice nor creates a replacement. Placement
/// deletes only Modules that are recorded.
/// </remarks>
public static class DeletionByLabel
{
    // Of deleted Modules the last ones stay recorded: a cache that is behind may still have them.
    private const int Remembered = 32;
    private const int RecordedAtOnce = 500;

    /// <summary>Null: no Module is to be recorded. All else waits for this plan.</summary>
    public static RolloutPlan? Plan(RolloutState state)
    {
        var deployment = state.Deployment;
        if (deployment.Spec.IsSymmetric) return null;
        var recorded = DeletionRequests.Recorded(deployment);
        var existing = state.Sets.SelectMany(set => set.Modules).Select(module => module.Metadata.Uid).ToHashSet();
        var requested = Requested(state).Where(module => !recorded.Contains(module.Metadata.Uid!))
            .Take(RecordedAtOnce - recorded.Count(existing.Contains)).ToList();
        if (requested.Count == 0) return null;

        var kept = recorded.Where((uid, index) => existing.Contains(uid) || index >= recorded.Count - Remembered);
        var meta = deployment.Metadata;
        var annotations = new Dictionary<string, string>(meta.Annotations)
        {
            [Annotations.DeletedModules] = string.Join(',', kept.Concat(requested.Select(module => module.Metadata.Uid!))),
        };
        var lowered = DesiredReplicas.Lowered(deployment, requested.Count) with { Metadata = meta with { Annotations = annotations } };
        return new()
        {
            Steps = [new RolloutStep.UpdateDeployment(deployment, lowered)],
            Events = [.. requested.Select(module => new PlannedEvent(Reasons.DeletedByLabel,
                $"Module {module.Metadata.Name} on base pod {module.Spec.PodName ?? "(none)"} was deleted by its label, and "
                + "spec.replicas was lowered by one")
            {
                Time = EventTime.StepsDone,
            })],
        };
    }

    /// <summary>With a module on every base pod there is no number to lower, and a deleted Module would be replaced.</summary>
    public static IEnumerable<PlannedEvent> Refusals(RolloutState state) => !state.Deployment.Spec.IsSymmetric
        ? []
        : Requested(state).Select(module => new PlannedEvent(Reasons.DeletionRefused,
            $"Module {module.Metadata.Name} is not deleted by its label: replicas is -1, one on every base pod. Take the label off, "
            + "or set replicas to a number first", IsWarning: true));

    // A Module that is deleting already is deleted for another reason, and is replaced.
    private static IEnumerable<Module> Requested(RolloutState state) => state.Sets.SelectMany(set => set.Modules)
        .Where(module => module is { Metadata: { IsDeleting: false, Uid.Length: > 0 } } && DeletionRequests.IsRequested(module))
        .OrderBy(module => module.Metadata.Name, StringComparer.Ordinal);
}
