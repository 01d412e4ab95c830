using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>How the desired modules are shared between the new revision and the older ones.</summary>
internal static class RolloutGoals
{
    /// <summary>The updated set gets its share, the older ones keep what they have of the rest: what serves before what does
    /// not, which may go for nothing. What is missing of the rest goes to the revision that completed last. Where none has, it
    /// waits for its batch.</summary>
    /// <returns>Goals by ReplicaSet UID.</returns>
    public static IReadOnlyDictionary<string, int> Of(RolloutLook look, RolloutStage stage)
    {
        var goals = new Dictionary<string, int> { [Uid(look.Updated!)] = stage.Updated };
        var rest = Math.Max(0, stage.Total - stage.Updated);
        foreach (var set in look.Old) goals[Uid(set)] = 0;
        foreach (var serves in (ReadOnlySpan<bool>)[true, false])
            foreach (var set in look.Old)
            {
                var kept = Math.Min(rest, look.Staying(set).Count(module => module.IsAvailable == serves));
                goals[Uid(set)] += kept;
                rest -= kept;
            }

        if (rest > 0 && stage.Heir is { } heir) goals[Uid(heir)] += rest;
        return goals;
    }

    private static string Uid(ReplicaSetWithModules set) => set.ReplicaSet.Metadata.Uid!;
}
