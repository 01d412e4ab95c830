using System.Globalization;
using ModuleController.Core.Modules;
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

/// <summary>A release of a ModuleDeployment: its state, and what it waits for.</summary>
/// <remarks>
/// Each state has one method. It returns the release in the state that follows (<see cref="MoveTo"/>), or, if nothing follows in this
/// reconcile, in the same state with what it waits for (<see cref="Stay"/>). The status has the state of the batch only: while the release
/// is Held, its batch may finish, but no other one begins. At most one batch begins in a reconcile. Its number only rises.
/// </remarks>
internal sealed record Release
{
    private readonly ReleaseFacts _facts;

    private Release(ReleaseFacts facts) => (_facts, Status) = (facts, facts.Status);

    public required ReleaseState State { get; init; }

    /// <summary>Null: it waits for the modules of its batch, or for nothing.</summary>
    public Wait? Wait { get; private init; }

    /// <summary>What the status remembers of it.</summary>
    public ReleaseStatus Status { get; private init; }

    /// <summary>The goals that have to change now.</summary>
    public IReadOnlyList<RolloutStep.ScaleReplicaSet> Scales { get; private init; } = [];

    /// <summary>The last batch became complete in this reconcile.</summary>
    public bool IsLastBatchDone { get; private init; }

    public ReleaseBatch Batch => new(_facts, Status);

    public bool IsNew => _facts.IsNew;

    public bool IsUpgrade => _facts.IsUpgrade;

    public bool RollsBack => _facts.RollsBack;

    private Context Context => _facts.Context;

    // The state is the one after this reconcile.
    private bool IsFinal { get; init; }

    /// <summary>The release as it is after this reconcile.</summary>
    public static Release Of(ReleaseFacts facts)
    {
        var release = new Release(facts) { State = StateBefore(facts) };
        while (!release.IsFinal) release = release.Next();
        return release with { Scales = release.Batch.Scales() };
    }

    private static ReleaseState StateBefore(ReleaseFacts facts) => facts switch
    {
        { HadCompleted: true } => ReleaseState.Completed,
        { Context.Updated: null } or { Status.BatchProgress: null or ReleaseProgress.Init } => ReleaseState.Init,
        { Status.BatchProgress: ReleaseProgress.Executing } => ReleaseState.Executing,
        { Status.BatchProgress: ReleaseProgress.WaitingForConfirmation } => ReleaseState.WaitingForConfirmation,
        _ => ReleaseState.GrayTime,
    };

    private Release Next() => State switch
    {
        ReleaseState.Init => Init(),
        ReleaseState.Inspecting => Inspecting(),
        ReleaseState.Executing => Executing(),
        ReleaseState.WaitingForConfirmation => WaitingForConfirmation(),
        ReleaseState.GrayTime => GrayTime(),
        ReleaseState.Completed => Completed(),
        ReleaseState.Held => Held(),
        ReleaseState.Aborted => Aborted(),
        ReleaseState.RollingBack => RollingBack(),
        _ => RolledBack(),
    };

    private Release Init() =>
        Context.Updated is null ? Stay(null)
        : _facts.IsStopped ? Stay(WaitForPlace())
        : Record(Batch.Number, ReleaseProgress.Executing).MoveTo(ReleaseState.Executing);

    private Release Inspecting() => End(_facts.Hold! with { StopsClock = Wait is not null });

    private Release Executing()
    {
        if (!Batch.IsDone()) return Stay(WaitForPlace());
        if (Batch.IsLast()) return Batch.AreOldModulesRemoved() ? MoveTo(ReleaseState.Completed) : Stay(WaitForPlace());
        return MoveTo(Batch.MustWaitForConfirmation() ? ReleaseState.WaitingForConfirmation : ReleaseState.GrayTime);
    }

    // A batch that loses a module meanwhile continues to wait.
    private Release WaitingForConfirmation()
    {
        var isDone = Batch.IsDone();
        if (isDone && Batch.IsLast() && Batch.AreOldModulesRemoved()) return MoveTo(ReleaseState.Completed);
        if (isDone && !Batch.IsLast() && !Batch.MustWaitForConfirmation()) return MoveTo(ReleaseState.GrayTime);
        return Record(Batch.Number, ReleaseProgress.WaitingForConfirmation).Stay(new(Reasons.WaitingForConfirmation,
            string.Create(CultureInfo.InvariantCulture, $"waiting for confirmation of batch {Batch.Number}")
            + (isDone ? "" : ", which is not complete at the moment") + Confirmation.Ignored(Status, "release")));
    }

    private Release GrayTime()
    {
        if (!Batch.IsDone() || Batch.IsLast()) return MoveTo(ReleaseState.Executing);
        if (Batch.MustWaitForConfirmation()) return MoveTo(ReleaseState.WaitingForConfirmation);
        if (_facts.IsStopped) return Record(Batch.Number, ReleaseProgress.Completed).Stay(WaitForPlace());
        if (Batch.GrayTimeEnd() is not { } end || end <= Context.Now) return BeginBatch(Batch.Next());
        var text = string.Create(CultureInfo.InvariantCulture, $"the next batch begins at {end.UtcDateTime:HH:mm:ss} UTC");
        return Record(Batch.Number, ReleaseProgress.Completed).Stay(new(Reasons.GrayTime, text) { Until = end });
    }

    private Release Completed()
    {
        if (_facts.HadCompleted) return End(null);
        var completed = Record(Batch.Number, ReleaseProgress.Completed) with { IsLastBatchDone = true };
        // The goals of old ReplicaSets without modules may still have to be set to 0.
        return completed.Batch.Scales().Count == 0
            ? completed.End(null)
            : completed.MoveTo(ReleaseState.Executing).Stay(WaitForPlace());
    }

    private Release Held() =>
        End(_facts.Hold! with { StopsClock = Context.Updated is not null && (_facts.Hold.StopsClock || Wait is not null) });

    private Release Aborted() => _facts.RollsBack ? MoveTo(ReleaseState.RollingBack) : End(null);

    // Pause and freeze hold it, too.
    private Release RollingBack() =>
        Context.RollbackTarget!.AvailableCount >= Context.Desired && Context.Updated is not { HasLiveModules: true }
            ? MoveTo(ReleaseState.RolledBack)
            : End(Context.Hold);

    private Release RolledBack() => End(null);

    private Release MoveTo(ReleaseState state) => this with { State = state };

    /// <summary>The batch does not continue in this reconcile. An abort or a hold follows, if there is one.</summary>
    private Release Stay(Wait? wait) =>
        _facts.Abort is not null ? MoveTo(ReleaseState.Aborted)
        : !_facts.IsStopped ? End(wait)
        : (this with { Wait = wait }).MoveTo(_facts.AwaitsInspection ? ReleaseState.Inspecting : ReleaseState.Held);

    private Release End(Wait? wait) => this with { Wait = wait, IsFinal = true };

    // Its goals are carried out before it is observed.
    private Release BeginBatch(int number) =>
        Record(number, ReleaseProgress.Executing).MoveTo(ReleaseState.Executing).Stay(WaitForPlace());

    private Release Record(int batch, string batchProgress) =>
        Status.CurrentBatch == batch && Status.BatchProgress == batchProgress ? this : this with
        {
            Status = Status with { CurrentBatch = batch, BatchProgress = batchProgress, LastTransitionTime = Context.Now },
        };

    /// <summary>Modules without a base pod, where nothing else of the batch is under way; null: there are none.</summary>
    private Wait? WaitForPlace()
    {
        var counts = Context.Counts;
        if (counts.Unplaced == 0 || Context.Refusal is not { } refusal) return null;
        if (refusal.Reason == Reasons.WouldInterruptService) return new(refusal.Reason, refusal.Message ?? "");
        // A Module that Placement has not decided about is not refused.
        var isNothingElseUnderWay = counts.UpdatedAvailable == counts.Updated && Context.Updated!.Goal <= counts.Updated + counts.Unplaced;
        return !isNothingElseUnderWay ? null
            : new(refusal.Reason == Reasons.AwaitingPlace ? Reasons.AwaitingPlace : Reasons.NoEligibleBase, refusal.Message ?? "");
    }
}
