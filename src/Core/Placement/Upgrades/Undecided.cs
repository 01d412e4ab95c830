using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.Placement.Upgrades;

/// <summary>The goals of a release were observed before the status that says how it upgrades: two watches are in no order. What serves
/// stays until then.</summary>
internal sealed class Undecided : IUpgrade
{
    public UpgradeStart Start(Module old, CandidatePod? pod, DisruptionBudget budget) =>
        ModuleReadiness.WasEverAvailable(old) ? UpgradeStart.Wait : UpgradeStart.Instead;

    public bool MayDeleteOld(Module old, Module replacement, CandidatePod? pod, DisruptionBudget budget) => replacement.IsAvailable;
}
