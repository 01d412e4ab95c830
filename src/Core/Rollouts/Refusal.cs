using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Rollouts;

/// <summary>Reports a ModuleDeployment that breaks a rule or the artifact policy, or whose module belongs to an older one. Nothing is
/// released.</summary>
internal static class Refusal
{
    public static RolloutPlan Plan(RolloutState state, string reason, string message, DateTimeOffset now)
    {
        var deployment = state.Deployment;
        var previous = deployment.Status.Conditions.Find(DeploymentConditions.Progressing);
        var progressing = StatusText.ConditionOf(deployment, DeploymentConditions.Progressing, Condition.False, reason, message);
        return new()
        {
            Status = Counts.Of(state, state.Updated, now).On(state, DesiredReplicas.Of(deployment, state.BasePods.Count).Desired) with
            {
                Conditions = Readiness.Stalled(reason, message).On(
                    deployment.Status.Conditions.Without(DeploymentConditions.PartiallyInvalid).With(progressing, now), state, now),
            },
            Events = previous?.Reason == reason && previous.Message == message ? [] : [new(reason, message, IsWarning: true)],
        };
    }

    /// <summary>A scale-down is all that is carried out until the spec is corrected.</summary>
    public static RolloutPlan OfInvalidSpec(RolloutState state, IReadOnlyList<RuleBreach> breaches, DateTimeOffset now) =>
        Plan(state, Reasons.InvalidSpec, StatusText.Of(breaches), now) with { StepsAfterStatus = ScaleDown(state) };

    /// <summary>As with an invalid spec. The artifact policy may be younger than the ModuleDeployment.</summary>
    public static RolloutPlan OfArtifact(RolloutState state, IReadOnlyList<RuleBreach> breaches, DateTimeOffset now) =>
        Plan(state, Reasons.ArtifactNotAllowed, StatusText.Of(breaches), now) with { StepsAfterStatus = ScaleDown(state) };

    /// <summary>Goals that together are the desired number, where they are more. Available Modules stay, those of the newest revision
    /// first.</summary>
    private static IReadOnlyList<RolloutStep> ScaleDown(RolloutState state)
    {
        var desired = DesiredReplicas.Of(state.Deployment, state.BasePods.Count).Desired;
        List<ReplicaSetWithModules> sets =
        [
            .. state.Sets.Where(set => set is { ReplicaSet.Metadata.IsDeleting: false, Goal: > 0 }).OrderByDescending(set => set.Revision),
        ];
        if (sets.Sum(set => set.Goal) <= desired) return [];

        var goals = sets.ToDictionary(set => set, _ => 0);
        foreach (var most in (ReadOnlySpan<Func<ReplicaSetWithModules, int>>)
            [set => set.Modules.Count(module => module.IsAvailable), set => set.Goal])
            foreach (var set in sets)
            {
                var more = Math.Clamp(Math.Min(most(set), set.Goal) - goals[set], 0, desired - goals.Values.Sum());
                goals[set] += more;
            }

        return [.. sets.Where(set => goals[set] != set.Goal).Select(set => new RolloutStep.ScaleReplicaSet(set.ReplicaSet, goals[set]))];
    }
}
