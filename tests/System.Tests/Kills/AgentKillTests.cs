using ModuleController.Dev.Load;

namespace ModuleController.SystemTests.Kills;

public sealed class AgentKillTests : KillRuns
{
    [Fact]
    public async Task Agents_killed_during_an_install_install_each_module_exactly_once()
    {
        var report = await RunAsync(Options with
        {
            Kill = KillTarget.Agent,
            Bases = 3,
            AgentProcesses = 3,
            Modules = IsSoak ? 20 : 5,
            Seed = Random.Shared.Next(),
        });
        Assert.Equal(Options.Moments, report.Kills!.Moments);
    }
}
