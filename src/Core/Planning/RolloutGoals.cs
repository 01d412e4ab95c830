namespace ModuleController.Core.Planning;

/// <summary>How the desired modules are shared between the new revision and the older ones.</summary>
internal static class RolloutGoals
{
    /// <summary>The updated set gets its share, the older ones keep what they have of the rest; what is missing of the rest
    /// goes to the revision that completed last. Where none has, it waits for its batch.</summary>
    /// <returns>Goals by ReplicaSet UID.</returns>
    public static IReadOnlyDictionary<string, int> Of(RolloutLook look, RolloutStage stage)
    {
        var goals = new Dictionary<string, int> { [Uid(look.Updated!)] = stage.Updated };
        var rest = Math.Max(0, stage.Total - stage.Updated);
        foreach (var set in look.Old)
        {
            var goal = Math.Min(rest, set.Modules.Count(module => !module.Metadata.IsDeleting));
            goals[Uid(set)] = goal;
            rest -= goal;
        }

        if (rest > 0 && stage.Heir is { } heir) goals[Uid(heir)] += rest;
        return goals;
    }

    private static string Uid(PlacementSet set) => set.ReplicaSet.Metadata.Uid!;
}
