using System.Globalization;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>The states of a release, in the order of docs/rollouts.md. <see cref="Release"/> has a method for each.</summary>
internal enum ReleaseState
{
    Init,
    Inspecting,
    Executing,
    WaitingForConfirmation,
    GrayTime,
    Completed,
    Held,
    Aborted,
    RollingBack,
    RolledBack,
}

/// <summary>What a release waits for, other than the modules of its batch.</summary>
/// <param name="StopsClock">The time until the progress deadline does not pass meanwhile.</param>
internal sealed record Wait(string Reason, string Message, bool StopsClock = true)
{
    /// <summary>When it ends by itself; null: somebody has to act, or something has to change.</summary>
    public DateTimeOffset? Until { get; init; }
}

/// <summary>A release of a ModuleDeployment: the state that it is in after this reconcile, and what it waits for.</summary>
/// <remarks>
/// Each state has one method, which returns the next state and what that waits for. A batch is Executing until each of its modules
/// is available, then WaitingForConfirmation or in its GrayTime, as configured; then the next batch is Executing. Its number only
/// rises. The batch keeps its own state in <c>batchProgress</c> while the release is Held: it may finish, but no other begins.
/// </remarks>
internal sealed class Release
{
    private readonly Context _context;
    private readonly PolicyChoice _policy;
    private readonly BatchGoals _goals;

    public Release(Context context, PolicyChoice policy, Verb? verb)
    {
        (_context, _policy) = (context, policy);
        (Status, IsNew) = ReleaseStart.Of(context);
        if (verb is not null) Status = verb.On(context, Status);
        var hadCompleted = !IsNew && Status.Progress == ReleaseProgress.Completed;
        Status = Status with { Abort = Status.Abort ?? AbortCheck.Of(context, Status.RetriedAt, hadCompleted, IsNew) };
        IsSettled = hadCompleted && Status.Abort is null;
        IsUpgrade = context.IsUpgrade && !IsSettled;
        Hold = context.Hold ?? policy.Hold;
        _goals = new(context, this);
        (State, Wait) = Next();
        Scales = context.Updated is null ? [] : _goals.Scales();
    }

    public ReleaseState State { get; }

    /// <summary>Null: it waits for the modules of its batch, or for nothing.</summary>
    public Wait? Wait { get; }

    /// <summary>What the status remembers of it.</summary>
    public ReleaseStatus Status { get; private set; }

    /// <summary>The goals that have to change now.</summary>
    public IReadOnlyList<RolloutStep.ScaleReplicaSet> Scales { get; }

    /// <summary>It begins in this reconcile.</summary>
    public bool IsNew { get; }

    /// <summary>It had completed before: neither a lost module nor a scale starts it again.</summary>
    public bool IsSettled { get; }

    /// <summary>Its batches move modules between revisions. Otherwise they only change the number of modules.</summary>
    public bool IsUpgrade { get; }

    /// <summary>The last batch became complete in this reconcile.</summary>
    public bool IsLastBatchDone { get; private set; }

    /// <summary>What stops an upgrade and can be lifted; null: nothing does.</summary>
    public Wait? Hold { get; }

    /// <summary>No module moves between revisions. Everything else continues: replacement, scaling, replay, deletion.</summary>
    public bool IsStopped => IsUpgrade && (Status.Abort is not null || Hold is not null);

    /// <summary>The upgrade policy is not chosen yet. Until then, an upgrade that has not started creates no modules of older
    /// revisions.</summary>
    public bool IsUndecided => Status.Abort is null
        && Hold?.Reason is Reasons.Inspecting or Reasons.InspectionFailed or Reasons.WebContextPathConflict;

    /// <summary>This revision was aborted, and the release returns to the last completed one.</summary>
    public bool RollsBack => Status.Abort is { } abort && abort.Reason != Reasons.Aborted
        && _context.Deployment.RollsBackByItself && StableReplicaSet is not null && StableReplicaSet != _context.Updated;

    /// <summary>The ReplicaSet that gets the missing modules beyond the released share; null: they wait for their batch.</summary>
    public ReplicaSetWithModules? StableReplicaSet =>
        Status.Abort?.Reason == Reasons.BaseDied ? _context.RollbackTarget : _context.LastCompleted;

    public int Batch => Status.CurrentBatch ?? 1;

    public int BatchCount => Status.RealBatchCount ?? 1;

    public bool UsesBeta => IsUpgrade && _context.Deployment.UsesBeta && BatchCount > 1;

    private (ReleaseState State, Wait? Wait) Next()
    {
        if (IsSettled) return (ReleaseState.Completed, null);
        var (state, wait) = Status.BatchProgress switch
        {
            _ when _context.Updated is null => Init(),
            null or ReleaseProgress.Init => Init(),
            ReleaseProgress.Executing => Executing(),
            ReleaseProgress.WaitingForConfirmation => WaitingForConfirmation(),
            _ => GrayTime(),
        };
        return state == ReleaseState.Completed ? (state, wait)
            : Status.Abort is not null ? Aborted()
            : !IsStopped ? (state, wait)
            : Hold!.Reason is Reasons.Inspecting or Reasons.InspectionFailed ? Inspecting(wait)
            : Held(wait);
    }

    private (ReleaseState State, Wait? Wait) Init()
    {
        if (_context.Updated is null) return (ReleaseState.Init, null);
        if (IsStopped) return (ReleaseState.Init, WaitForPlace());
        Enter(Batch, ReleaseProgress.Executing);
        return Executing();
    }

    private (ReleaseState State, Wait? Wait) Inspecting(Wait? batch) =>
        (ReleaseState.Inspecting, Hold! with { StopsClock = batch is not null });

    private (ReleaseState State, Wait? Wait) Executing()
    {
        if (!IsBatchDone()) return (ReleaseState.Executing, WaitForPlace());
        if (IsLastBatch()) return AreOldModulesRemoved() ? Completed() : (ReleaseState.Executing, WaitForPlace());
        return MustWaitForConfirmation() ? WaitingForConfirmation() : GrayTime();
    }

    private (ReleaseState State, Wait? Wait) WaitingForConfirmation()
    {
        var isDone = IsBatchDone();
        if (isDone && (IsLastBatch() ? AreOldModulesRemoved() : !MustWaitForConfirmation())) return Executing();
        Enter(Batch, ReleaseProgress.WaitingForConfirmation);
        return (ReleaseState.WaitingForConfirmation, new(Reasons.WaitingForConfirmation,
            string.Create(CultureInfo.InvariantCulture, $"waiting for confirmation of batch {Batch}")
            + (isDone ? "" : ", which is not complete at the moment") + Confirmation.Ignored(Status, "release")));
    }

    private (ReleaseState State, Wait? Wait) GrayTime()
    {
        if (!IsBatchDone() || (IsLastBatch() && !AreOldModulesRemoved())) return (ReleaseState.Executing, WaitForPlace());
        if (IsLastBatch() || MustWaitForConfirmation()) return Executing();
        var end = GrayTimeEnd();
        if (IsStopped || end > _context.Now)
        {
            Enter(Batch, ReleaseProgress.Completed);
            if (IsStopped) return (ReleaseState.GrayTime, WaitForPlace());
            var text = string.Create(CultureInfo.InvariantCulture, $"the next batch begins at {end!.Value.UtcDateTime:HH:mm:ss} UTC");
            return (ReleaseState.GrayTime, new(Reasons.GrayTime, text) { Until = end });
        }

        Enter(NextBatch(), ReleaseProgress.Executing);
        return (ReleaseState.Executing, WaitForPlace());
    }

    // The goals of old ReplicaSets without modules may still have to be set to 0.
    private (ReleaseState State, Wait? Wait) Completed()
    {
        IsLastBatchDone = true;
        Enter(Batch, ReleaseProgress.Completed);
        return _goals.Scales().Count == 0 ? (ReleaseState.Completed, null) : (ReleaseState.Executing, WaitForPlace());
    }

    private (ReleaseState State, Wait? Wait) Held(Wait? batch) =>
        (ReleaseState.Held, Hold! with { StopsClock = _context.Updated is not null && (Hold.StopsClock || batch is not null) });

    private (ReleaseState State, Wait? Wait) Aborted() => RollsBack ? RollingBack() : (ReleaseState.Aborted, null);

    // Pause and freeze hold it, too.
    private (ReleaseState State, Wait? Wait) RollingBack() =>
        _context.RollbackTarget!.AvailableCount >= _context.Desired && _context.Updated is not { HasLiveModules: true }
            ? RolledBack()
            : (ReleaseState.RollingBack, _context.Hold);

    private static (ReleaseState State, Wait? Wait) RolledBack() => (ReleaseState.RolledBack, null);

    /// <summary>Each of the batch's modules has been available for minReadySeconds, as far as it could be placed.</summary>
    private bool IsBatchDone()
    {
        if (Status.Abort is not null) return false;
        var (updated, counts, total) = (_context.Updated!, _context.Counts, _goals.Total);
        if (!IsUpgrade && _goals.Delta < 0) return updated.Goal <= total && updated.Modules.Count <= total;
        var goal = IsUpgrade ? Math.Min(_goals.UpdatedAfter(Batch), total) : total;
        var size = IsUpgrade
            ? _goals.UpdatedAfter(Batch) - _goals.UpdatedAfter(Batch - 1)
            : _goals.TotalAfter(Batch) - _goals.TotalAfter(Batch - 1);
        // Where new versions move to other pods, most wait until another one leaves its pod: they are part of the batch.
        var unplaced = _policy.Chosen == UpgradePolicy.ScaleUpThenScaleDown ? counts.NoPlace : counts.Unplaced - counts.AwaitingPlace;
        return updated.Goal >= goal && counts.UpdatedAvailable >= goal - unplaced && (counts.UpdatedAvailable > 0 || goal == 0)
            && (unplaced == 0 || unplaced < size || size <= 0);
    }

    private bool IsLastBatch() => IsUpgrade
        ? _goals.UpdatedAfter(Batch) >= _context.Desired && _goals.Total == _context.Desired
        : Batch >= BatchCount || _goals.Total == _context.Desired;

    private bool AreOldModulesRemoved() => _context.Updated!.Goal == _context.Desired
        && _context.Old.All(set => !set.HasLiveModules) && !(IsStopped && IsUndecided);

    private bool MustWaitForConfirmation() => Status.Promoted != true && Confirmation.Of(_context.Deployment, Status) < Batch
        && (_context.Deployment.NeedsConfirmation || (UsesBeta && Batch == 1));

    /// <summary>Null: there is no gray time, or a confirmation or promote ended it.</summary>
    private DateTimeOffset? GrayTimeEnd()
    {
        var isConfirmed = Status.Promoted == true || Confirmation.Of(_context.Deployment, Status) >= Batch;
        if (isConfirmed || _context.Deployment.GrayTime <= TimeSpan.Zero)
            return null;
        var since = Status.BatchProgress == ReleaseProgress.Completed ? Status.LastTransitionTime ?? _context.Now : _context.Now;
        return since + _context.Deployment.GrayTime;
    }

    /// <summary>The next batch that changes a goal.</summary>
    private int NextBatch()
    {
        var next = Batch + 1;
        while (next < BatchCount && _goals.UpdatedAfter(next) == _goals.UpdatedAfter(Batch)
            && _goals.TotalAfter(next) == _goals.TotalAfter(Batch))
            next++;
        return next;
    }

    /// <summary>Modules without a base pod, where nothing else of the batch is under way; null: there are none.</summary>
    private Wait? WaitForPlace()
    {
        var counts = _context.Counts;
        if (counts.Unplaced == 0 || _context.Refusal is not { } refusal) return null;
        if (refusal.Reason == Reasons.WouldInterruptService) return new(refusal.Reason, refusal.Message ?? "");
        // A Module that Placement has not decided about is not refused.
        var isNothingElseUnderWay = counts.UpdatedAvailable == counts.Updated && _context.Updated!.Goal <= counts.Updated + counts.Unplaced;
        return !isNothingElseUnderWay ? null
            : new(refusal.Reason == Reasons.AwaitingPlace ? Reasons.AwaitingPlace : Reasons.NoEligibleBase, refusal.Message ?? "");
    }

    private void Enter(int batch, string batchProgress)
    {
        if (Status.CurrentBatch == batch && Status.BatchProgress == batchProgress) return;
        Status = Status with { CurrentBatch = batch, BatchProgress = batchProgress, LastTransitionTime = _context.Now };
    }
}
