using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement.Upgrades;

namespace ModuleController.Core.Placement;

/// <summary>Starts replacements: surplus Modules give their pods to missing ones, and are deleted if nothing takes their
/// place.</summary>
internal static class Replacements
{
    /// <returns>The missing Modules that need a free pod, and the handover of the release.</returns>
    public static (List<MissingModule> Remaining, Handover? Handover) Start(
        GroupPlan plan, List<MissingModule> missing, List<PlannedModule> surplus)
    {
        var bound = surplus.Where(item => item.Module.IsBound).ToList();
        if (!plan.MayDisrupt) return ([.. missing.Skip(bound.Count)], null);
        foreach (var item in surplus.Where(item => !item.Module.IsBound)) plan.Delete(item, "it is no longer wanted");
        var unreplaced = Math.Max(0, bound.Count - missing.Count);
        foreach (var item in bound.Take(unreplaced).Where(item => MayRemove(plan, item.Module)))
            plan.Delete(item, "it is no longer wanted");

        // The newest revision first, and of it those that do not exist yet: a waiting Module may find another pod.
        var queue = new Queue<MissingModule>(missing.OrderBy(item => item.Set != plan.Sets[0]).ThenBy(item => item.Unbound is not null));
        List<MissingModule> elsewhere = [];
        foreach (var old in bound.Skip(unreplaced))
            if (queue.TryDequeue(out var successor) && StartOne(plan, old, successor) == UpgradeStart.Elsewhere)
                elsewhere.Add(successor with { Replaces = old.Module });
        return ([.. queue], Handover.IsInProgress(plan) ? HandOver(plan, elsewhere, bound.Count) : PlaceBeforeGap(plan, elsewhere));
    }

    private static bool MayRemove(GroupPlan plan, Module module) =>
        plan.Budget.AllowsRemoval(module) && !plan.Budget.WouldInterrupt(module);

    private static UpgradeStart StartOne(GroupPlan plan, PlannedModule old, MissingModule successor)
    {
        var upgrade = Upgrade.Of(plan.Deployment, old, successor.Set);
        var pod = plan.PodOf(old.Module);
        var start = upgrade.Start(old.Module, pod, plan.Budget);
        if (start is UpgradeStart.Elsewhere or UpgradeStart.Wait) return start;
        // Another Module of this name leaves the pod, or it is unknown what serves there.
        if (pod is null || plan.IsBlocked(pod.Uid) || pod.IsOrphaned || (!pod.IsCurrent && old.Module.IsAvailable))
            return UpgradeStart.Wait;
        if (successor.Unbound is null && plan.State.IsCreationBlocked) return start;
        plan.Place(successor, pod, old.Module);
        if (start == UpgradeStart.Instead) plan.Delete(old, "replaced by a new revision");
        else old.MarkReplaced();
        if (start == UpgradeStart.Prepare && !Upgrade.AwaitsRestart(old.Module, pod)) plan.Budget.TakeDown(old.Module);
        return start;
    }

    private static Handover HandOver(GroupPlan plan, List<MissingModule> elsewhere, int surplus)
    {
        var hasStarted = elsewhere.Count > 0 && plan.FreePods.HasNext;
        var placer = new Placer(plan)
        {
            Unplaced = Handover.AwaitingPlace(plan, hasStarted),
            Advice = plan.State.Base is { } found ? $"scaleup_then_scaledown needs other base pods: {found.Advice}" : null,
        };
        placer.Place(elsewhere);
        var updated = plan.Sets.Where(set => set.Set.Goal > 0 && set.Surplus <= 0).Sum(set => set.Live.Count(module => module.IsBound));
        return new(surplus + updated, placer.UnplacedCount, Handover.StartingPods(plan), hasStarted);
    }

    // The only Module that serves is not removed before its successor is available on another pod.
    private static Handover? PlaceBeforeGap(GroupPlan plan, List<MissingModule> elsewhere)
    {
        new Placer(plan)
        {
            Unplaced = (Reasons.WouldInterruptService,
                "nothing else serves, the old version has to go first, and no other base pod takes the new one: "
                + "set operationStrategy.maxUnavailable to accept the gap, or add a base pod"),
        }.Place([.. elsewhere.Select(item => item with { Replaces = null })]);
        return null;
    }
}
