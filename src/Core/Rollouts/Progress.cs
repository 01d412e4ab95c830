using System.Globalization;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using static ModuleController.Core.Rollouts.RolloutStatus;

namespace ModuleController.Core.Rollouts;

/// <summary>How far a release is, in the words of the status: conditions, the release's own status, Events, the deadline.</summary>
internal sealed class Progress(RolloutLook look, RolloutStage stage, RolloutPolicy policy, bool isScaling)
{
    private readonly ModuleDeployment _deployment = look.Deployment;
    private readonly RolloutCounts _counts = look.Counts;

    public DateTimeOffset? DeadlineAt =>
        IsAtRest || Waiting() is not null || IsLate() ? null : LastProgress() + _deployment.ProgressDeadline;

    private bool IsCompleted => stage.IsSettled || (stage.IsCompleted && !isScaling);

    private bool IsAtRest => IsCompleted || stage.Release.Abort is not null;

    private ModuleSource Module => _deployment.Spec.Template.Spec.Module;

    public ModuleDeploymentStatus Status()
    {
        var spec = _deployment.Spec;
        var isMirrored = look.Updated is not null && !isScaling
            && spec.Replicas == look.Replicas.Replicas && spec.ScaleReplicas == look.Replicas.ScaleReplicas;
        var progressing = Progressing();
        var conditions = _deployment.Status.Conditions.With(Available(), look.Now).With(progressing, look.Now);
        conditions = Failures(look.State) is { } failures
            ? conditions.With(failures, look.Now)
            : conditions.Without(DeploymentConditions.ReplicaFailure);
        return Counted(look.State, _counts, look.Desired) with
        {
            ObservedReplicas = isMirrored ? spec.Replicas : _deployment.Status.ObservedReplicas,
            AbortedRevision = stage.RollsBack ? look.RevisionHash : null,
            Conditions = Readiness(progressing).On(conditions, look.State, look.Now),
            ReleaseStatus = Release(isMirrored),
        };
    }

    public IEnumerable<PlannedEvent> Events(IReadOnlyList<RolloutStep> scales)
    {
        // For a base that does not exist, nothing starts.
        if (stage.Release.Abort is null && look.State.Base is not null
            && scales.OfType<RolloutStep.ScaleReplicaSet>().FirstOrDefault(step => step.ReplicaSet == look.Updated?.ReplicaSet) is { } step)
            yield return new(Reasons.BatchStarted, stage.IsMoving
                ? $"{BatchText}: {Module.Name} {Module.Version} for {Number(step.Replicas)} of {CountOf(look.Desired)}"
                : $"{BatchText}: {CountOf(step.Replicas)} of {Module.Name} {Module.Version}, was {Number(step.ReplicaSet.Spec.Replicas)}")
            {
                Time = EventTime.StepsDone,
            };
        var before = look.Before?.Progress;
        if (IsCompleted && before is not null and not ReleaseProgress.Completed)
            yield return new(Reasons.ReleaseCompleted,
                $"{Module.Name} {Module.Version}: {RolloutStatus.Available(_counts.UpdatedAvailable, look.Desired)}{WithoutPlace}");
        var progressing = Progressing();
        if (progressing.Status != Condition.True && progressing.Reason != Previous(DeploymentConditions.Progressing))
            yield return new(progressing.Reason!, progressing.Message!, IsWarning: !IsPlannedWait(progressing.Reason!));
        if (IsCompleted && Readiness(progressing) is { Reason: Reasons.NoEligibleBase } waiting && Previous(DeploymentConditions.Reconciling) != waiting.Reason)
            yield return new(waiting.Reason, waiting.Message, IsWarning: true);
        if (Failures(look.State) is { } failures && failures.Reason != Previous(DeploymentConditions.ReplicaFailure))
            yield return new(failures.Reason!, failures.Message!, IsWarning: true);
    }

    private string? Previous(string condition) => _deployment.Status.Conditions.Find(condition)?.Reason;

    private static bool IsPlannedWait(string reason) =>
        reason is Reasons.WaitingForConfirmation or Reasons.GrayTime or Reasons.Paused or Reasons.Frozen or Reasons.Aborted
            or Reasons.AwaitingPlace;

    private ReleaseStatus Release(bool isMirrored)
    {
        var (release, before) = (stage.Release, stage.IsNew ? null : look.Before);
        var progress = ProgressNow();
        return release with
        {
            Progress = progress,
            BatchProgress = look.Updated is null ? ReleaseProgress.Init : release.BatchProgress,
            UpgradePolicy = policy.Chosen?.Text() ?? (policy.Hold is null ? release.UpgradePolicy : null),
            PendingReplicas = isMirrored ? null : release.PendingReplicas,
            // The gray time counts from it: a pause in between does not start it over.
            LastTransitionTime = before?.Progress == progress || (release.BatchProgress == ReleaseProgress.Completed && !IsAtRest)
                ? release.LastTransitionTime
                : look.Now,
            LastProgressTime = LastProgress(),
            NextReconcileTime = stage.NextBatchAt,
        };
    }

    private string ProgressNow() =>
        IsCompleted ? ReleaseProgress.Completed
        : stage.Release.Abort is not null ? ReleaseProgress.Aborted
        : look.Updated is null || policy.AwaitsInspection ? ReleaseProgress.Init
        : stage.IsStopped || stage.IsWaitingForConfirmation ? ReleaseProgress.Paused
        : ReleaseProgress.Executing;

    private DateTimeOffset? LastProgress()
    {
        var last = stage.Release.LastProgressTime;
        var hasMoved = RolloutClock.HasMoved(look) || isScaling || stage.IsNew || (RolloutClock.WasWaiting(look) && Waiting() is null);
        return (hasMoved && !IsAtRest) || last is null ? look.Now : last;
    }

    private bool IsLate() => look.Now - LastProgress() >= _deployment.ProgressDeadline;

    private Condition Available()
    {
        var least = look.Desired == 0 ? 0 : look.Desired - _deployment.MaxUnavailable(look.Desired);
        var isEnough = _counts.Available >= least && (_counts.Available > 0 || look.Desired == 0);
        return ConditionOf(_deployment, DeploymentConditions.Available, isEnough ? Condition.True : Condition.False,
            isEnough ? Reasons.MinimumAvailable : Reasons.MinimumUnavailable,
            RolloutStatus.Available(_counts.Available, look.Desired));
    }

    private Condition Progressing()
    {
        if (look.State.Base is null)
            return Is(Condition.False, Reasons.BaseNotFound,
                $"there is no Deployment {_deployment.Spec.BaseDeploymentName} in namespace {_deployment.Metadata.Namespace}");
        if (IsCompleted) return Is(Condition.True, Surplus > 0 ? Reasons.ModulesBeingRemoved : Reasons.ReleaseCompleted, Share);
        if (stage.RollsBack) return RollingBack();
        if (stage.Release.Abort is { } abort) return Is(Condition.False, abort.Reason, $"{Share}, aborted: {abort.Message}");
        if (stage.IsStopped && stage.Hold is { } hold)
            return hold.Reason switch
            {
                Reasons.Inspecting or Reasons.InspectionFailed when IsLate() => TooLate(hold.Message),
                Reasons.Inspecting or Reasons.InspectionFailed => Is(Condition.True, hold.Reason, hold.Message),
                Reasons.WebContextPathConflict => Is(Condition.False, hold.Reason, hold.Message),
                _ => Is(Condition.Unknown, hold.Reason, $"{Share}, {hold.Message}"),
            };
        if (Waiting() is { } wait) return Is(Condition.Unknown, wait.Reason, wait.Message);
        if (IsLate()) return TooLate(Share);
        return HasFailedForGood()
            ? Is(Condition.False, Reasons.ModulesFailed,
                $"{Share}; {WhatToCorrect()}")
            : Is(Condition.True, OnlyRestartsHelp() ? Reasons.MetaspaceFull : Reasons.ReleaseProgressing, Share);

        Condition TooLate(string message) => Is(Condition.False, Reasons.ProgressDeadlineExceeded,
            $"no progress for {Number((int)_deployment.ProgressDeadline.TotalSeconds)} s; {message}");

        Condition Is(string status, string reason, string message) =>
            ConditionOf(_deployment, DeploymentConditions.Progressing, status, reason, message);
    }

    /// <summary>A failed hook is no fault of the artifact, and nothing but the verb tries it again.</summary>
    private string WhatToCorrect()
    {
        var failed = Failed([look.Updated!]);
        return failed.TrueForAll(module => module.Status.LastError?.Reason == nameof(FailureReason.HookFailed))
            ? $"the hook is not retried: correct it, and then set the annotation {Annotations.Action} to retry, or to undo"
            : $"this artifact is not retried: correct it, or set the annotation {Annotations.Action} to retry or undo";
    }

    private Condition RollingBack()
    {
        var module = look.Fallback!.ReplicaSet.Spec.Template.Spec.Module;
        var back = look.Fallback.Modules.Count(item => item.IsAvailable && !item.Metadata.IsDeleting);
        var isBack = back >= look.Desired && !RolloutLook.IsCarried(look.Updated!);
        return ConditionOf(_deployment, DeploymentConditions.Progressing, Condition.False, isBack ? Reasons.RolledBack : Reasons.RollingBack,
            $"{Module.Name} {Module.Version} was given up ({stage.Release.Abort!.Message}): {Number(back)} of {Number(look.Desired)} "
            + $"available in {module.Version}" + (!isBack && RolloutHold.ByHand(look) is { } hold ? $", {hold.Message}" : ""));
    }

    /// <summary>A base that does not exist may still appear, so it is waited for; whatever else ends the progress waits for a person.</summary>
    private RolloutReadiness Readiness(Condition progressing)
    {
        var (reason, message) = (progressing.Reason!, progressing.Message!);
        if (stage.Release.Abort is not null || (progressing.Status == Condition.False && reason != Reasons.BaseNotFound))
            return RolloutReadiness.Stalled(reason, message);
        if (reason != Reasons.ReleaseCompleted) return RolloutReadiness.Reconciling(reason, message);
        return _counts.UpdatedAvailable >= look.Desired
            ? RolloutReadiness.Ready(reason, message)
            : RolloutReadiness.Reconciling(
                Refusal?.Reason == Reasons.NoEligibleBase ? Reasons.NoEligibleBase : Reasons.ModulesUnavailable, message);
    }

    /// <summary>All that could still happen in this batch has happened, and at least one module failed with what is not retried.</summary>
    private bool HasFailedForGood()
    {
        if (look.Updated is not { } updated || _counts.NextAvailableAt is not null
            || look.State.Sets.Any(set => set.Modules.Any(module => module.Metadata.IsDeleting))) return false;
        var unavailable = updated.Modules.Where(module => module is { IsBound: true, IsAvailable: false }).ToList();
        // Failed modules that are all of maxUnavailable leave nothing that may be taken out of service next.
        var isBatchCreated = updated.Goal <= _counts.Updated + _counts.Unplaced;
        var isBudgetSpent = policy.Chosen == UpgradePolicy.UninstallThenInstall && unavailable.Count >= _deployment.MaxUnavailable(look.Desired);
        return unavailable.Count > 0 && (isBatchCreated || isBudgetSpent) && unavailable.TrueForAll(module => IsFinal(updated, module));
    }

    /// <summary>Modules that replace one which serves on a pod without Metaspace: a restart of the base has to come first.</summary>
    private List<Module> AwaitingRestart =>
    [
        .. (look.Updated?.Modules ?? []).Where(module => module is { IsBound: true, IsAvailable: false, Metadata.IsDeleting: false }
                && look.State.FullPods.Contains(module.Spec.PodUid!)
                && look.Old.SelectMany(set => set.Modules).Any(old => old.Metadata.Uid == module.Spec.Replaces && old is { IsAvailable: true, Metadata.IsDeleting: false }
                    && old.Spec.PodUid == module.Spec.PodUid))
            .OrderBy(module => module.Spec.PodName, StringComparer.Ordinal),
    ];

    /// <summary>Nothing else of the batch is under way.</summary>
    private bool OnlyRestartsHelp() => AwaitingRestart.Count is > 0 and var waiting
        && look.Updated!.Modules.Count(module => !module.IsAvailable && !module.Metadata.IsDeleting) == waiting
        && look.Updated.Goal <= _counts.Updated;

    // With another url or digest it is recreated, and the verb retry begins anew.
    private bool IsFinal(ReplicaSetWithModules updated, Module module) =>
        module.Status is { Status: ModulePhase.Failed, LastError: { } error } && module.Spec.Module == Module
        && !(error.Time <= stage.Release.RetriedAt) && FailureReasons.Parse(error.Reason) is { } reason
        && RetryPolicy.Next(
            reason, reason == FailureReason.BaseDied ? Retries.DeathsIn(error) : 1,
            RevisionHistory.FirstAvailableAt(updated) is not null || ModuleReadiness.WasEverAvailable(module), jitter: 0) is Retry.Final;

    /// <summary>Why the first Module without a pod has none; null: every Module has one, or Placement has not decided yet.</summary>
    private Condition? Refusal => look.Updated?.Modules.Where(module => !module.IsBound && !module.Metadata.IsDeleting)
        .Select(module => module.Status.Conditions.Find(ModuleConditions.Scheduled)).FirstOrDefault(scheduled => scheduled?.Reason is not null);

    /// <summary>What stops the clock: somebody has to say something, or nothing that is wanted can be placed now.</summary>
    private (string Reason, string Message)? Waiting()
    {
        if (look.Updated is not { } updated || IsAtRest) return null;
        if (stage.IsStopped && stage.Hold!.Reason is Reasons.Paused or Reasons.Frozen or Reasons.AgentsVanished) return (stage.Hold.Reason, stage.Hold.Message);
        if (stage.IsWaitingForConfirmation)
            return (Reasons.WaitingForConfirmation, $"{Share}, waiting for confirmation of batch {Number(stage.Batch)}"
                + (stage.IsDone() ? "" : ", which is not complete at the moment") + Confirmation.Ignored(stage.Release, "release"));
        if (stage.NextBatchAt is { } next)
            return (Reasons.GrayTime, string.Create(CultureInfo.InvariantCulture, $"{Share}, the next batch begins at {next.UtcDateTime:HH:mm:ss} UTC"));
        if (_counts.Unplaced == 0) return null;
        var told = Refusal;
        if (told?.Reason == Reasons.WouldInterruptService) return (told.Reason, told.Message ?? "");
        // A Module that Placement has not said anything about yet is no refusal, and others may still be on their way.
        var reason = told?.Reason == Reasons.AwaitingPlace ? Reasons.AwaitingPlace : Reasons.NoEligibleBase;
        return told is not null && _counts.UpdatedAvailable == _counts.Updated && updated.Goal <= _counts.Updated + _counts.Unplaced
            ? (reason, told.Message ?? "")
            : null;
    }

    // Who looks at the release sees at once why it does not go on.
    private string Share =>
        $"{Module.Name} {Module.Version}: {(IsCompleted ? "" : $"{BatchText}: ")}{Number(Math.Min(_counts.UpdatedAvailable, look.Desired))} of {Number(look.Desired)} available"
        + (look.Updated is { } updated && Failed([updated]) is [_, ..] failed
            ? $", {Number(failed.Count)} failed ({string.Join(", ", failed.Select(module => module.Status.LastError!.Reason).Distinct().Order(StringComparer.Ordinal))})"
            : "")
        + (AwaitingRestart is [_, ..] waiting
            ? $", {Number(waiting.Count)} waiting until the base restarts on pods that are out of Metaspace ({Some(waiting.Select(module => module.Spec.PodName!))})"
            : "")
        + WithoutPlace
        + (Surplus > 0 ? $", {Number(Surplus)} to be removed" : "")
        + (Surplus > 0 && look.State.Outage is { } outage ? $"; {outage}" : "");

    private static string Some(IEnumerable<string> pods) => pods.ToList() is { Count: > 3 } many
        ? $"{string.Join(", ", many.Take(3))} and {Number(many.Count - 3)} more"
        : string.Join(", ", pods);

    /// <summary>More base pods have the module than should. While an upgrade moves to other pods, only what already serves counts.</summary>
    private int Surplus => Math.Max(0, (IsCompleted ? _counts.Replicas : _counts.UpdatedAvailable) - look.Desired);

    private string WithoutPlace => !IsCompleted || _counts.Unplaced == 0 ? ""
        : $", {Number(_counts.Unplaced)} without a base pod" + (Refusal?.Message is { } why ? $": {why}" : "");

    private string BatchText => $"batch {Number(stage.Batch)} of {Number(stage.BatchCount)}";
}
