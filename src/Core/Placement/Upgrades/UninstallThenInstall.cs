using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement.Upgrades;

/// <summary>The old Module is uninstalled first, which leaves a gap: only within maxUnavailable, only when the new artifact is on the
/// pod, and never the last that serves unless the user set maxUnavailable.</summary>
internal sealed class UninstallThenInstall : IUpgrade
{
    public UpgradeStart Start(Module old, CandidatePod? pod, DisruptionBudget budget) =>
        budget.WouldInterrupt(old) ? UpgradeStart.Elsewhere
        : !budget.AllowsGap(old) ? UpgradeStart.Wait
        : old.IsAvailable && pod is { CanFetch: true } or { EnforcesPolicy: false } ? UpgradeStart.Prepare
        : UpgradeStart.Instead;

    // Both exist also after a crash between the two writes, and after a change of policy.
    public bool MayDeleteOld(Module old, Module replacement, CandidatePod? pod, DisruptionBudget budget) =>
        replacement.IsAvailable || (Upgrade.IsPrepared(old, replacement, pod) && budget.AllowsGap(old) && !budget.WouldInterrupt(old));
}
