using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.BasePods;

/// <summary>A revision that ended two base lives, on any pods, is quarantined: it is neither placed nor replayed.</summary>
/// <remarks>Never one that has lived: a module that served for a minute in any base life did not end the later ones.</remarks>
public static class Quarantine
{
    private const int ExitsAllowed = 1;

    /// <summary>A module of the revision has served for a minute, at any time.</summary>
    public static bool HasLived(ModuleReplicaSet? replicaSet) => replicaSet?.Metadata.Annotations.ContainsKey(Annotations.LivedAt) == true;

    /// <summary>When a module of the revision will have served for a minute, or has without this being recorded; null: it is recorded,
    /// or none serves.</summary>
    /// <param name="observed">The UIDs of Modules that agents report now: the status of a Module on a silent base may be old.</param>
    public static DateTimeOffset? LivesAt(ReplicaSetWithModules set, IReadOnlySet<string> observed) => HasLived(set.ReplicaSet)
        ? null
        : set.Modules.Where(module => observed.Contains(module.Metadata.Uid!)).Min(ModuleReadiness.ServingSince) + BasePodTimes.Suspicious;

    /// <param name="artifact">Only its JVM exits count: another url may correct the revision.</param>
    /// <param name="retriedAt">Exits until then do not count.</param>
    public static bool IsQuarantined(ReplicaSetWithModules set, ModuleSource artifact, DateTimeOffset? retriedAt)
    {
        if (HasLived(set.ReplicaSet)) return false;
        var exits = 0;
        foreach (var module in set.Modules)
            if (module.Spec.Module == artifact && module.Status.LastError is { } error && !(error.Time <= retriedAt))
                exits += JvmExits.Of(error).Own;
        return exits > ExitsAllowed;
    }

    /// <summary>The release of this template was aborted because the revision is quarantined.</summary>
    public static bool IsRecorded(ModuleDeployment deployment) =>
        deployment.Status.ReleaseStatus?.Abort is { Reason: Reasons.BaseDied } abort
        && abort.Artifact == deployment.Spec.Template.Spec.Module.ArtifactHash();
}
