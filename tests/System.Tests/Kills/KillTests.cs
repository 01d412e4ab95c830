using ModuleController.Dev.Load;
using ModuleController.Dev.Load.Measuring;
using ModuleController.Dev.Load.Scenarios;

namespace ModuleController.SystemTests.Kills;

/// <summary>
/// kill -9 at seeded moments of an install or an upgrade. Each run has two moments, and twenty on more modules where SOAK is set,
/// as the nightly job does. <c>src/Dev/Load</c> does the same with an install or upgrade of 200 modules for each moment.
/// </summary>
public sealed class KillTests
{
    private static readonly bool IsSoak = Environment.GetEnvironmentVariable("SOAK") is { Length: > 0 };

    private static readonly LoadOptions Options = new()
    {
        Moments = IsSoak ? 20 : 2,
        KillsPerInstall = IsSoak ? 20 : 2,
        InstallTime = TimeSpan.FromMilliseconds(50),
        Kubeconfig = Environment.GetEnvironmentVariable("MODULECONTROLLER_TEST_KUBECONFIG") is { Length: > 0 } file ? file : null,
        Agent = Environment.GetEnvironmentVariable("AGENT_EXECUTABLE") is { Length: > 0 } program ? program : null,
        Timeout = TimeSpan.FromMinutes(10),
    };

    [Fact]
    public async Task A_controller_killed_during_an_install_installs_each_module_exactly_once()
    {
        var report = await RunAsync(
            Options with { Kill = KillTarget.Controller, Bases = IsSoak ? 50 : 20, Modules = 4, Seed = Random.Shared.Next() });
        Assert.Equal(Options.Moments, report.Kills!.Moments);
    }

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

    private static async Task<LoadReport> RunAsync(LoadOptions options)
    {
        var output = TestContext.Current.TestOutputHelper!;
        output.WriteLine(
            $"seed {options.Seed}: --kill {options.Kill} --upgrade {options.Upgrade} --bases {options.Bases} --modules "
                + $"{options.Modules} --seed {options.Seed}");
        try
        {
            var report = await LoadRun.RunAsync(options, output.WriteLine, TestContext.Current.CancellationToken);
            output.WriteLine(report.Text);
            Assert.True(report.Problems.Count == 0, $"seed {options.Seed}: {string.Join('\n', report.Problems)}");
            return report;
        }
        catch (TimeoutException problem)
        {
            throw new TimeoutException($"seed {options.Seed}: {problem.Message}", problem);
        }
    }
}
