using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using static ModuleController.Core.Tests.World.Promise;

namespace ModuleController.Core.Tests.World;

/// <summary>What must hold for the goals of the ModuleReplicaSets, whatever happened before.</summary>
internal static class GoalChecks
{
    public static void Goals(ReleaseView before, ReleaseView after, ReleaseStatus release)
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
}
