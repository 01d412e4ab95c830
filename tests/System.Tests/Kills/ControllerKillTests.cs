using ModuleController.Dev.Load;

namespace ModuleController.SystemTests.Kills;

public sealed class ControllerKillTests : KillRuns
{
    [Fact]
    public async Task A_controller_killed_during_an_install_installs_each_module_exactly_once()
    {
        var report = await RunAsync(
            Options with { Kill = KillTarget.Controller, Bases = IsSoak ? 50 : 20, Modules = 4, Seed = Random.Shared.Next() });
        Assert.Equal(Options.Moments, report.Kills!.Moments);
    }
}
