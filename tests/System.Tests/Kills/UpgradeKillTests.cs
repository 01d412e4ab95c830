using ModuleController.Dev.Load;

namespace ModuleController.SystemTests.Kills;

public sealed class UpgradeKillTests : KillRuns
{
    [Fact]
    public async Task A_controller_killed_during_upgrades_keeps_batches_and_service_and_reaches_the_same_state()
    {
        var options = Options with
        {
            Kill = KillTarget.Controller,
            Upgrade = 4,
            Bases = IsSoak ? 50 : 16,
            KillsPerInstall = IsSoak ? 5 : 1,
            Seed = Random.Shared.Next(),
        };
        var report = await RunAsync(options);
        Assert.Equal((options.Moments, 2), (report.Upgrades!.Kills, report.Upgrades.Policies.Count));
        Assert.Equal(0, report.Upgrades.Policies.Single(policy => policy.Policy == "install_then_uninstall").MostUnavailable);
    }
}
