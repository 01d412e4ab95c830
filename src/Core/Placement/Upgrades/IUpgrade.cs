using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.Placement.Upgrades;

/// <summary>How a new Module replaces an old one: a class per policy.</summary>
internal interface IUpgrade
{
    /// <summary>Whether the replacement may start now, and how.</summary>
    UpgradeStart Start(Module old, CandidatePod? pod, DisruptionBudget budget);

    /// <summary>The replacement exists: whether the old one may be deleted now.</summary>
    bool MayDeleteOld(Module old, Module replacement, CandidatePod? pod, DisruptionBudget budget);
}

internal enum UpgradeStart
{
    /// <summary>Not now: too many are unavailable.</summary>
    Wait,

    /// <summary>The new one is created beside the old one, which stays.</summary>
    Beside,

    /// <summary>The new one is created beside the old one, which is removed when the new artifact is on the pod. From now on it
    /// counts as taken out of service.</summary>
    Prepare,

    /// <summary>The new one is created, and the old one is deleted at once.</summary>
    Instead,

    /// <summary>The new one has to be available on another pod first: nothing else serves, or the policy requires it.</summary>
    Elsewhere,
}

internal static class Upgrade
{
    /// <summary>The new artifact is on the pod and checked. An agent that can't fetch checks it at the install. Without a current view
    /// nothing is known, and the old one stays. So it does where the new one can't be installed.</summary>
    public static bool IsPrepared(Module old, Module replacement, CandidatePod? pod) =>
        !old.IsAvailable || old.Spec.PodUid != replacement.Spec.PodUid
        || (pod is { IsCurrent: true, EnforcesPolicy: true }
            && (!pod.CanFetch || (pod.Staged.Contains(replacement.Metadata.Uid!) && !pod.IsOutOfMetaspace)));

    /// <summary>The old Module keeps its place until the base restarts.</summary>
    public static bool AwaitsRestart(Module old, CandidatePod? pod) =>
        old.IsAvailable && pod is { IsCurrent: true, CanFetch: true, IsOutOfMetaspace: true };

    public static IUpgrade Of(ModuleDeployment deployment, PlannedModule old, PlannedReplicaSet successor)
    {
        var template = successor.Set.ReplicaSet.Spec.Template;
        if (old.Set != successor && !ObservedPolicy.IsOf(deployment, template)) return new Undecided();
        return UpgradePolicies.Between(deployment, old.Module.Spec.Module, template.Spec.Module) switch
        {
            UpgradePolicy.InstallThenUninstall => new InstallThenUninstall(),
            UpgradePolicy.ScaleUpThenScaleDown => new ScaleUpThenScaleDown(),
            _ => new UninstallThenInstall(),
        };
    }
}
