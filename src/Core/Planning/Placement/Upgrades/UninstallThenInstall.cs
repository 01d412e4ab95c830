using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning.Upgrades;

/// <summary>The old one goes first, which leaves a gap: only within maxUnavailable, and never the last that serves unless the
/// user allowed for it.</summary>
internal sealed class UninstallThenInstall : IUpgrade
{
    public UpgradeStart Start(Module old, PlacementBudget budget) =>
        budget.WouldInterrupt(old) ? UpgradeStart.Elsewhere
        : budget.AllowsGap(old) ? UpgradeStart.Instead
        : UpgradeStart.Wait;

    // A crash between creating the new one and deleting the old one leaves both; so does a change of policy.
    public bool MayOldGo(Module old, Module replacement, PlacementBudget budget) =>
        replacement.IsAvailable || (budget.AllowsGap(old) && !budget.WouldInterrupt(old));
}
