using ModuleController.Dev.Load;
using ModuleController.Dev.Load.Measuring;
using ModuleController.Dev.Load.Scenarios;

namespace ModuleController.SystemTests.Kills;

/// <summary>
/// kill -9 at seeded moments of an install or an upgrade. Each run has two moments, and twenty on more modules where SOAK is set,
/// as the nightly job does. <c>src/Dev/Load</c> does the same with an install or upgrade of 200 modules for each moment.
/// </summary>
public abstract class KillRuns
{
    protected static bool IsSoak { get; } = Environment.GetEnvironmentVariable("SOAK") is { Length: > 0 };

    protected static LoadOptions Options { get; } = new()
    {
        Moments = IsSoak ? 20 : 2,
        KillsPerInstall = IsSoak ? 20 : 2,
        InstallTime = TimeSpan.FromMilliseconds(50),
        Kubeconfig = Environment.GetEnvironmentVariable("MODULECONTROLLER_TEST_KUBECONFIG") is { Length: > 0 } file ? file : null,
        Agent = Environment.GetEnvironmentVariable("AGENT_EXECUTABLE") is { Length: > 0 } program ? program : null,
        Timeout = TimeSpan.FromMinutes(10),
    };

    protected static async Task<LoadReport> RunAsync(LoadOptions options)
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
