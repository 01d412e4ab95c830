using ModuleController.Core.BasePods;
using ModuleController.Core.Modules;
using ModuleController.Core.Placement;

namespace ModuleController.Core.Rollouts;

/// <summary>A revision that takes its JVM down: after two deaths that are its own, on any pods, it is neither placed nor replayed.</summary>
/// <remarks>Never one that has lived: a module that served for a minute in any base life didn't end the later ones.</remarks>
public static class RolloutPoison
{
    private const int DeathsAllowed = 1;

    /// <summary>A module of it has served for a minute, whenever that was and whatever became of it.</summary>
    public static bool HasLived(ModuleReplicaSet? replicaSet) => replicaSet?.Metadata.Annotations.ContainsKey(Annotations.LivedAt) == true;

    /// <summary>When it will have lived, as things are now, or has without anybody having noted it; null: it was noted, or nothing serves.</summary>
    /// <param name="set">The revision, and its Modules.</param>
    /// <param name="seen">The UIDs of Modules that agents see now. What a status says of a base that is silent since may have
    /// ended it long ago.</param>
    public static DateTimeOffset? LivesAt(PlacementSet set, IReadOnlySet<string> seen) => HasLived(set.ReplicaSet)
        ? null
        : set.Modules.Where(module => seen.Contains(module.Metadata.Uid!)).Min(ModuleReadiness.ServingSince) + BasePodTimes.Suspicious;

    /// <param name="set">The revision, and all its Modules.</param>
    /// <param name="artifact">Only its deaths count: another url may mend the revision.</param>
    /// <param name="retriedAt">Deaths until then are forgiven.</param>
    public static bool IsPoison(PlacementSet set, ModuleSource artifact, DateTimeOffset? retriedAt)
    {
        if (HasLived(set.ReplicaSet)) return false;
        var deaths = 0;
        foreach (var module in set.Modules)
            if (module.Spec.Module == artifact && module.Status.LastError is { } error && !(error.Time <= retriedAt)) deaths += Retries.DeathsIn(error);
        return deaths > DeathsAllowed;
    }
}
