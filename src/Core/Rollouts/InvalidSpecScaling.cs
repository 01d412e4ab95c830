using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>The scale-down of a ModuleDeployment that breaks a rule. Nothing else is done for it until it is corrected.</summary>
internal static class InvalidSpecScaling
{
    /// <summary>
    /// Goals that together are the desired number, where they are more. Modules that serve stay, those of the newest revision first.
    /// </summary>
    public static IReadOnlyList<RolloutStep> Plan(RolloutState state)
    {
        var desired = DesiredReplicas.Of(state.Deployment, state.BasePods.Count).Desired;
        List<ReplicaSetWithModules> sets =
        [
            .. state.Sets.Where(set => set is { ReplicaSet.Metadata.IsDeleting: false, Goal: > 0 }).OrderByDescending(set => set.Revision),
        ];
        if (sets.Sum(set => set.Goal) <= desired) return [];

        var goals = sets.ToDictionary(set => set, _ => 0);
        foreach (var most in (ReadOnlySpan<Func<ReplicaSetWithModules, int>>)[set => set.Modules.Count(module => module.IsAvailable), set => set.Goal])
            foreach (var set in sets)
            {
                var more = Math.Clamp(Math.Min(most(set), set.Goal) - goals[set], 0, desired - goals.Values.Sum());
                goals[set] += more;
            }

        return [.. sets.Where(set => goals[set] != set.Goal).Select(set => new RolloutStep.ScaleReplicaSet(set.ReplicaSet, goals[set]))];
    }
}
