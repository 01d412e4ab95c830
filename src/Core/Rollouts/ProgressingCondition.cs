using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using static ModuleController.Core.Rollouts.StatusText;

namespace ModuleController.Core.Rollouts;

/// <summary>The condition <c>Progressing</c>: the state of a release in a sentence, and its progress deadline.</summary>
internal sealed class ProgressingCondition(Context context, Release release, PolicyChoice policy)
{
    private readonly Counts _counts = context.Counts;

    /// <summary>Null: the clock is stopped, or the deadline has passed.</summary>
    public DateTimeOffset? DeadlineAt =>
        IsAtRest || IsClockStopped || IsLate ? null : LastProgressTime + context.Deployment.ProgressDeadline;

    /// <summary>Since when there has been no progress. It is now while the clock is stopped.</summary>
    public DateTimeOffset LastProgressTime =>
        !IsAtRest && (context.HasProgressed || release.IsNew || release.Scales.Count > 0 || (context.WasWaiting && !IsClockStopped))
            ? context.Now
            : release.Status.LastProgressTime ?? context.Now;

    /// <summary>Nothing more happens until the ModuleDeployment changes.</summary>
    public bool IsAtRest => release.State == ReleaseState.Completed || release.Status.Abort is not null;

    public string BatchText => $"batch {Number(release.Batch.Number)} of {Number(release.Batch.Count)}";

    /// <summary>Modules of a completed release that have no base pod, and why.</summary>
    public string WithoutPlace => release.State != ReleaseState.Completed || _counts.Unplaced == 0 ? ""
        : $", {Number(_counts.Unplaced)} without a base pod" + (context.Refusal?.Message is { } why ? $": {why}" : "");

    private bool IsClockStopped => release.Wait is { StopsClock: true };

    private bool IsLate => context.Now - LastProgressTime >= context.Deployment.ProgressDeadline;

    public Condition Value()
    {
        if (context.State.Base is null)
            return Is(Condition.False, Reasons.BaseNotFound,
                $"there is no Deployment {context.Deployment.Spec.BaseDeploymentName} in namespace "
                + $"{context.Deployment.Metadata.Namespace}");
        return (release.State, release.Wait) switch
        {
            (ReleaseState.Inspecting, { } wait) => IsLate ? TooLate(wait.Message) : Is(Condition.True, wait.Reason, wait.Message),
            (ReleaseState.WaitingForConfirmation or ReleaseState.GrayTime, { } wait) =>
                Is(Condition.Unknown, wait.Reason, $"{Share}, {wait.Message}"),
            (ReleaseState.Completed, _) => Is(Condition.True, Surplus > 0 ? Reasons.ModulesBeingRemoved : Reasons.ReleaseCompleted, Share),
            (ReleaseState.Held, { Reason: Reasons.WebContextPathConflict } wait) => Is(Condition.False, wait.Reason, wait.Message),
            (ReleaseState.Held, { } wait) => Is(Condition.Unknown, wait.Reason, $"{Share}, {wait.Message}"),
            (ReleaseState.Aborted, _) =>
                Is(Condition.False, release.Status.Abort!.Reason, $"{Share}, aborted: {release.Status.Abort.Message}"),
            (ReleaseState.RollingBack or ReleaseState.RolledBack, _) => RollingBack(),
            (_, { } noPlace) => Is(Condition.Unknown, noPlace.Reason, noPlace.Message),
            _ => IsLate ? TooLate(Share)
                : HasFailedForGood() ? Is(Condition.False, Reasons.ModulesFailed, $"{Share}; {WhatToCorrect()}")
                : Is(Condition.True, OnlyRestartsHelp() ? Reasons.MetaspaceFull : Reasons.ReleaseProgressing, Share),
        };
    }

    private Condition TooLate(string message) => Is(Condition.False, Reasons.ProgressDeadlineExceeded,
        $"no progress for {Number((int)context.Deployment.ProgressDeadline.TotalSeconds)} s; {message}");

    private Condition Is(string status, string reason, string message) =>
        ConditionOf(context.Deployment, DeploymentConditions.Progressing, status, reason, message);

    private Condition RollingBack()
    {
        var target = context.RollbackTarget!;
        return Is(Condition.False, release.State == ReleaseState.RolledBack ? Reasons.RolledBack : Reasons.RollingBack,
            $"{context.Module.Name} {context.Module.Version} was given up ({release.Status.Abort!.Message}): "
            + $"{Number(target.AvailableCount)} of {Number(context.Desired)} available in "
            + $"{target.ReplicaSet.Spec.Template.Spec.Module.Version}"
            + (release.Wait is { } hold ? $", {hold.Message}" : ""));
    }

    private string Share =>
        $"{context.Module.Name} {context.Module.Version}: {(release.State == ReleaseState.Completed ? "" : $"{BatchText}: ")}"
        + $"{Number(Math.Min(_counts.UpdatedAvailable, context.Desired))} of {Number(context.Desired)} available"
        + (context.Updated is { } updated && Failed([updated]) is [_, ..] failed
            ? $", {Number(failed.Count)} failed ({ReasonsOf(failed)})"
            : "")
        + (AwaitingRestart is [_, ..] waiting
            ? $", {Number(waiting.Count)} waiting until the base restarts on pods that are out of Metaspace "
                + $"({Some(waiting.Select(module => module.Spec.PodName!))})"
            : "")
        + WithoutPlace
        + (Surplus > 0 ? $", {Number(Surplus)} to be removed" : "")
        + (Surplus > 0 && context.State.Outage is { } outage ? $"; {outage}" : "");

    private static string Some(IEnumerable<string> pods) => pods.ToList() is { Count: > 3 } many
        ? $"{string.Join(", ", many.Take(3))} and {Number(many.Count - 3)} more"
        : string.Join(", ", pods);

    /// <summary>More base pods have the module than should. While an upgrade moves to other pods, only available modules count.</summary>
    private int Surplus =>
        Math.Max(0, (release.State == ReleaseState.Completed ? _counts.Replicas : _counts.UpdatedAvailable) - context.Desired);

    /// <summary>Nothing else of this batch is under way, and at least one module failed with what is not retried.</summary>
    private bool HasFailedForGood()
    {
        if (context.Updated is not { } updated || _counts.NextAvailableAt is not null
            || context.State.Sets.Any(set => set.Modules.Any(module => module.Metadata.IsDeleting))) return false;
        var unavailable = updated.Modules.Where(module => module is { IsBound: true, IsAvailable: false }).ToList();
        // Where as many have failed as maxUnavailable allows, no other module may be taken out of service.
        var isBatchCreated = updated.Goal <= _counts.Updated + _counts.Unplaced;
        var isBudgetSpent = policy.Chosen == UpgradePolicy.UninstallThenInstall
            && unavailable.Count >= context.Deployment.MaxUnavailable(context.Desired);
        return unavailable.Count > 0 && (isBatchCreated || isBudgetSpent) && unavailable.TrueForAll(module => IsFinal(updated, module));
    }

    /// <summary>Modules on a pod without Metaspace that replace an available one: the base has to restart first.</summary>
    private List<Module> AwaitingRestart =>
    [
        .. (context.Updated?.Modules ?? []).Where(module => module is { IsBound: true, IsAvailable: false, Metadata.IsDeleting: false }
                && context.State.FullPods.Contains(module.Spec.PodUid!)
                && context.Old.SelectMany(set => set.Modules).Any(old => old.Metadata.Uid == module.Spec.Replaces
                    && old is { IsAvailable: true, Metadata.IsDeleting: false } && old.Spec.PodUid == module.Spec.PodUid))
            .OrderBy(module => module.Spec.PodName, StringComparer.Ordinal),
    ];

    /// <summary>Nothing else of the batch is under way.</summary>
    private bool OnlyRestartsHelp() => AwaitingRestart.Count is > 0 and var waiting
        && context.Updated!.Modules.Count(module => !module.IsAvailable && !module.Metadata.IsDeleting) == waiting
        && context.Updated.Goal <= _counts.Updated;

    // With another url or digest the Module is recreated, and the verb retry makes earlier failures void.
    private bool IsFinal(ReplicaSetWithModules updated, Module module) =>
        module.Status is { Status: ModulePhase.Failed, LastError: { } error } && module.Spec.Module == context.Module
        && !(error.Time <= release.Status.RetriedAt) && FailureReasons.Parse(error.Reason) is { } reason
        && RetryPolicy.Next(
            reason, reason == FailureReason.BaseDied ? JvmExits.Of(error).Own : 1,
            RevisionHistory.FirstAvailableAt(updated) is not null || ModuleReadiness.WasEverAvailable(module), jitter: 0) is Retry.Final;

    /// <summary>A failed hook is no fault of the artifact, and only the verb retry tries it again.</summary>
    private string WhatToCorrect() =>
        Failed([context.Updated!]).TrueForAll(module => module.Status.LastError?.Reason == nameof(FailureReason.HookFailed))
            ? $"the hook is not retried: correct it, and then set the annotation {Annotations.Action} to retry, or to undo"
            : $"this artifact is not retried: correct it, or set the annotation {Annotations.Action} to retry or undo";
}
