using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.Placement.Upgrades;

/// <summary>Both versions are in one JVM, then traffic switches. The pod always serves, so any number is upgraded at a time.</summary>
internal sealed class InstallThenUninstall : IUpgrade
{
    // A Module that was never available has no traffic to keep.
    public UpgradeStart Start(Module old, CandidatePod? pod, DisruptionBudget budget) =>
        ModuleReadiness.WasEverAvailable(old) ? UpgradeStart.Beside : UpgradeStart.Instead;

    public bool MayDeleteOld(Module old, Module replacement, CandidatePod? pod, DisruptionBudget budget) => replacement.IsAvailable;
}
