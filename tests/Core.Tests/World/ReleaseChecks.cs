using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Rollouts;

namespace ModuleController.Core.Tests.World;

/// <summary>What must hold after every look of the ModuleDeployment's reconciler and of Placement, whatever happened before.</summary>
internal sealed class ReleaseChecks(SmallWorld world)
{
    private int? _confirmedAtStart;
    private bool _isConfirmationNew;
    private DateTimeOffset? _batchDoneAt;
    private int _peakWhileHeld;
    private Dictionary<string, int> _liveAtLook = [];
    private bool _isPlaceComing;

    /// <summary>Something besides the planners touched the world since the goals were set.</summary>
    public bool IsStale { get; set; } = true;

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
            if (world.LastPlan!.Status is not null) Readiness(before, world.LastPlan.Status);
            Deletion(before, calls);
            return;
        }

        Between(before, plan);
        if (plan.Status is not null) Readiness(before, plan.Status);
        if (plan.Status?.ReleaseStatus is not { } release) return;
        if (ResourceText.Of(deployment.Status) == ResourceText.Of(plan.Status)) Release(before, release);
        if (calls != int.MaxValue) return;
        Status(before, plan.Status);
        Goals(before, new(world), release);
        IsStale = before.Updated is null;
        _liveAtLook = before.Sets.ToDictionary(set => set.ReplicaSet.Metadata.Name, set => before.Live(set).Count);
        _peakWhileHeld = before.IsHeld || release.Abort is not null ? Math.Max(_peakWhileHeld, before.LiveUpdated) : 0;
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
        var unplaced = _isPlaceComing ? 0 : before.Unplaced;
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

    private static void Status(ReleaseView before, ModuleDeploymentStatus status)
    {
        True(status.AvailableReplicas == before.Available, before, $"{status.AvailableReplicas} available, {before.Available} are");
        True(status.UpdatedAvailableReplicas == before.UpdatedAvailable, before, $"{status.UpdatedAvailableReplicas} updated available");
        True(status.ObservedGeneration == before.Deployment.Metadata.Generation, before, "another generation was observed");
        var progressing = status.Conditions.Find(DeploymentConditions.Progressing)!;
        True(progressing.Status != Condition.True || progressing.Reason != Reasons.ReleaseCompleted
            || status.ReleaseStatus!.Progress == ReleaseProgress.Completed, before, "said to have completed");
    }

    /// <summary>Current, in progress or failed: exactly one of them, at all times.</summary>
    private static void Readiness(ReleaseView before, ModuleDeploymentStatus status)
    {
        var (isReady, isReconciling, isStalled) = (status.Conditions.IsTrue(DeploymentConditions.Ready),
            status.Conditions.IsTrue(DeploymentConditions.Reconciling), status.Conditions.IsTrue(DeploymentConditions.Stalled));
        var text = string.Join(", ",
            status.Conditions.Select(condition => $"{condition.Type}={condition.Status} {condition.Reason}: {condition.Message}"));
        True(new[] { isReady, isReconciling, isStalled }.Count(isTrue => isTrue) == 1, before, text);
        True(status.Conditions.Find(DeploymentConditions.Ready) is not null, before, $"not said whether it is ready: {text}");
        True(status.Conditions.Count(condition => condition.Type is DeploymentConditions.Reconciling
            or DeploymentConditions.Stalled) == (isReady ? 0 : 1),
            before, $"there although it does not hold: {text}");
        if (isReady)
            True(status.ReleaseStatus?.Progress == ReleaseProgress.Completed
                && before.UpdatedAvailable >= before.Desired, before, $"ready too early: {text}");
        if (!before.Deployment.Metadata.IsDeleting && isStalled != status.ReleaseStatus?.Abort is not null)
            True(isStalled && status.Conditions.Find(DeploymentConditions.Progressing)!.Status == Condition.False, before, text);
    }

    private static void Goals(ReleaseView before, ReleaseView after, ReleaseStatus release)
    {
        var text = $"goals {string.Join(", ", after.Sets.Select(set => $"{set.ReplicaSet.Spec.Template.Spec.Module.Version}: {set.Goal}"))}; {ResourceText.Of(after.Deployment.Status)}";
        True(after.SumOfGoals <= Math.Max(before.Desired, Math.Max(before.LiveSlots, before.SumOfGoals)), before,
            $"more than anybody asked for; {text}");
        if (before.Updated is not { } updated) return;
        var goal = after.GoalOf(updated);
        True(after.SumOfGoals >= Math.Min(before.Desired, before.LiveSlots), before, $"something that lives is lost; {text}");
        foreach (var set in before.Old.Where(set => after.GoalOf(set) > before.Live(set).Count))
            True(set.ReplicaSet.Metadata.Name == StableSet(before, release)?.ReplicaSet.Metadata.Name, before,
                $"missing ones take the wrong revision; {text}");
        foreach (
            var set in before.Old.Where(set => !after.Sets.Exists(other => other.ReplicaSet.Metadata.Name == set.ReplicaSet.Metadata.Name)))
            True(before.LastCompleted != set && set.Modules.Count == 0, before, "the last completed revision is forgotten");
        if (before.RollsBack(release) && !before.IsHeld) return;

        True(goal >= before.LiveUpdated
            || before.Old.TrueForAll(set => after.GoalOf(set) <= before.Live(set).Count), before, $"downgraded; {text}");
        var delta = before.Deployment.Spec.IsSymmetric ? 0 : release.OriginalDeltaReplicas ?? 0;
        if (delta == 0 && StableSet(before, release) is not null)
            True(after.SumOfGoals == before.Desired, before, $"a number that is not held up by batches is not there; {text}");
        var share = Share(before, release);
        // Where the release's own revision is the last completed one, what is missing takes that.
        var inherited = StableSet(before, release) == updated ? Math.Max(0, before.Desired - before.LiveOld) : 0;
        True(goal <= Math.Max(inherited, share), before, $"{goal} of the new revision, {share} are released; {text}");
    }

    /// <summary>How many of the new revision there may be, at most.</summary>
    private static int Share(ReleaseView before, ReleaseStatus release)
    {
        if (release.Abort is { Reason: Reasons.BaseDied }) return before.LiveUpdated;
        if (release.Progress == ReleaseProgress.Completed) return before.Desired;
        if (!before.IsMoving)
            return release.OriginalDeltaReplicas is null or 0
                ? before.Desired
                : Math.Min(Math.Max(before.Desired, before.Total(release.CurrentBatch ?? 1, release)),
                    Math.Max(before.Total(release.CurrentBatch ?? 1, release), before.LiveUpdated));
        var batch = release.BatchProgress == ReleaseProgress.Init ? (release.CurrentBatch ?? 1) - 1 : release.CurrentBatch ?? 1;
        var aim = before.Aim(batch, release);
        if (release.Abort is not null && before.Old.Exists(ReleaseView.IsCompleted)) return before.LiveUpdated;
        // Stopped: what is there, and what fills a gap of the share itself.
        if (before.IsHeld || release.Abort is not null)
            aim = Math.Min(aim, before.LiveUpdated + Math.Max(0, before.Desired - before.LiveSlots));
        return Math.Max(aim, before.LiveUpdated);
    }

    // Whatever stopped a release, what is missing takes the revision that completed last; except a quarantined revision.
    private static ReplicaSetWithModules? StableSet(ReleaseView before, ReleaseStatus release) => release.Abort?.Reason != Reasons.BaseDied
        ? before.LastCompleted
        : before.Old.Where(ReleaseView.IsCompleted).MaxBy(ReleaseView.CompletedAt);

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

    /// <summary>True: something changed.</summary>
    public bool Place(int calls = int.MaxValue)
    {
        if (!world.Deployments.ContainsKey(Story.Name)) return false;
        var before = new ReleaseView(world);
        var (serving, slots, places) = (Serving(), Slots(), world.Pods.Count);
        // With the replaced ones: one that stays after all, because its replacement went, was there before.
        var live = world.ReplicaSets.Values.ToDictionary(
            set => set.Metadata.Name, set => world.ModulesOf(set.Metadata.Uid!).Count(module => !module.Metadata.IsDeleting));
        var said = world.Log.Count;
        var observed = world.Placement().Pods.ToDictionary(pod => pod.Uid);
        var isChange = world.StepPlacement(calls);
        foreach (var step in world.LastPlacement.Steps.OfType<PlacementStep.Delete>()) Prepared(before, step.Module, observed);
        var after = new ReleaseView(world);
        _isPlaceComing = calls == int.MaxValue && after.IsPlaceComing(world);
        var text = string.Join(" | ", world.Log.Skip(said));
        var desired = before.SumOfGoals;
        // What there are no pods for is missing for want of pods, and no upgrade makes that worse.
        var least = Math.Min(desired, places) - before.Deployment.MaxUnavailable(desired);
        True(Serving() >= Math.Min(serving, least), before, $"{serving} served, {Serving()} do, {least} must: {text}");
        True(Serving() > 0 || serving == 0 || desired == 0
            || before.Strategy.MaxUnavailable is not null, before, $"nothing serves any more: {text}");
        var remade = world.Log.Skip(said).Count(line => line.EndsWith("its artifact was changed", StringComparison.Ordinal));
        if (calls == int.MaxValue)
        {
            True(Slots()
                + remade >= Math.Min(slots, Math.Min(desired, before.Desired)), before,
                $"{slots} places were taken, {Slots()} are: {text}");
        }

        foreach (var set in world.ReplicaSets.Values)
            True(Unreplaced(set) <= Math.Max(live[set.Metadata.Name], set.Spec.Replicas), before,
                $"{set.Metadata.Name} is past its goal: {text}");
        foreach (var slot in world.Modules.Values.Where(module => module is { IsBound: true, Metadata.IsDeleting: false })
            .GroupBy(module => module.Spec.PodUid).Where(slot => slot.Count() > 1))
            True(slot.Count() == 2 && slot.Any(module => slot.Any(other => other.Metadata.Uid == module.Spec.Replaces)), before,
                $"two modules on one pod: {text}");
        // What is recreated left its place to the old one for a moment.
        IsStale |= remade > 0;
        if (!IsStale && before.Release is { } release) Moves(before, after, release, text);
        return isChange;
    }

    /// <summary>What serves is not removed for a successor on its pod that neither serves nor is known to be prepared there.</summary>
    private void Prepared(ReleaseView before, Module removed, Dictionary<string, CandidatePod> observed)
    {
        if (!removed.IsAvailable || !observed.TryGetValue(removed.Spec.PodUid!, out var pod)) return;
        if (world.Modules.Values.FirstOrDefault(module => module.Spec.Replaces == removed.Metadata.Uid && module.Spec.PodUid == pod.Uid
            && !module.Metadata.IsDeleting) is not { IsAvailable: false } next) return;
        // Both go, and the controller ended between the two calls.
        if (world.LastPlacement.Steps.OfType<PlacementStep.Delete>().Any(step => step.Module.Metadata.Uid == next.Metadata.Uid)) return;
        True(pod.IsCurrent && (!pod.CanFetch || (pod.Staged.Contains(next.Metadata.Uid!) && !pod.IsOutOfMetaspace)), before,
            $"{removed.Metadata.Name} is removed before {next.Metadata.Name} is prepared on {pod.Name}");
    }

    /// <summary>The goals are as they should be: then a place only ever changes hands towards the release's own revision, and
    /// not at all while it is stopped.</summary>
    private void Moves(ReleaseView before, ReleaseView after, ReleaseStatus release, string text)
    {
        if (before.RollsBack(release) && !before.IsHeld) return;
        var known = before.Sets.SelectMany(set => set.Modules).Select(module => module.Metadata.Uid).ToHashSet();
        foreach (var set in after.Sets)
            foreach (var module in set.Modules.Where(module => !known.Contains(module.Metadata.Uid)))
            {
                var isUpdated = set.ReplicaSet.Metadata.Name == before.Updated?.ReplicaSet.Metadata.Name;
                if (isUpdated) True(release.Abort?.Reason != Reasons.BaseDied, before, $"a quarantined revision is placed: {text}");
                if (module.Spec.Replaces is null) continue;
                // Recreated, it takes the place that it had.
                True(isUpdated
                    || after.Live(set).Count <= _liveAtLook.GetValueOrDefault(set.ReplicaSet.Metadata.Name), before,
                    $"a place goes to an older revision: {text}");
                if (before.IsHeld || release.Abort is not null)
                    True(after.LiveUpdated <= Math.Max(_peakWhileHeld, before.LiveUpdated), before, $"moved while it was stopped: {text}");
            }
    }

    private int Serving() => world.Modules.Values.Where(module => module is { IsAvailable: true } && IsHere(module))
        .Select(module => module.Spec.PodUid).Distinct().Count();

    // Who waits for a place counts: it is there, and nobody has to make it.
    private int Slots() => world.Modules.Values.Where(module => !module.Metadata.IsDeleting && (!module.IsBound || IsHere(module)))
        .Select(module => module.Spec.PodUid ?? module.Metadata.Uid).Distinct().Count();

    private bool IsHere(Module module) => world.Pods.Values.Any(pod => pod.Uid == module.Spec.PodUid);

    private int Unreplaced(ModuleReplicaSet set)
    {
        var replaced = world.Modules.Values.Where(module => !module.Metadata.IsDeleting).Select(module => module.Spec.Replaces).ToHashSet();
        // New ones come first: where the process dies in between, there are too many, never too few.
        replaced.UnionWith(world.LastPlacement.Steps.OfType<PlacementStep.Delete>().Select(step => step.Module.Metadata.Uid));
        return world.ModulesOf(set.Metadata.Uid!).Count(module => !module.Metadata.IsDeleting && !replaced.Contains(module.Metadata.Uid));
    }

    private static void True(bool isTrue, ReleaseView before, string what)
    {
        if (isTrue) return;
        var release = before.Release;
        throw new InvalidOperationException(
            $"{what}\nbefore: {before.Desired} desired, {before.LiveUpdated} + {before.LiveOld} live, {before.UpdatedAvailable} updated "
                + "available, "
            + $"{before.Unplaced} unplaced, goals "
                + $"{string.Join(", ", before.Sets.Select(set => $"{set.ReplicaSet.Spec.Template.Spec.Module.Version}: {set.Goal}"))}\n"
            + $"{release}\n{before.Strategy}");
    }
}
