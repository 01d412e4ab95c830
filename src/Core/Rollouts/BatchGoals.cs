using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>How many Modules there should be in the current batch of a release, and of which revision.</summary>
internal sealed class BatchGoals(Context context, Release release)
{
    /// <summary>By how many the release changes the number of modules. With a module on every pod, a change is never in batches.</summary>
    public int Delta => context.Deployment.Spec.IsSymmetric ? 0 : release.Status.OriginalDeltaReplicas ?? 0;

    /// <summary>How many Modules there should be now, of all revisions.</summary>
    public int Total => Now().Total;

    /// <summary>How many modules have the new revision when a batch is done.</summary>
    public int UpdatedAfter(int batch) => Batches.Aim(batch, context.Desired, release.BatchCount, release.UsesBeta);

    /// <summary>How many modules there are when a batch is done. Changes with the desired number: batches do not delay a scale.</summary>
    public int TotalAfter(int batch) =>
        context.Desired - Delta + (Math.Sign(Delta) * Batches.Aim(batch, Math.Abs(Delta), release.BatchCount, useBeta: false));

    /// <summary>The ReplicaSets whose goal has to change. Those that rise are first, so that Placement never observes fewer desired
    /// Modules than before and after. Of several the new one is first: its Modules take the places that old ones give up.</summary>
    public IReadOnlyList<RolloutStep.ScaleReplicaSet> Scales()
    {
        var goals = BySet();
        return [.. context.Old.Prepend(context.Updated!)
            .Where(set => !set.ReplicaSet.Metadata.IsDeleting && set.Goal != goals[set.Uid])
            .OrderBy(set => goals[set.Uid] < set.Goal)
            .Select(set => new RolloutStep.ScaleReplicaSet(set.ReplicaSet, goals[set.Uid]))];
    }

    /// <summary>Divides the total goal among the ReplicaSets, by UID. The updated ReplicaSet gets its share first. Older ReplicaSets keep
    /// their Modules up to the remainder, available Modules first. The rest goes to the stable ReplicaSet. Without one, it is not assigned
    /// until its batch.</summary>
    private Dictionary<string, int> BySet()
    {
        var (total, updated) = Now();
        var goals = new Dictionary<string, int> { [context.Updated!.Uid] = updated };
        var rest = Math.Max(0, total - updated);
        foreach (var set in context.Old) goals[set.Uid] = 0;
        foreach (var isAvailable in (ReadOnlySpan<bool>)[true, false])
            foreach (var set in context.Old)
            {
                var kept = Math.Min(rest, context.Staying(set).Count(module => module.IsAvailable == isAvailable));
                goals[set.Uid] += kept;
                rest -= kept;
            }

        if (rest > 0 && release.StableReplicaSet is { } stable) goals[stable.Uid] += rest;
        return goals;
    }

    private (int Total, int Updated) Now()
    {
        var (desired, batch) = (context.Desired, release.Status.BatchProgress == ReleaseProgress.Init ? release.Batch - 1 : release.Batch);
        var (live, updated, old) = Live();
        var placed = live - context.Counts.Unplaced - context.Old.SelectMany(context.Staying).Count(module => !module.IsBound);
        // At least what the batch itself has: after a scale down, the release may have begun with less than nothing.
        var aim = release.IsSettled || (release.IsStopped && !(release.IsUndecided && Delta > 0))
            ? desired
            : Math.Max(TotalAfter(batch), release.IsUpgrade ? Math.Min(UpdatedAfter(batch), desired) : 0);
        // Modules that exist stay, so that no batch undoes another.
        var total = Delta > 0 ? Math.Clamp(Math.Max(aim, live), 0, desired)
            : Delta < 0 ? Math.Max(desired, Math.Min(aim, placed))
            : desired;
        var share = Math.Min(total, Released(total, UpdatedAfter(batch), updated, Math.Max(0, total - live)));
        // No pod is downgraded because the share became smaller: a new module is removed only where no old one is left to remove.
        var movesBack = release.RollsBack && context.Hold is null;
        return (total, movesBack ? share : Math.Max(share, Math.Min(updated, total - Math.Min(old, total))));
    }

    private int Released(int total, int aim, int updated, int missing)
    {
        if (release.RollsBack && context.Hold is null) return 0;
        if (release.Status.Abort is { } abort && (abort.Reason == Reasons.BaseDied || context.RollbackTarget is not null))
            return Math.Min(updated, aim);
        if (!release.IsUpgrade) return total;
        // Stopped: nothing moves, but modules that are missing from the share are created where there is a free place.
        return release.IsStopped ? Math.Min(aim, updated + missing) : aim;
    }

    /// <summary>Live Modules. Two on one pod count once, as the new one.</summary>
    private (int All, int Updated, int Old) Live()
    {
        var updated = (context.Updated?.Modules ?? []).Count(module => !module.Metadata.IsDeleting);
        var old = context.Old.SelectMany(context.Staying).Select(module => module.Spec.PodUid ?? module.Metadata.Uid).Distinct().Count();
        return (updated + old, updated, old);
    }
}
