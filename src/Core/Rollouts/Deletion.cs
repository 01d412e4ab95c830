using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>Plans the deletion of a ModuleDeployment: first its Modules, then Service and ReplicaSets, then the finalizer.</summary>
public static class Deletion
{
    /// <summary>The finalizer that <c>--cascade=orphan</c> sets until the children have no owner.</summary>
    private const string OrphanFinalizer = "orphan";

    public static RolloutPlan Plan(RolloutState state, DateTimeOffset now)
    {
        var meta = state.Deployment.Metadata;
        if (!meta.Finalizers.Any(FinalizerNames.IsOfModuleDeployment)) return new();
        // Orphaned: the children stay. In a terminating namespace each child is deleted by itself.
        if (meta.Finalizers.Contains(OrphanFinalizer) || state.IsNamespaceTerminating)
            return new() { Steps = [RemoveFinalizer(state.Deployment)] };

        if (state.Sets.Any(set => set.Goal > 0 || set.Modules.Count > 0)) return PlanRemoval(state, now);

        // Placement deletes Modules that have no ReplicaSet.
        if (state.OrphanedModules.Count > 0) return new();

        // The finalizer is removed when no child is observed any more, in a later reconcile than the deletion of the last one.
        List<RolloutStep> steps = [];
        if (state.Service is { Metadata.IsDeleting: false } service && GeneratedService.IsOurs(state.Deployment, service))
            steps.Add(new RolloutStep.DeleteService(service));
        foreach (var set in state.Sets)
        {
            if (set.ReplicaSet.Metadata.Finalizers.Any(FinalizerNames.OfVersion1.Contains))
                steps.Add(new RolloutStep.UpdateReplicaSet(set.ReplicaSet, WithoutVersion1(set.ReplicaSet)));
            if (!set.ReplicaSet.Metadata.IsDeleting) steps.Add(new RolloutStep.DeleteReplicaSet(set.ReplicaSet));
        }

        if (steps.Count == 0) steps.Add(RemoveFinalizer(state.Deployment));
        return new() { Steps = steps };
    }

    private static RolloutPlan PlanRemoval(RolloutState observed, DateTimeOffset now)
    {
        var verb = Verb.Of(observed);
        var batches = new DeletionBatches(observed, verb, now);
        var (state, release) = (batches.State, batches.Release);
        if (batches.IsNew && verb is { EndsWaits: true }) return RolloutPlanner.DeferUntilStarted(verb, state, now);
        var previous = state.Deployment.Status.ReleaseStatus;
        var count = state.Sets.Sum(set => set.Modules.Count);
        var left = $"{StatusText.CountOf(count)} {(count == 1 ? "is" : "are")} left to be uninstalled";
        var message = !batches.IsInBatches
            ? left
            : $"batch {release.CurrentBatch} of {release.RealBatchCount}: {left}"
                + (!batches.IsWaiting ? ""
                    : $", waiting for confirmation of batch {release.CurrentBatch}{Confirmation.Ignored(release, "deletion")}");
        var goals = batches.Goals();
        List<RolloutStep> steps = [.. state.Sets.Where(set => set.Goal != goals[set.Uid])
            .Select(set => new RolloutStep.ScaleReplicaSet(set.ReplicaSet, goals[set.Uid]))];
        List<PlannedEvent> events = [];
        if (previous?.Progress != ReleaseProgress.Terminating) events.Add(new(Reasons.Terminating, left));
        if (batches.IsWaiting && previous?.BatchProgress != ReleaseProgress.WaitingForConfirmation)
            events.Add(new(Reasons.WaitingForConfirmation, message));
        if (verb?.Plan(state, now) is { } issued)
        {
            steps.Add(issued.Step);
            events.Add(issued.Event! with { Time = EventTime.StepsDone });
        }

        var reason = batches.IsWaiting ? Reasons.WaitingForConfirmation : Reasons.Terminating;
        var progressing = StatusText.ConditionOf(
            state.Deployment, DeploymentConditions.Progressing, batches.IsWaiting ? Condition.Unknown : Condition.True, reason, message);
        return new()
        {
            Status = Counts.Of(state, state.Updated, now).On(state, 0) with
            {
                Conditions = Readiness.Reconciling(reason, message)
                    .On(state.Deployment.Status.Conditions.With(progressing, now), state, now),
                ReleaseStatus = release,
            },
            StepsAfterStatus = steps,
            Events = events,
        };
    }

    public static ModuleReplicaSet WithoutVersion1(ModuleReplicaSet replicaSet) => replicaSet with
    {
        Metadata = replicaSet.Metadata with
        {
            Finalizers = [.. replicaSet.Metadata.Finalizers.Where(name => !FinalizerNames.OfVersion1.Contains(name))],
        },
    };

    private static RolloutStep.UpdateDeployment RemoveFinalizer(ModuleDeployment deployment) => new(deployment, deployment with
    {
        Metadata = deployment.Metadata with
        {
            Finalizers = [.. deployment.Metadata.Finalizers.Where(name => !FinalizerNames.IsOfModuleDeployment(name))],
        },
    });
}
