using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement.Upgrades;

/// <summary>How an old Module on a pod gives way to a new one: a class per policy.</summary>
internal interface IUpgrade
{
    /// <summary>Whether, and how, the old one's replacement may begin now.</summary>
    UpgradeStart Start(Module old, CandidatePod? pod, DisruptionBudget budget);

    /// <summary>The replacement exists: whether the old one may go now.</summary>
    bool MayOldGo(Module old, Module replacement, CandidatePod? pod, DisruptionBudget budget);
}

internal enum UpgradeStart
{
    /// <summary>Not now: too many are unavailable.</summary>
    Wait,

    /// <summary>The new one is made beside the old one, which stays.</summary>
    Beside,

    /// <summary>The new one is created beside the old one, which is removed when the new artifact is on the pod. From now on it
    /// counts as taken out of service.</summary>
    Prepare,

    /// <summary>The new one is made and the old one goes at once.</summary>
    Instead,

    /// <summary>The new one has to come up on another pod first: nothing else serves, or the policy says so.</summary>
    Elsewhere,
}

internal static class Upgrade
{
    /// <summary>Whether removing the old one leaves no gap that a check could have avoided. An agent that can't fetch checks at the install.
    /// Where the view is not current, nothing is known of either, and what serves stays.</summary>
    public static bool IsPrepared(Module old, Module replacement, CandidatePod? pod) =>
        !old.IsAvailable || old.Spec.PodUid != replacement.Spec.PodUid
        || (pod is { IsCurrent: true } && (!pod.CanFetch || (pod.Staged.Contains(replacement.Metadata.Uid!) && !pod.IsOutOfMetaspace)));

    /// <summary>Its old Module keeps its place, and nothing but a restart of the base changes that.</summary>
    public static bool AwaitsRestart(Module old, CandidatePod? pod) => old.IsAvailable && pod is { IsCurrent: true, CanFetch: true, IsOutOfMetaspace: true };

    public static IUpgrade Of(ModuleDeployment deployment, ModuleSource old, ModuleSource @new) =>
        UpgradePolicies.Between(deployment, old, @new) switch
        {
            UpgradePolicy.InstallThenUninstall => new InstallThenUninstall(),
            UpgradePolicy.ScaleUpThenScaleDown => new ScaleUpThenScaleDown(),
            _ => new UninstallThenInstall(),
        };
}
