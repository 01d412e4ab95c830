using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using static ModuleController.Core.Rollouts.StatusText;

namespace ModuleController.Core.Rollouts;

/// <summary>The status of a ModuleDeployment that is released, and the Events about it.</summary>
internal sealed class ReleaseReport(Context context, Release release, PolicyChoice policy)
{
    private readonly ModuleDeployment _deployment = context.Deployment;
    private readonly Counts _counts = context.Counts;
    private readonly ProgressingCondition _progressing = new(context, release, policy);

    public DateTimeOffset? DeadlineAt => _progressing.DeadlineAt;

    public ModuleDeploymentStatus Status()
    {
        var spec = _deployment.Spec;
        var isMirrored = context.Updated is not null && release.Scales.Count == 0
            && spec.Replicas == context.Replicas.Replicas && spec.ScaleReplicas == context.Replicas.ScaleReplicas;
        var progressing = _progressing.Value();
        var conditions = _deployment.Status.Conditions.With(Available(), context.Now).With(progressing, context.Now);
        conditions = Failures(context.State) is { } failures
            ? conditions.With(failures, context.Now)
            : conditions.Without(DeploymentConditions.ReplicaFailure);
        conditions = PartiallyInvalid() is { } invalid
            ? conditions.With(invalid, context.Now)
            : conditions.Without(DeploymentConditions.PartiallyInvalid);
        return _counts.On(context.State, context.Desired) with
        {
            ObservedReplicas = isMirrored ? spec.Replicas : _deployment.Status.ObservedReplicas,
            CollisionCount = Preparation.Collisions(context),
            AbortedRevision = release.RollsBack ? context.RevisionHash : null,
            Conditions = ReadinessOf(progressing).On(conditions, context.State, context.Now),
            ReleaseStatus = Release(isMirrored),
        };
    }

    public IEnumerable<PlannedEvent> Events()
    {
        var module = context.Module;
        // Without a base no batch begins.
        if (release.Status.Abort is null && context.State.Base is not null
            && release.Scales.FirstOrDefault(step => step.ReplicaSet == context.Updated?.ReplicaSet) is { } step)
            yield return new(Reasons.BatchStarted, release.IsUpgrade
                ? $"{_progressing.BatchText}: {module.Name} {module.Version} for {Number(step.Replicas)} of {CountOf(context.Desired)}"
                : $"{_progressing.BatchText}: {CountOf(step.Replicas)} of {module.Name} {module.Version}, was "
                    + $"{Number(step.ReplicaSet.Spec.Replicas)}")
            {
                Time = EventTime.StepsDone,
            };
        var isCompleted = release.State == ReleaseState.Completed;
        if (isCompleted && context.Previous?.Progress is not null and not ReleaseProgress.Completed)
            yield return new(Reasons.ReleaseCompleted,
                $"{module.Name} {module.Version}: {AvailableOf(_counts.UpdatedAvailable, context.Desired)}{_progressing.WithoutPlace}");
        var progressing = _progressing.Value();
        if (progressing.Status != Condition.True && progressing.Reason != PreviousReason(DeploymentConditions.Progressing))
            yield return new(progressing.Reason!, progressing.Message!, IsWarning: !IsPlannedWait(progressing.Reason!));
        if (isCompleted && ReadinessOf(progressing) is { Reason: Reasons.NoEligibleBase } waiting
            && PreviousReason(DeploymentConditions.Reconciling) != waiting.Reason)
            yield return new(waiting.Reason, waiting.Message, IsWarning: true);
        if (Failures(context.State) is { } failures && failures.Reason != PreviousReason(DeploymentConditions.ReplicaFailure))
            yield return new(failures.Reason!, failures.Message!, IsWarning: true);
        if (PartiallyInvalid() is { } invalid
            && invalid.Message != _deployment.Status.Conditions.Find(DeploymentConditions.PartiallyInvalid)?.Message)
            yield return new(invalid.Reason!, invalid.Message!, IsWarning: true);
    }

    private Condition? PartiallyInvalid() => context.Breaches.Count == 0 ? null : ConditionOf(
        _deployment, DeploymentConditions.PartiallyInvalid, Condition.True, Reasons.InvalidSpec, Of(context.Breaches));

    private string? PreviousReason(string condition) => _deployment.Status.Conditions.Find(condition)?.Reason;

    private static bool IsPlannedWait(string reason) =>
        reason is Reasons.WaitingForConfirmation or Reasons.GrayTime or Reasons.Paused or Reasons.Frozen or Reasons.Aborted
            or Reasons.AwaitingPlace;

    private ReleaseStatus Release(bool isMirrored)
    {
        var (status, previous) = (release.Status, release.IsNew ? null : context.Previous);
        var progress = Progress();
        return status with
        {
            Progress = progress,
            BatchProgress = context.Updated is null ? ReleaseProgress.Init : status.BatchProgress,
            UpgradePolicy = policy.Chosen?.Text() ?? (policy.Hold is null ? status.UpgradePolicy : null),
            PendingReplicas = isMirrored ? null : status.PendingReplicas,
            // The gray time counts from it: a pause in between does not start it again.
            LastTransitionTime = previous?.Progress == progress
                || (status.BatchProgress == ReleaseProgress.Completed && !_progressing.IsAtRest)
                ? status.LastTransitionTime
                : context.Now,
            LastProgressTime = _progressing.LastProgressTime,
            NextReconcileTime = release.Wait?.Until,
        };
    }

    private string Progress() => release.State switch
    {
        ReleaseState.Completed => ReleaseProgress.Completed,
        ReleaseState.Aborted or ReleaseState.RollingBack or ReleaseState.RolledBack => ReleaseProgress.Aborted,
        // Held before it began.
        _ when context.Updated is null || policy.AwaitsInspection => ReleaseProgress.Init,
        ReleaseState.WaitingForConfirmation or ReleaseState.Held => ReleaseProgress.Paused,
        _ => ReleaseProgress.Executing,
    };

    private Condition Available()
    {
        var least = context.Desired == 0 ? 0 : context.Desired - _deployment.MaxUnavailable(context.Desired);
        var isEnough = _counts.Available >= least && (_counts.Available > 0 || context.Desired == 0);
        return ConditionOf(_deployment, DeploymentConditions.Available, isEnough ? Condition.True : Condition.False,
            isEnough ? Reasons.MinimumAvailable : Reasons.MinimumUnavailable, AvailableOf(_counts.Available, context.Desired));
    }

    /// <summary>A missing base may still appear, so it is waited for. Whatever else ends the progress waits for a person.</summary>
    private Readiness ReadinessOf(Condition progressing)
    {
        var (reason, message) = (progressing.Reason!, progressing.Message!);
        if (release.Status.Abort is not null || (progressing.Status == Condition.False && reason != Reasons.BaseNotFound))
            return Readiness.Stalled(reason, message);
        if (reason != Reasons.ReleaseCompleted) return Readiness.Reconciling(reason, message);
        return _counts.UpdatedAvailable >= context.Desired
            ? Readiness.Ready(reason, message)
            : Readiness.Reconciling(
                context.Refusal?.Reason == Reasons.NoEligibleBase ? Reasons.NoEligibleBase : Reasons.ModulesUnavailable, message);
    }
}
