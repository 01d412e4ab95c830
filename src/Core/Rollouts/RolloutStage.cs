using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>Where a release stands after this look: its batch, what stops it, and how many Modules there should be.</summary>
/// <remarks>
/// A batch is <c>Init</c> before it begins, <c>Executing</c> until each of its modules is available, then
/// <c>WaitingForConfirmation</c> or, for its gray time, <c>Completed</c>. The number only rises.
/// </remarks>
internal sealed class RolloutStage
{
    private readonly RolloutLook _look;
    private readonly RolloutPolicy _policy;

    public RolloutStage(RolloutLook look, RolloutPolicy policy, RolloutAction? action)
    {
        (_look, _policy) = (look, policy);
        (Release, IsNew) = RolloutStart.Of(look);
        if (action is not null) Release = action.On(look, Release);
        var wasCompleted = !IsNew && Release.Progress == ReleaseProgress.Completed;
        Release = Release with { Abort = Release.Abort ?? RolloutAbort.Of(look, Release.RetriedAt, wasCompleted, RolloutClock.IsLate(look, IsNew)) };
        IsSettled = wasCompleted && Release.Abort is null;
        IsMoving = look.IsMoving && !IsSettled;
        Hold = RolloutHold.Of(look, Release, policy);
        IsStopped = Hold is not null && IsMoving;
        Share();
        Advance();
    }

    public ReleaseStatus Release { get; private set; }

    public bool IsNew { get; }

    /// <summary>It had completed before: a module that is lost later, or a scale, does not start it anew.</summary>
    public bool IsSettled { get; }

    /// <summary>All that could be placed has been available for minReadySeconds, and nothing old is left.</summary>
    public bool IsCompleted { get; private set; }

    public bool IsMoving { get; }

    /// <summary>What stops the move between revisions; null: nothing does.</summary>
    public RolloutHold? Hold { get; }

    public bool IsStopped { get; }

    /// <summary>The last completed revision, which is another one, comes back, since this one was given up.</summary>
    public bool RollsBack => Release.Abort is { } abort && abort.Reason != Reasons.Aborted
        && _look.Deployment.RollsBackByItself && Heir is not null && Heir != _look.Updated;

    private bool MovesBack => RollsBack && RolloutHold.ByHand(_look) is null;

    public int Batch => Release.CurrentBatch ?? 1;

    public int BatchCount => Release.RealBatchCount ?? 1;

    /// <summary>How many Modules there should be now, of all revisions.</summary>
    public int Total { get; private set; }

    /// <summary>How many of those are of the new revision.</summary>
    public int Updated { get; private set; }

    /// <summary>When the next batch begins by itself.</summary>
    public DateTimeOffset? NextBatchAt { get; private set; }

    public bool IsWaitingForConfirmation => Release.BatchProgress == ReleaseProgress.WaitingForConfirmation;

    /// <summary>A batch of a revision ends when so many are updated.</summary>
    public int Aim => AimOf(Batch);

    /// <summary>The one that takes what is missing beyond the released share; null: that waits for its batch.</summary>
    public ReplicaSetWithModules? Heir => Release.Abort?.Reason == Reasons.BaseDied ? _look.Fallback : _look.LastCompleted;

    // Before it is known how to upgrade, no more old ones are made for a release that has not begun.
    private bool IsUndecided => Hold?.Reason is Reasons.Inspecting or Reasons.InspectionFailed or Reasons.WebContextPathConflict;

    private bool UsesBeta => IsMoving && _look.Deployment.UsesBeta && BatchCount > 1;

    // One that follows its base has a module on every pod at once, of whichever revision.
    private int Delta => _look.Deployment.Spec.IsSymmetric ? 0 : Release.OriginalDeltaReplicas ?? 0;

    private int Confirmed => Confirmation.Of(_look.Deployment, Release);

    private bool MustBeConfirmed => _look.Deployment.NeedsConfirmation || (UsesBeta && Batch == 1);

    /// <summary>Each of the batch's modules has been available for minReadySeconds, as far as it could be placed.</summary>
    public bool IsDone()
    {
        var (updated, counts) = (_look.Updated!, _look.Counts);
        if (!IsMoving && Delta < 0) return updated.Goal <= Total && updated.Modules.Count <= Total;
        var aim = IsMoving ? Math.Min(Aim, Total) : Total;
        var size = IsMoving ? Aim - AimOf(Batch - 1) : TotalOf(Batch) - TotalOf(Batch - 1);
        return updated.Goal >= aim && counts.UpdatedAvailable >= aim - Unplaced && (counts.UpdatedAvailable > 0 || aim == 0)
            && (Unplaced == 0 || Unplaced < size || size <= 0);
    }

    private void Advance()
    {
        if (IsSettled || _look.Updated is null) return;
        if (Release.BatchProgress is null or ReleaseProgress.Init && !IsStopped) To(Batch, ReleaseProgress.Executing);
        if (Release.BatchProgress == ReleaseProgress.Init || Release.Abort is not null || !IsDone()) return;
        if (IsFinal())
        {
            IsCompleted = _look.Updated.Goal == _look.Desired && _look.Old.All(set => set.Modules.All(module => module.Metadata.IsDeleting))
                && !(IsStopped && IsUndecided);
            if (IsCompleted) To(Batch, ReleaseProgress.Completed);
            return;
        }

        var isWaiting = Release.Promoted != true && Confirmed < Batch && MustBeConfirmed;
        if (!isWaiting && !IsStopped && MayBeginNext())
        {
            NextBatchAt = null;
            To(Next(), ReleaseProgress.Executing);
        }
        else To(Batch, isWaiting ? ReleaseProgress.WaitingForConfirmation : ReleaseProgress.Completed);
    }

    // A confirmation ends the gray time.
    private bool MayBeginNext()
    {
        if (Release.Promoted == true || Confirmed >= Batch || _look.Deployment.GrayTime <= TimeSpan.Zero) return true;
        var since = Release.BatchProgress == ReleaseProgress.Completed ? Release.LastTransitionTime ?? _look.Now : _look.Now;
        NextBatchAt = since + _look.Deployment.GrayTime;
        return NextBatchAt <= _look.Now;
    }

    private void To(int batch, string batchProgress)
    {
        if (Release.CurrentBatch == batch && Release.BatchProgress == batchProgress) return;
        Release = Release with { CurrentBatch = batch, BatchProgress = batchProgress, LastTransitionTime = _look.Now };
        Share();
    }

    // Where new versions move to other pods, most wait for one that another leaves: that is part of the batch, and no want of pods;
    // also where the policy was changed a moment ago.
    private int Unplaced => _policy.Chosen == UpgradePolicy.ScaleUpThenScaleDown
        ? _look.Counts.NoPlace
        : _look.Counts.Unplaced - _look.Counts.AwaitingPlace;

    private bool IsFinal() => IsMoving ? Aim >= _look.Desired && Total == _look.Desired : Batch >= BatchCount || Total == _look.Desired;

    /// <summary>The next batch that changes anything.</summary>
    private int Next()
    {
        var next = Batch + 1;
        while (next < BatchCount && AimOf(next) == Aim && TotalOf(next) == TotalOf(Batch)) next++;
        return next;
    }

    private int AimOf(int batch) => Batches.Aim(batch, _look.Desired, BatchCount, UsesBeta);

    // What the release began from moves with the number that is desired: a scale is not held up by batches.
    private int TotalOf(int batch) =>
        _look.Desired - Delta + (Math.Sign(Delta) * Batches.Aim(batch, Math.Abs(Delta), BatchCount, useBeta: false));

    private void Share()
    {
        var (desired, batch) = (_look.Desired, Release.BatchProgress == ReleaseProgress.Init ? Batch - 1 : Batch);
        var (live, updated, old) = Live();
        var placed = live - _look.Counts.Unplaced - _look.Old.SelectMany(_look.Staying).Count(module => !module.IsBound);
        // Never below what the batch itself holds: scaled down since, the release may have begun from less than nothing.
        var total = IsSettled || (IsStopped && !(IsUndecided && Delta > 0)) ? desired : Math.Max(TotalOf(batch), IsMoving ? Math.Min(AimOf(batch), desired) : 0);
        // What is there already stays, so that no batch has to undo what another one did.
        Total = Delta > 0 ? Math.Clamp(Math.Max(total, live), 0, desired) : Delta < 0 ? Math.Max(desired, Math.Min(total, placed)) : desired;
        Updated = Math.Min(Total, Released(AimOf(batch), updated, Math.Max(0, Total - live)));
        // No pod is downgraded because the share got smaller: only what nobody else could be removed for has to go.
        if (!MovesBack) Updated = Math.Max(Updated, Math.Min(updated, Total - Math.Min(old, Total)));
    }

    private int Released(int aim, int updated, int missing)
    {
        if (MovesBack) return 0;
        if (Release.Abort is { } abort && (abort.Reason == Reasons.BaseDied || _look.Fallback is not null)) return Math.Min(updated, aim);
        if (!IsMoving) return Total;
        // Stopped: nothing moves, but what is missing of the share is made where there is a free place.
        return IsStopped ? Math.Min(aim, updated + missing) : aim;
    }

    /// <summary>Live Modules, two on one pod counted once, as the new one.</summary>
    private (int All, int Updated, int Old) Live()
    {
        var updated = (_look.Updated?.Modules ?? []).Count(module => !module.Metadata.IsDeleting);
        var old = _look.Old.SelectMany(_look.Staying).Select(module => module.Spec.PodUid ?? module.Metadata.Uid).Distinct().Count();
        return (updated + old, updated, old);
    }
}
