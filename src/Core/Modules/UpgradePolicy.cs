namespace ModuleController.Core.Modules;

/// <summary>How a new version follows an old one.</summary>
public enum UpgradePolicy
{
    /// <summary>Both in one JVM, then switch: no gap.</summary>
    InstallThenUninstall,

    /// <summary>The old one is uninstalled first: a gap on that pod.</summary>
    UninstallThenInstall,

    /// <summary>The new one is available on another pod before the old one is uninstalled.</summary>
    ScaleUpThenScaleDown,
}

/// <summary>Reads and writes policies, and computes the one in use.</summary>
public static class UpgradePolicies
{
    public static string Text(this UpgradePolicy policy) => policy switch
    {
        UpgradePolicy.InstallThenUninstall => "install_then_uninstall",
        UpgradePolicy.UninstallThenInstall => "uninstall_then_install",
        _ => "scaleup_then_scaledown",
    };

    /// <summary>Snake case, as the schema has it, or the camel case of v1's documentation; null for anything else.</summary>
    public static UpgradePolicy? Parse(string? text) =>
        text?.Replace("_", "", StringComparison.Ordinal).ToUpperInvariant() switch
        {
            "INSTALLTHENUNINSTALL" => UpgradePolicy.InstallThenUninstall,
            "UNINSTALLTHENINSTALL" => UpgradePolicy.UninstallThenInstall,
            "SCALEUPTHENSCALEDOWN" => UpgradePolicy.ScaleUpThenScaleDown,
            _ => null,
        };

    /// <summary>What the user asked for; v1's field counts where the operation strategy names none. Null: to be found out, as
    /// where every base pod has the module and so no other one is left to come up on.</summary>
    public static UpgradePolicy? Requested(ModuleDeployment deployment) =>
        Possible(deployment, Parse(deployment.Spec.OperationStrategy.UpgradePolicy) ?? Parse(deployment.Spec.Template.Spec.UpgradePolicy));

    /// <summary>The policy in force. The status has it before any upgrade begins. Until then it is uninstall_then_install, so that
    /// no JVM has to hold two versions.</summary>
    public static UpgradePolicy Effective(ModuleDeployment deployment) =>
        Possible(deployment, Parse(deployment.Status.ReleaseStatus?.UpgradePolicy)) ?? UpgradePolicy.UninstallThenInstall;

    /// <summary>The policy between two Modules: Arklet can't hold one version twice, so where they share a JVM the old one goes
    /// first.</summary>
    public static UpgradePolicy Between(ModuleDeployment deployment, ModuleSource old, ModuleSource @new) =>
        (Effective(deployment), old.Version == @new.Version) is (UpgradePolicy.InstallThenUninstall, true)
            ? UpgradePolicy.UninstallThenInstall
            : Effective(deployment);

    private static UpgradePolicy? Possible(ModuleDeployment deployment, UpgradePolicy? policy) =>
        policy == UpgradePolicy.ScaleUpThenScaleDown && deployment.Spec.IsSymmetric ? null : policy;
}
