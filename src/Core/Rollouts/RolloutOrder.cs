using ModuleController.Core.Execution;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Rollouts;

/// <summary>The order in which the plan of a ModuleDeployment is carried out, and what of it fails on its own.</summary>
public static class RolloutOrder
{
    public const string Release = "release";
    public const string Status = "status";

    /// <summary>
    /// One step at a time: the preparation, the status, the rest. The rest needs a written status and an intact release. The Service
    /// and each ReplicaSet to prune are units of their own, and stop neither the release nor its status.
    /// </summary>
    public static IReadOnlyList<IReadOnlyList<PlannedStep<RolloutStep>>> Of(RolloutState state, RolloutPlan plan)
    {
        var deployment = state.Deployment;
        var (key, content) = (ObjectKey.Of(deployment.Metadata), PlanUnits.ContentOf(deployment));
        List<PlannedStep<RolloutStep>> steps = [.. plan.Steps.Select(step => new PlannedStep<RolloutStep>(UnitOf(step), step))];
        if (plan.Status is { } status) steps.Add(new(Status, new RolloutStep.WriteStatus(deployment, status)));
        steps.AddRange(plan.StepsAfterStatus.Select(step => new PlannedStep<RolloutStep>(UnitOf(step), step) { Requires = [Status] }));
        return [.. steps.Select(step => (IReadOnlyList<PlannedStep<RolloutStep>>)[step with { For = [key], Content = content }])];
    }

    private static string UnitOf(RolloutStep step) => step switch
    {
        RolloutStep.CreateService or RolloutStep.UpdateService or RolloutStep.DeleteService => "service",
        RolloutStep.DeleteReplicaSet delete => $"delete/{delete.ReplicaSet.Metadata.Name}",
        RolloutStep.Inspect => "inspect",
        _ => Release,
    };
}
