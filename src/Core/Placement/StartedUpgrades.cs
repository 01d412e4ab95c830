using ModuleController.Core.Commands;
using ModuleController.Core.Placement.Upgrades;

namespace ModuleController.Core.Placement;

/// <summary>Continues the replacements that have started: both Modules exist, and one of them will be deleted.</summary>
internal static class StartedUpgrades
{
    /// <summary>The new Module is on another pod than the one that it replaces.</summary>
    public static void ContinueAcrossPods(GroupPlan plan)
    {
        var live = plan.Live.ToDictionary(item => item.Uid);
        foreach (var newer in live.Values.Where(item => item.Module is { IsBound: true, Spec.Replaces: not null }))
            if (live.TryGetValue(newer.Module.Spec.Replaces!, out var older) && older.PodUid != newer.PodUid
                && older.Set.Holds(older.Module) && (older.Set != newer.Set || CountsOnce(older)))
                Continue(plan, older, newer);
    }

    /// <summary>A pod has two live Modules: an upgrade is in progress, or was when the goals changed.</summary>
    public static void ContinueOnOnePod(GroupPlan plan)
    {
        var slots = plan.Live.Where(item => item.Module.IsBound).GroupBy(item => item.PodUid!).Where(slot => slot.Count() > 1)
            .OrderBy(slot => plan.Loads.Pods.GetValueOrDefault(slot.Key)?.Name ?? "", StringComparer.Ordinal);
        foreach (var slot in slots.ToList())
        {
            var modules = slot.ToList();
            // Without spec.replaces, the newer revision is the replacement.
            var newer = modules.Find(item => modules.Exists(other => other.Uid == item.Module.Spec.Replaces)) ?? modules[0];
            var older = modules.Find(item => item.Uid == newer.Module.Spec.Replaces) ?? modules.First(item => item != newer);
            Continue(plan, older, newer);
        }
    }

    /// <summary>A Module that moves within its revision and its replacement count as one. False: the ReplicaSet has too many even so, and
    /// the surplus decides which one is deleted.</summary>
    private static bool CountsOnce(PlannedModule older)
    {
        if (!older.Set.Replaced.Add(older.Uid) || older.Set.Surplus <= 0) return true;
        older.UnmarkReplaced();
        return false;
    }

    private static void Continue(GroupPlan plan, PlannedModule older, PlannedModule newer)
    {
        if (newer.Set.Surplus <= 0) Replace(plan, older, newer);
        else if (plan.MayDisrupt) Undo(plan, older, newer);
        else older.MarkReplaced();
    }

    private static void Replace(GroupPlan plan, PlannedModule older, PlannedModule newer)
    {
        older.MarkReplaced();
        if (!plan.MayDisrupt) return;
        var leavesGap = older.PodUid == newer.PodUid
            && Upgrade.Of(plan.Deployment, older, newer.Set) is UninstallThenInstall;
        if (MayRemoveOld(plan, older, newer)) plan.Delete(older, $"replaced by {newer.Name}");
        // Each would wait for the other for ever: the new one has to be available on another pod first.
        else if (leavesGap && plan.Budget.WouldInterrupt(older.Module))
        {
            older.UnmarkReplaced();
            plan.Delete(newer, $"nothing else serves than {older.Name}");
        }
        // From now on the old one counts as unavailable. While it waits for a restart of its base, other upgrades go on.
        else if (leavesGap && !Upgrade.AwaitsRestart(older.Module, plan.PodOf(older.Module))) plan.Budget.TakeDown(older.Module);
    }

    // A policy may be younger than an artifact that is on the pod: it is not installed, so the old one stays.
    private static bool MayRemoveOld(GroupPlan plan, PlannedModule older, PlannedModule newer) => older.PodUid == newer.PodUid
        ? (newer.Module.IsAvailable || PolicyRules.IsAllowed(plan.State.ArtifactPolicy, newer.Module.Spec.Module))
            && Upgrade.Of(plan.Deployment, older, newer.Set)
            .MayDeleteOld(older.Module, newer.Module, plan.PodOf(older.Module), plan.Budget)
        : plan.Budget.IsLongEnough(newer.Module) && plan.Budget.AllowsGap(older.Module);

    /// <summary>The new revision has too many: the upgrade was undone, or a third revision follows. One of the two is deleted.</summary>
    private static void Undo(GroupPlan plan, PlannedModule older, PlannedModule newer)
    {
        var isOnePod = older.PodUid == newer.PodUid;
        if (older.Set.Surplus > 0 && newer.Module.IsAvailable)
        {
            // On one pod the slot still serves. On another pod the old one leaves a gap.
            if (isOnePod || plan.Budget.AllowsGap(older.Module)) plan.Delete(older, $"replaced by {newer.Name}");
            else older.MarkReplaced();
        }
        else if ((older.Module.IsAvailable && isOnePod)
            || (plan.Budget.AllowsGap(newer.Module) && !plan.Budget.WouldInterrupt(newer.Module)))
            plan.Delete(newer, $"{older.Name} stays");
        // Only the new one serves, and too many others do not: it is deleted later, and no other one instead.
        else
        {
            newer.MarkReplaced();
            plan.Block(newer.PodUid!);
        }
    }
}
