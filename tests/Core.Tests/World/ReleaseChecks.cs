using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using static ModuleController.Core.Tests.World.Promise;

namespace ModuleController.Core.Tests.World;

/// <summary>What must hold after every look of the ModuleDeployment's reconciler, whatever happened before.</summary>
internal sealed class ReleaseChecks(SmallWorld world)
{
    private int? _confirmedAtStart;
    private bool _isConfirmationNew;
    private DateTimeOffset? _batchDoneAt;

    public PlacementChecks Placement { get; } = new(world);

    /// <summary>The planner sees less than these checks: when a batch was done for it is not known here.</summary>
    public bool IsLate { get; set; }

    /// <summary>Another number by <c>replicas</c>: then a release may begin.</summary>
    public bool MayBegin { get; set; } = true;

    /// <summary>A retry, another url, another template, a lost status: then a release that was given up may go on.</summary>
    public bool MayForgive { get; set; } = true;

    /// <summary>True: something changed.</summary>
    public bool Rollout(int calls = int.MaxValue)
    {
        if (!world.Deployments.ContainsKey(Story.Name)) return false;
        var before = new ReleaseView(world);
        var isChange = world.StepRollout(Story.Name, calls);
        if (world.Deployments.TryGetValue(Story.Name, out var deployment)) Check(before, deployment, world.LastPlan!, calls);
        return isChange;
    }

    private void Check(ReleaseView before, ModuleDeployment deployment, RolloutPlan plan, int calls)
    {
        if (before.Deployment.Metadata.IsDeleting)
        {
            if (world.LastPlan!.Status is not null) StatusChecks.Readiness(before, world.LastPlan.Status);
            Deletion(before, calls);
            return;
        }

        Between(before, plan);
        if (plan.Status is not null) StatusChecks.Readiness(before, plan.Status);
        if (plan.Status?.ReleaseStatus is not { } release) return;
        if (ResourceText.Of(deployment.Status) == ResourceText.Of(plan.Status)) Release(before, release);
        if (calls != int.MaxValue) return;
        StatusChecks.Status(before, plan.Status);
        GoalChecks.Goals(before, new(world), release);
        Placement.GoalsAreSet(before, release);
    }

    /// <summary>Goals are written one by one, and Placement looks in between: it never finds fewer than are wanted before and
    /// after.</summary>
    private static void Between(ReleaseView before, RolloutPlan plan)
    {
        List<int> sums = [before.SumOfGoals];
        foreach (var step in plan.StepsAfterStatus.OfType<RolloutStep.ScaleReplicaSet>())
            sums.Add(sums[^1] + step.Replicas - step.ReplicaSet.Spec.Replicas);
        True(sums.Min() >= Math.Min(sums[0], sums[^1]), before, $"goals fall below what is wanted in between: {string.Join(", ", sums)}");
    }

    private void Release(ReleaseView before, ReleaseStatus release)
    {
        var old = before.Release;
        var isNewRevision = old?.UpdateRevision != before.RevisionHash;
        var isNew = isNewRevision || before.IsNewNumber;
        if (isNew) True(isNewRevision || MayBegin, before, "a release began, and nobody asked for it");
        True(release.UpdateRevision == before.RevisionHash, before, "the release is of another revision");
        if (isNew) Begin(before, release);
        else Continue(before, old!, release);
        if (release.Promoted == true && (isNew || old!.Promoted != true))
            True(before.Deployment.Metadata.Annotations.GetValueOrDefault(Annotations.Action)?.Trim() == "promote"
                || before.Deployment.Metadata.Annotations.ContainsKey(Annotations.FastRevision), before, "promoted by nobody");
        if (release.Progress == ReleaseProgress.Completed
            && (isNew || old!.Progress != ReleaseProgress.Completed)) Completed(before, release);
        if (!isNew && old!.Abort is not null) True(release.Abort is not null || MayForgive, before, "what was given up goes on");
        MayForgive = false;
        Abort(before, isNewRevision ? null : old, release, !isNew && old!.Progress == ReleaseProgress.Completed);
    }

    /// <summary>Stopped by failures exactly where more do not serve because of them than the strategy allows.</summary>
    private static void Abort(ReleaseView before, ReleaseStatus? old, ReleaseStatus release, bool wasCompleted)
    {
        // Given up before, or for another reason.
        if (release.Abort is { } abort && (old?.Abort is not null || abort.Reason is Reasons.Aborted or Reasons.BaseDied)) return;
        var failures = wasCompleted ? 0 : before.UserFailures(release.RetriedAt);
        var limit = before.Strategy.MaxFailures is > 0 and var most ? most : int.MaxValue;
        True((release.Abort?.Reason == Reasons.MaxFailuresExceeded) == failures > limit, before,
            $"{failures} failed, {limit} may: {release.Abort?.Message}");
        if (release.Abort?.Reason == Reasons.ProgressDeadlineExceeded)
            True(failures > 0 && before.Strategy.AutoRollback == true
                && before.LastCompleted?.ReplicaSet.Metadata.Name != before.Updated?.ReplicaSet.Metadata.Name,
                before, "given up at the deadline, and nobody failed, or nothing is left to go back to");
    }

    private void Begin(ReleaseView before, ReleaseStatus release)
    {
        (_confirmedAtStart, _isConfirmationNew) = (before.Deployment.Spec.ConfirmBatchNum, false);
        // Nothing to be done in it: then it is done at once.
        _batchDoneAt = IsDone(before, release.CurrentBatch ?? 1, release) ? before.Now : null;
        MayBegin = false;
    }

    private void Continue(ReleaseView before, ReleaseStatus old, ReleaseStatus release)
    {
        True((release.RealBatchCount, release.OriginalDeltaReplicas) == (old.RealBatchCount, old.OriginalDeltaReplicas), before,
            "the batches changed");
        SeeConfirmation(before);
        var (was, batch) = (old.CurrentBatch ?? 1, release.CurrentBatch ?? 1);
        True(batch >= was, before, $"batch {batch} after batch {was}");
        if (old.BatchProgress != ReleaseProgress.Init && _batchDoneAt is null && IsDone(before, was, old)) _batchDoneAt = before.Now;
        if (batch == was) return;
        Next(before, was, batch, release);
        _batchDoneAt = null;
    }

    /// <summary>The one promise that all others serve: nothing of the next batch before this one is done, and let go.</summary>
    private void Next(ReleaseView before, int was, int batch, ReleaseStatus release)
    {
        True((!before.IsHeld || !before.IsMoving) && release.Abort is null, before, "a batch began while the release was stopped");
        True(IsDone(before, was, release), before, $"batch {batch} began before batch {was} was done");
        for (var skipped = was + 1; skipped < batch; skipped++)
            True(before.Aim(skipped, release) == before.Aim(was, release) && before.Total(skipped, release) == before.Total(was, release),
                before, $"batch {skipped} was left out");
        if (release.Promoted == true) return;
        var confirmed = _isConfirmationNew ? before.Deployment.Spec.ConfirmBatchNum ?? 0 : 0;
        var isBeta = before.Strategy.UseBeta == true && before.IsMoving && was == 1;
        True((before.Strategy.NeedConfirm != true && !isBeta)
            || confirmed >= was, before, $"batch {batch} began, and nobody confirmed batch {was}");
        var gray = TimeSpan.FromSeconds(before.Strategy.GrayTimeBetweenBatchSeconds ?? 0);
        True(IsLate || confirmed >= was || gray == TimeSpan.Zero
            || before.Now - _batchDoneAt >= gray, before, $"batch {batch} began in the gray time");
    }

    /// <summary>Each module of the batch serves, but for those that there is no place for; and there was one for any of them.</summary>
    private bool IsDone(ReleaseView before, int batch, ReleaseStatus release)
    {
        if (!before.IsMoving && release.OriginalDeltaReplicas < 0 && !before.Deployment.Spec.IsSymmetric)
            return before.LiveSlots <= Math.Max(before.Desired, before.Total(batch, release));
        var wanted = before.IsMoving ? before.Aim(batch, release) : Math.Min(before.Desired, before.Total(batch, release));
        var last = before.IsMoving ? before.Aim(batch - 1, release) : before.Total(batch - 1, release);
        // On its way to another pod, one waits for its turn: it is of the batch like any other.
        var unplaced = Placement.IsPlaceComing ? 0 : before.Unplaced;
        var isAnyPlaced = unplaced == 0 || wanted <= last || before.LiveUpdated - before.Unplaced > last;
        return before.UpdatedAvailable + unplaced >= wanted && isAnyPlaced && (wanted <= 0 || before.UpdatedAvailable > 0);
    }

    private static void Completed(ReleaseView before, ReleaseStatus release)
    {
        var isScaleDown = !before.IsMoving && release.OriginalDeltaReplicas < 0;
        True(isScaleDown
            || before.UpdatedAvailable >= before.Desired - before.Unplaced, before, "completed before everything was available");
        True(isScaleDown || before.Desired == 0 || before.UpdatedAvailable > 0, before, "completed without a single module");
        True(before.Old.TrueForAll(set => before.Live(set).Count == 0), before, "completed while an older revision was about");
        True(release.Abort is null, before, "completed and aborted");
    }

    private void Deletion(ReleaseView before, int calls)
    {
        // Also where the process died just after it had begun.
        var isBeginning = before.Release is not { Progress: ReleaseProgress.Terminating };
        if (isBeginning) (_confirmedAtStart, _isConfirmationNew) = (before.Deployment.Spec.ConfirmBatchNum, false);
        else SeeConfirmation(before);
        if (calls != int.MaxValue || world.LastPlan!.Status?.ReleaseStatus is not { } release) return;
        var after = new ReleaseView(world);
        True(after.Sets.TrueForAll(set => set.Goal <= Math.Max(before.Live(set).Count, 0)), before, "something is recreated in a deletion");
        var batches = before.Deployment.Spec.OperationStrategy.ConfirmDeletion == true ? release.RealBatchCount ?? 1 : 1;
        var count = -release.OriginalDeltaReplicas ?? 0;
        var left = Math.Max(0, count - (int)Math.Ceiling((release.CurrentBatch ?? 1) * count / (double)batches));
        True(after.SumOfGoals >= Math.Min(left, before.PlacedSlots), before, "more is deleted than was confirmed");
        if (isBeginning) return;
        var old = before.Release!;
        if (batches > 1 && release.CurrentBatch > old.CurrentBatch && release.Promoted != true)
            True(_isConfirmationNew
                && before.Deployment.Spec.ConfirmBatchNum >= old.CurrentBatch, before, "nobody confirmed that batch of the deletion");
    }

    private void SeeConfirmation(ReleaseView before) => _isConfirmationNew |= before.Deployment.Spec.ConfirmBatchNum != _confirmedAtStart
        || before.Deployment.Metadata.Annotations.GetValueOrDefault(Annotations.Action)?.Trim()
            .StartsWith("confirm", StringComparison.Ordinal) == true;
}
