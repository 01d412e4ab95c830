namespace ModuleController.Core.Planning;

/// <summary>How the desired modules are shared between the new revision and the older ones.</summary>
public static class RolloutGoals
{
    /// <summary>The updated set gets its share, the older ones keep what they have of the rest; what is missing of the rest
    /// goes to the revision that completed last, or the newest.</summary>
    /// <returns>Goals by ReplicaSet UID.</returns>
    public static IReadOnlyDictionary<string, int> Of(
        PlacementSet updated, int share, IReadOnlyList<PlacementSet> old, int desired)
    {
        var goals = new Dictionary<string, int> { [Uid(updated)] = share };
        var rest = Math.Max(0, desired - share);
        foreach (var set in old)
        {
            var goal = Math.Min(rest, set.Modules.Count(module => !module.Metadata.IsDeleting));
            goals[Uid(set)] = goal;
            rest -= goal;
        }

        var heir = RolloutHistory.LastCompleted(old) ?? old.FirstOrDefault(set => !set.ReplicaSet.Metadata.IsDeleting);
        if (rest > 0 && heir is not null) goals[Uid(heir)] += rest;
        return goals;
    }

    private static string Uid(PlacementSet set) => set.ReplicaSet.Metadata.Uid!;
}
