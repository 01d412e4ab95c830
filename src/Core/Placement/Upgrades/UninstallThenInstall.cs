using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement.Upgrades;

/// <summary>The old one goes first, which leaves a gap: only within maxUnavailable, only when the new artifact is on the pod, and
/// never the last that serves unless the user allowed for it.</summary>
internal sealed class UninstallThenInstall : IUpgrade
{
    public UpgradeStart Start(Module old, CandidatePod? pod, DisruptionBudget budget) =>
        budget.WouldInterrupt(old) ? UpgradeStart.Elsewhere
        : !budget.AllowsGap(old) ? UpgradeStart.Wait
        : old.IsAvailable && pod is { CanFetch: true } ? UpgradeStart.Prepare
        : UpgradeStart.Instead;

    // A crash between creating the new one and deleting the old one leaves both; so does a change of policy.
    public bool MayOldGo(Module old, Module replacement, CandidatePod? pod, DisruptionBudget budget) =>
        replacement.IsAvailable || (Upgrade.IsPrepared(old, replacement, pod) && budget.AllowsGap(old) && !budget.WouldInterrupt(old));
}
