using ModuleController.Load;

namespace ModuleController.SystemTests.Kills;

/// <summary>
/// kill -9 at seeded moments of an install. All moments lie in one install, on fewer bases than a real load has, so that the
/// tests stay short; <c>src/Load</c> does the same with an install of 200 modules for each moment.
/// </summary>
public sealed class KillTests
{
    private static readonly LoadOptions Options = new()
    {
        Moments = 20,
        KillsPerInstall = 20,
        InstallTime = TimeSpan.FromMilliseconds(50),
        Kubeconfig = Environment.GetEnvironmentVariable("MODULECONTROLLER_TEST_KUBECONFIG") is { Length: > 0 } file ? file : null,
        Agent = Environment.GetEnvironmentVariable("AGENT_EXECUTABLE") is { Length: > 0 } program ? program : null,
        Timeout = TimeSpan.FromMinutes(4),
    };

    [Fact]
    public Task A_controller_killed_at_20_moments_of_an_install_installs_each_module_exactly_once() =>
        RunAsync(Options with { Kill = KillTarget.Controller, Bases = 50, Modules = 4, Seed = Random.Shared.Next() });

    [Fact]
    public Task Agents_killed_at_20_moments_of_an_install_install_each_module_exactly_once() =>
        RunAsync(Options with { Kill = KillTarget.Agent, Bases = 3, AgentProcesses = 3, Modules = 20, Seed = Random.Shared.Next() });

    private static async Task RunAsync(LoadOptions options)
    {
        var output = TestContext.Current.TestOutputHelper!;
        output.WriteLine($"seed {options.Seed}: --kill {options.Kill} --bases {options.Bases} --modules {options.Modules} --seed {options.Seed}");
        try
        {
            var report = await LoadRun.RunAsync(options, output.WriteLine, TestContext.Current.CancellationToken);
            output.WriteLine(report.Text);
            Assert.True(report.Problems.Count == 0, $"seed {options.Seed}: {string.Join('\n', report.Problems)}");
            Assert.Equal(20, report.Kills!.Moments);
        }
        catch (TimeoutException problem)
        {
            Assert.Fail($"seed {options.Seed}: {problem.Message}");
        }
    }
}
