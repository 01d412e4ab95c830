using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement.Upgrades;

/// <summary>The new one comes up on another pod, and the old one goes when that is available: no gap, whatever may be unavailable.</summary>
internal sealed class ScaleUpThenScaleDown : IUpgrade
{
    // What serves nothing has nothing to hand over: its place will do, and needs no pod more.
    public UpgradeStart Start(Module old, CandidatePod? pod, DisruptionBudget budget) => old.IsAvailable ? UpgradeStart.Elsewhere : UpgradeStart.Instead;

    // Both on one pod: the policy was another one when this began, and now the new one waits for the old one to go.
    public bool MayOldGo(Module old, Module replacement, CandidatePod? pod, DisruptionBudget budget) =>
        replacement.IsAvailable || (Upgrade.IsPrepared(old, replacement, pod) && budget.AllowsGap(old) && !budget.WouldInterrupt(old));
}
