using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>The order in which the plan of a base is carried out, and what of it fails on its own.</summary>
public static class PlacementOrder
{
    public const string Counts = "counts";

    /// <summary>
    /// A new Module is created before the one that it replaces is deleted: a crash in between leaves one too many, never one too few.
    /// Other deletions do not wait for creations: the deleted Modules may be what fills the quota.
    /// </summary>
    public static IReadOnlyList<IReadOnlyList<PlannedStep<PlacementStep>>> Of(PlacementState state, PlacementPlan plan)
    {
        var owners = Owners(state);
        var replacing = Replacing(plan.Steps);
        var lost = plan.Steps.OfType<PlacementStep.Delete>().Where(step => step.RequiresPodGone).ToList();
        var lostOf = lost
            .SelectMany(step => owners[step.Module.Metadata.Controller?.Uid ?? ""].Select(owner => (owner, Unit: Confirmed(step.Module))))
            .ToLookup(item => item.owner, item => item.Unit);
        return
        [
            [.. lost.Select(step => new PlannedStep<PlacementStep>(Confirmed(step.Module), new PlacementStep.ConfirmPodGone(step.Module)))],
            [.. Of<PlacementStep.Adopt>(step => new(PlanUnits.Of(step.Module), step)
            {
                For = [.. owners[step.ReplicaSet.Metadata.Uid!]],
                Content = PlanUnits.ContentOf(step.Module),
            })],
            [.. Of<PlacementStep.Create>(step => new(UnitOf(step), step)
            {
                Name = step.Name,
                For = IsStandIn(step.Deployment, step.ReplicaSet) ? [] : [ObjectKey.Of(step.Deployment.Metadata)],
                Content = PlanUnits.ContentOf(step.Deployment),
                // A lost Module is replaced only when its loss is confirmed.
                Requires = [.. lostOf[ObjectKey.Of(step.Deployment.Metadata)]],
            })],
            [.. Of<PlacementStep.Bind>(step => About(step.Module, step))],
            [.. Of<PlacementStep.Delete>(step => About(step.Module, step) with
            {
                Requires =
                [
                    .. replacing[step.Module.Metadata.Uid!],
                    .. step.RequiresPodGone ? [Confirmed(step.Module)] : Array.Empty<string>(),
                ],
            })],
            [.. Of<PlacementStep.Release>(step => About(step.Module, step))],
            [.. Of<PlacementStep.Explain>(step => About(step.Module, step))],
            [.. Of<PlacementStep.Mark>(step => new($"pod/{step.Pod.Name}", step))],
            [.. Of<PlacementStep.ScaleBase>(step => new("base", step))],
            plan.Counts.Count == 0 ? [] : [new(Counts, new PlacementStep.WriteCounts(plan.Counts))],
        ];

        IEnumerable<PlannedStep<PlacementStep>> Of<T>(Func<T, PlannedStep<PlacementStep>> plannedStep) where T : PlacementStep =>
            plan.Steps.OfType<T>().Select(plannedStep);

        PlannedStep<PlacementStep> About(Module module, PlacementStep step) => new(PlanUnits.Of(module), step)
        {
            For = [.. owners[module.Metadata.Controller?.Uid ?? ""]],
            Content = PlanUnits.ContentOf(module),
        };
    }

    private static string Confirmed(Module module) => $"lost/{module.Metadata.Name}";

    /// <summary>All creations for one ModuleDeployment: what a quota or a label denies to one Module, it denies to the next.</summary>
    private static string UnitOf(PlacementStep.Create step) =>
        $"create/{(IsStandIn(step.Deployment, step.ReplicaSet) ? "replicaset" : "moduledeployment")}/{step.Deployment.Metadata.Name}";

    /// <summary>An orphaned ReplicaSet takes the place of the ModuleDeployment that it no longer has.</summary>
    private static bool IsStandIn(ModuleDeployment deployment, ModuleReplicaSet replicaSet) =>
        deployment.Metadata.Uid == replicaSet.Metadata.Uid;

    /// <summary>By UID of a replaced Module: the units that bring its successor.</summary>
    private static ILookup<string, string> Replacing(IReadOnlyList<PlacementStep> steps) => steps
        .SelectMany<PlacementStep, (string Old, string Unit)>(step => step switch
        {
            PlacementStep.Create { Replaces: { } old } create => [(old.Metadata.Uid!, UnitOf(create))],
            PlacementStep.Bind { Replaces: { } old } bind => [(old.Metadata.Uid!, PlanUnits.Of(bind.Module))],
            _ => [],
        })
        .ToLookup(item => item.Old, item => item.Unit);

    /// <summary>By UID of a ReplicaSet: its ModuleDeployment.</summary>
    private static ILookup<string, ObjectKey> Owners(PlacementState state) => state.Groups
        .SelectMany(group => group.Sets.Where(set => !IsStandIn(group.Deployment, set.ReplicaSet))
            .Select(set => (Uid: set.ReplicaSet.Metadata.Uid!, Key: ObjectKey.Of(group.Deployment.Metadata))))
        .ToLookup(item => item.Uid, item => item.Key);
}
