using ModuleController.Core.Modules;
using ModuleController.Dev.Load.Clusters;
using ModuleController.Dev.Load.Measuring;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>
/// Upgrades what is installed, in batches, with each policy that stays in one JVM in turn. Measures the cost, and checks that
/// every state kept the promises of a release; with <c>--kill</c> also across kills.
/// </summary>
internal sealed class UpgradeLoad(LoadCluster cluster, LoadOptions options, Action<string> progress)
{
    private static readonly UpgradePolicy[] Policies = [UpgradePolicy.InstallThenUninstall, UpgradePolicy.UninstallThenInstall];

    private readonly Kills _kills = new(cluster, options);
    private readonly List<Run> _runs = [];
    private readonly List<string> _problems = [];

    public async Task<(UpgradeFigures Figures, IReadOnlyList<string> Problems)> RunAsync(CancellationToken cancellation)
    {
        using var installation = await Installation.CreateAsync(cluster, options, 1, cancellation);
        await installation.AvailableAsync(installation.Expected, _ => true, cancellation);
        await installation.CompletedAsync(cancellation);
        await using var watch = await ServiceWatch.StartAsync(cluster, installation.Names, options, cancellation);
        var killed = 0;
        for (var number = 0; options.Kill == KillTarget.None ? number < 2 * options.Runs : _kills.AreLeft; number++)
        {
            var moments = options.Kill == KillTarget.None ? [] : _kills.Next();
            killed += moments.Count;
            await RunOnceAsync(installation, watch, $"{number + 2}.0.0", Policies[number % 2], moments, cancellation);
        }

        if (options.Kill != KillTarget.None) _problems.AddRange(_kills.Crashes());
        return (new(killed, watch.States, [.. Policies.Where(policy => _runs.Exists(run => run.Policy == policy)).Select(FiguresOf)]),
            _problems);
    }

    private async Task RunOnceAsync(
        Installation installation, ServiceWatch watch, string version, UpgradePolicy policy, IReadOnlyList<Kills.Moment> moments,
        CancellationToken cancellation)
    {
        // A killed controller loses its counters: they are read only without kills.
        var before = moments.Count == 0 ? await cluster.Controller.SettledMetricsAsync(cancellation) : null;
        watch.Expect(version);
        await installation.UpgradeAsync(version, policy, cancellation);
        await _kills.RunAsync(installation, moments, cancellation);
        await installation.AvailableAsync(installation.Expected, _ => true, cancellation);
        await installation.CompletedAsync(cancellation);
        var completed = installation.Elapsed.TotalSeconds;
        await installation.AloneAsync(cancellation);
        await watch.CaughtUpAsync(options.Timeout, cancellation);
        var counted = before is null ? null : (await cluster.Controller.SettledMetricsAsync(cancellation)).Since(before);
        var what = $"{version} by {policy.Text()}{(moments.Count == 0 ? "" : $", killed at {string.Join(", ", moments)}")}";
        _problems.AddRange(installation.Miscounts().Concat(watch.TakeProblems()).Select(problem => $"{what}: {problem}"));
        _runs.Add(new(policy, completed, watch.MostUnavailable, counted));
        progress($"{what}: completed after {completed:0.00} s, {watch.MostUnavailable} unavailable at most");
    }

    private UpgradeOfPolicy FiguresOf(UpgradePolicy policy)
    {
        var runs = _runs.Where(run => run.Policy == policy).ToList();
        var counted = runs.Select(run => run.Counted).OfType<ControllerMetrics>().ToList();
        var modules = (double)options.Bases * options.Modules * counted.Count;
        return new(
            policy.Text(), [.. runs.Select(run => run.Completed)], runs.Max(run => run.MostUnavailable),
            PerModule(counted.Select(metrics => metrics.Requests), modules), PerModule(counted.Select(metrics => metrics.Rejected), 1));
    }

    private static Dictionary<string, double> PerModule(IEnumerable<IReadOnlyDictionary<string, long>> counts, double by) => counts
        .SelectMany(count => count).GroupBy(pair => pair.Key).ToDictionary(group => group.Key, group => group.Sum(pair => pair.Value) / by);

    private sealed record Run(UpgradePolicy Policy, double Completed, int MostUnavailable, ControllerMetrics? Counted);
}
