using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>The end of a ModuleDeployment: first its Modules, then Service and ReplicaSets, then the finalizer.</summary>
public static class RolloutDeletion
{
    /// <summary>What <c>--cascade=orphan</c> leaves on the object until its children are let go.</summary>
    private const string OrphanFinalizer = "orphan";

    public static RolloutPlan Plan(RolloutState state, DateTimeOffset now)
    {
        var meta = state.Deployment.Metadata;
        if (!meta.Finalizers.Any(IsOurs)) return new();
        // Orphaned: the children live on. In a terminating namespace each goes by itself, and nobody waits for another.
        if (meta.Finalizers.Contains(OrphanFinalizer) || state.IsNamespaceTerminating) return new() { Steps = [LetGo(state.Deployment)] };

        if (state.Sets.Any(set => set.Goal > 0 || set.Modules.Count > 0)) return Uninstall(state, now);

        // Placement deletes what has no ReplicaSet to be scaled down.
        if (state.OrphanedModules.Count > 0) return new();

        // Only what we see gone is gone: the finalizer goes in the look after the one that deletes the last child.
        List<RolloutStep> steps = [];
        if (state.Service is { Metadata.IsDeleting: false } service && RolloutService.IsOurs(state.Deployment, service))
            steps.Add(new RolloutStep.DeleteService(service));
        foreach (var set in state.Sets)
        {
            if (set.ReplicaSet.Metadata.Finalizers.Any(FinalizerNames.OfVersion1.Contains))
                steps.Add(new RolloutStep.UpdateReplicaSet(set.ReplicaSet, WithoutVersion1(set.ReplicaSet)));
            if (!set.ReplicaSet.Metadata.IsDeleting) steps.Add(new RolloutStep.DeleteReplicaSet(set.ReplicaSet));
        }

        if (steps.Count == 0) steps.Add(LetGo(state.Deployment));
        return new() { Steps = steps };
    }

    private static RolloutPlan Uninstall(RolloutState seen, DateTimeOffset now)
    {
        var action = RolloutAction.Of(seen.Deployment);
        var farewell = new RolloutFarewell(seen, action, now);
        var (state, release) = (farewell.State, farewell.Release);
        if (farewell.IsNew && action is { EndsWaits: true }) return RolloutPlanner.BeforeBeginning(action, state, now);
        var before = state.Deployment.Status.ReleaseStatus;
        var count = state.Sets.Sum(set => set.Modules.Count);
        var left = $"{RolloutStatus.CountOf(count)} {(count == 1 ? "is" : "are")} left to be uninstalled";
        var message = !farewell.IsInBatches
            ? left
            : $"batch {release.CurrentBatch} of {release.RealBatchCount}: {left}"
                + (farewell.IsWaiting ? $", waiting for confirmation of batch {release.CurrentBatch}{Confirmation.Ignored(release, "deletion")}" : "");
        var goals = farewell.Goals();
        List<RolloutStep> steps = [.. state.Sets.Where(set => set.Goal != goals[set.ReplicaSet.Metadata.Uid!])
            .Select(set => new RolloutStep.ScaleReplicaSet(set.ReplicaSet, goals[set.ReplicaSet.Metadata.Uid!]))];
        List<PlannedEvent> events = [];
        if (before?.Progress != ReleaseProgress.Terminating) events.Add(new(Reasons.Terminating, left));
        if (farewell.IsWaiting && before?.BatchProgress != ReleaseProgress.WaitingForConfirmation)
            events.Add(new(Reasons.WaitingForConfirmation, message));
        if (action?.Plan(state, now) is { } asked)
        {
            steps.Add(asked.Step);
            events.Add(asked.Event! with { Time = EventTime.StepsDone });
        }

        var reason = farewell.IsWaiting ? Reasons.WaitingForConfirmation : Reasons.Terminating;
        var progressing = RolloutStatus.ConditionOf(
            state.Deployment, DeploymentConditions.Progressing, farewell.IsWaiting ? Condition.Unknown : Condition.True, reason, message);
        return new()
        {
            Status = RolloutStatus.Counted(state, RolloutCounts.Of(state, state.Updated, now), 0) with
            {
                Conditions = RolloutReadiness.Reconciling(reason, message)
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

    private static RolloutStep.UpdateDeployment LetGo(ModuleDeployment deployment) => new(deployment, deployment with
    {
        Metadata = deployment.Metadata with { Finalizers = [.. deployment.Metadata.Finalizers.Where(name => !IsOurs(name))] },
    });

    private static bool IsOurs(string finalizer) =>
        finalizer == FinalizerNames.ModuleDeployment || FinalizerNames.OfVersion1.Contains(finalizer);
}
