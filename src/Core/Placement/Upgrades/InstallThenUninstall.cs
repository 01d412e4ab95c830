using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement.Upgrades;

/// <summary>Both versions in one JVM, then the switch: the slot serves all along, so nothing limits how many at once.</summary>
internal sealed class InstallThenUninstall : IUpgrade
{
    // One that was never there has nothing to keep serving.
    public UpgradeStart Start(Module old, CandidatePod? pod, DisruptionBudget budget) =>
        ModuleReadiness.WasEverAvailable(old) ? UpgradeStart.Beside : UpgradeStart.Instead;

    public bool MayOldGo(Module old, Module replacement, CandidatePod? pod, DisruptionBudget budget) => replacement.IsAvailable;
}
