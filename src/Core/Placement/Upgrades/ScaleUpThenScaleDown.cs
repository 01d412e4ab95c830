using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement.Upgrades;

/// <summary>The new Module is installed on another pod, and the old one is deleted when the new one is available. There is no gap,
/// whatever maxUnavailable is.</summary>
internal sealed class ScaleUpThenScaleDown : IUpgrade
{
    // A Module that does not serve is replaced in its place: that needs no other pod.
    public UpgradeStart Start(Module old, CandidatePod? pod, DisruptionBudget budget) =>
        old.IsAvailable ? UpgradeStart.Elsewhere : UpgradeStart.Instead;

    // Both are on one pod if the policy was another one when the replacement started. Then the new one waits for the old one.
    public bool MayDeleteOld(Module old, Module replacement, CandidatePod? pod, DisruptionBudget budget) =>
        replacement.IsAvailable || (Upgrade.IsPrepared(old, replacement, pod) && budget.AllowsGap(old) && !budget.WouldInterrupt(old));
}
