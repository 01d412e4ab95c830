namespace ModuleController.Core.Placement;

/// <summary>Plans the Modules of one ModuleDeployment on its base, one question after the other.</summary>
internal static class GroupPlanner
{
    public static GroupPlan Plan(PlacementState state, DeploymentGroup group, PodLoads loads, DateTimeOffset now)
    {
        var plan = new GroupPlan(state, group, loads, now);

        // What can't stay where it is?
        Evictions.ReleaseUnbound(plan);
        Evictions.RemoveLost(plan);
        if (group.IsConflicting && !group.Deployment.Metadata.IsDeleting) return plan;
        Evictions.RemoveByLabel(plan);
        Evictions.RemoveUnusable(plan);

        // Which replacements have started, and how do they go on?
        StartedUpgrades.ContinueAcrossPods(plan);
        StartedUpgrades.ContinueOnOnePod(plan);

        // Which modules are missing, which are surplus, and which missing ones can replace surplus ones?
        var missing = MissingModules.Of(plan);
        var surplus = SurplusModules.Of(plan, missing.FirstOrDefault()?.Set);
        (missing, plan.Handover) = Replacements.Start(plan, missing, surplus);

        // Where does the rest go?
        new Placer(plan) { Unplaced = Handover.AwaitingPlace(plan, plan.Handover is { HasStarted: true }) }
            .Place(MissingModules.WithinDesired(plan, missing));

        if (surplus.Exists(item => item.Module.IsBound) || plan.Sets.Any(set => set.Replaced.Count > 0))
            plan.RequeueAt = plan.Budget.RequeueAt;
        return plan;
    }
}
