using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>The current batch of a release: how many Modules each revision should have, and whether it has them.</summary>
/// <param name="status">Has the number of the batch. Until it is no longer Init, the goals are those of the batch before.</param>
internal sealed class ReleaseBatch(ReleaseFacts facts, ReleaseStatus status)
{
    private readonly Context _context = facts.Context;

    public int Number => status.CurrentBatch ?? 1;

    public int Count => facts.BatchCount;

    /// <summary>Each of its modules has been available for minReadySeconds, as far as it could be placed.</summary>
    public bool IsDone()
    {
        if (facts.Abort is not null) return false;
        var (updated, counts, (total, _)) = (_context.Updated!, _context.Counts, Goals());
        if (!facts.IsUpgrade && facts.Delta < 0) return updated.Goal <= total && updated.Modules.Count <= total;
        var goal = facts.IsUpgrade ? Math.Min(UpdatedAfter(Number), total) : total;
        var size = facts.IsUpgrade
            ? UpdatedAfter(Number) - UpdatedAfter(Number - 1)
            : TotalAfter(Number) - TotalAfter(Number - 1);
        // Where new versions move to other pods, most wait until another one leaves its pod: they are part of the batch.
        var unplaced = facts.Policy.Chosen == UpgradePolicy.ScaleUpThenScaleDown
            ? counts.NoPlace
            : counts.Unplaced - counts.AwaitingPlace;
        var isReleased = updated.Goal >= goal;
        var isAvailable = counts.UpdatedAvailable >= goal - unplaced && (counts.UpdatedAvailable > 0 || goal == 0);
        // Modules without a base pod do not hold the batch, unless they are all of it.
        var isPlaced = unplaced == 0 || unplaced < size || size <= 0;
        return isReleased && isAvailable && isPlaced;
    }

    public bool IsLast()
    {
        var total = Goals().Total;
        return facts.IsUpgrade
            ? UpdatedAfter(Number) >= _context.Desired && total == _context.Desired
            : Number >= Count || total == _context.Desired;
    }

    public bool AreOldModulesRemoved() => _context.Updated!.Goal == _context.Desired
        && _context.Old.All(set => !set.HasLiveModules) && !(facts.IsStopped && facts.IsUndecided);

    public bool MustWaitForConfirmation() => !IsConfirmed()
        && (_context.Deployment.NeedsConfirmation || (facts.UsesBeta && Number == 1));

    /// <summary>When the gray time after this batch ends; null: there is none, or a confirmation or promote ended it.</summary>
    public DateTimeOffset? GrayTimeEnd()
    {
        if (IsConfirmed() || _context.Deployment.GrayTime <= TimeSpan.Zero) return null;
        var since = status.BatchProgress == ReleaseProgress.Completed ? status.LastTransitionTime ?? _context.Now : _context.Now;
        return since + _context.Deployment.GrayTime;
    }

    /// <summary>The number of the next batch that changes a goal.</summary>
    public int Next()
    {
        var next = Number + 1;
        while (next < Count && UpdatedAfter(next) == UpdatedAfter(Number) && TotalAfter(next) == TotalAfter(Number)) next++;
        return next;
    }

    /// <summary>The ReplicaSets whose goal has to change. Those that rise are first, so that Placement never observes fewer desired
    /// Modules than before and after. Of several the new one is first: its Modules take the places that old ones give up.</summary>
    public IReadOnlyList<RolloutStep.ScaleReplicaSet> Scales()
    {
        if (_context.Updated is not { } updated) return [];
        var goals = GoalsBySet(updated);
        return [.. _context.Old.Prepend(updated)
            .Where(set => !set.ReplicaSet.Metadata.IsDeleting && set.Goal != goals[set.Uid])
            .OrderBy(set => goals[set.Uid] < set.Goal)
            .Select(set => new RolloutStep.ScaleReplicaSet(set.ReplicaSet, goals[set.Uid]))];
    }

    private bool IsConfirmed() => status.Promoted == true || Confirmation.Of(_context.Deployment, status) >= Number;

    /// <summary>How many modules have the new revision when a batch is done.</summary>
    private int UpdatedAfter(int batch) => Batches.Aim(batch, _context.Desired, Count, facts.UsesBeta);

    /// <summary>How many modules there are when a batch is done. Changes with the desired number: batches do not delay a scale.</summary>
    private int TotalAfter(int batch) => _context.Desired - facts.Delta
        + (Math.Sign(facts.Delta) * Batches.Aim(batch, Math.Abs(facts.Delta), Count, useBeta: false));

    /// <summary>The goal of each ReplicaSet, by its UID. The updated ReplicaSet gets its share first. Older ReplicaSets keep their Modules
    /// up to the remainder, available Modules first. The rest goes to the stable ReplicaSet. If there is none, a later batch assigns the
    /// rest.</summary>
    private Dictionary<string, int> GoalsBySet(ReplicaSetWithModules updatedSet)
    {
        var (total, updated) = Goals();
        var goals = new Dictionary<string, int> { [updatedSet.Uid] = updated };
        var rest = Math.Max(0, total - updated);
        foreach (var set in _context.Old) goals[set.Uid] = 0;
        foreach (var isAvailable in (ReadOnlySpan<bool>)[true, false])
            foreach (var set in _context.Old)
            {
                var kept = Math.Min(rest, _context.Staying(set).Count(module => module.IsAvailable == isAvailable));
                goals[set.Uid] += kept;
                rest -= kept;
            }

        if (rest > 0 && facts.StableReplicaSet is { } stable) goals[stable.Uid] += rest;
        return goals;
    }

    /// <summary>How many Modules there should be now, and how many of them of the new revision.</summary>
    private (int Total, int Updated) Goals()
    {
        var (desired, batch) = (_context.Desired, status.BatchProgress == ReleaseProgress.Init ? Number - 1 : Number);
        var (live, updated, old) = Live();
        var placed = live - _context.Counts.Unplaced - _context.Old.SelectMany(_context.Staying).Count(module => !module.IsBound);
        // At least what the batch itself has: after a scale down, the release may have begun with less than nothing.
        var aim = facts.HadCompleted || (facts.IsStopped && !(facts.IsUndecided && facts.Delta > 0))
            ? desired
            : Math.Max(TotalAfter(batch), facts.IsUpgrade ? Math.Min(UpdatedAfter(batch), desired) : 0);
        // Modules that exist stay, so that no batch undoes another.
        var total = facts.Delta > 0 ? Math.Clamp(Math.Max(aim, live), 0, desired)
            : facts.Delta < 0 ? Math.Max(desired, Math.Min(aim, placed))
            : desired;
        var share = Math.Min(total, Released(total, UpdatedAfter(batch), updated, Math.Max(0, total - live)));
        // No pod is downgraded because the share became smaller: a new module is removed only where no old one is left to remove.
        var movesBack = facts.RollsBack && _context.Hold is null;
        return (total, movesBack ? share : Math.Max(share, Math.Min(updated, total - Math.Min(old, total))));
    }

    private int Released(int total, int aim, int updated, int missing)
    {
        if (facts.RollsBack && _context.Hold is null) return 0;
        if (facts.Abort is { } abort && (abort.Reason == Reasons.BaseDied || _context.RollbackTarget is not null))
            return Math.Min(updated, aim);
        if (!facts.IsUpgrade) return total;
        // Stopped: nothing moves, but modules that are missing from the share are created where there is a free place.
        return facts.IsStopped ? Math.Min(aim, updated + missing) : aim;
    }

    /// <summary>Live Modules. Two on one pod count once, as the new one.</summary>
    private (int All, int Updated, int Old) Live()
    {
        var updated = (_context.Updated?.Modules ?? []).Count(module => !module.Metadata.IsDeleting);
        var old = _context.Old.SelectMany(_context.Staying).Select(module => module.Spec.PodUid ?? module.Metadata.Uid).Distinct().Count();
        return (updated + old, updated, old);
    }
}
