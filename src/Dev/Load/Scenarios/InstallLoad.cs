using ModuleController.Dev.Load.Clusters;
using ModuleController.Dev.Load.Measuring;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>Installs and deletes repeatedly, and measures the cost.</summary>
internal sealed class InstallLoad(LoadCluster cluster, LoadOptions options, Action<string> progress)
{
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(5);

    private readonly List<Run> _runs = [];
    private readonly List<string> _problems = [];

    public async Task<(InstallFigures Figures, IReadOnlyList<string> Problems)> RunAsync(CancellationToken cancellation)
    {
        var idleMemory = cluster.Controller.Process.ResidentMegabytes.Now;
        for (var number = 1; number <= options.Runs; number++) await RunOnceAsync(number, cancellation);

        var before = await cluster.Controller.MetricsAsync(cancellation);
        await Task.Delay(Idle, TimeProvider.System, cancellation);
        var idle = (await cluster.Controller.MetricsAsync(cancellation)).Since(before);
        var modules = (double)options.Bases * options.Modules;
        return (new(
            [.. _runs.Select(run => run.AllAvailable)], [.. _runs.Select(run => run.Completed)], [.. _runs.Select(run => run.Deleted)],
            _runs.SelectMany(run => run.Modules).Percentile(50), _runs.SelectMany(run => run.Modules).Percentile(99),
            [.. _runs.Select(run => run.Cpu)], idleMemory, cluster.Controller.Process.ResidentMegabytes.Peak,
            PerModule(run => run.Installing.Requests, modules * _runs.Count),
            PerModule(run => run.Deleting.Requests, modules * _runs.Count),
            PerModule(run => run.Installing.Rejected, 1), Idle.TotalSeconds, idle.All,
            _runs.SelectMany(run => run.Installing.Reconciles).GroupBy(pair => pair.Key).ToDictionary(
                group => group.Key,
                group => new ReconcileFigures(
                    group.Select(pair => (double)pair.Value.Count).Median(), group.Select(pair => pair.Value.Seconds).Median())))
        {
            CacheLag = LagFigures.Of(Metrics.Select(metrics => metrics.CacheLag)),
            WatchGaps = LagFigures.Of(Metrics.Select(metrics => metrics.WatchGaps)),
        }, _problems);
    }

    private async Task RunOnceAsync(int number, CancellationToken cancellation)
    {
        var before = await cluster.Controller.SettledMetricsAsync(cancellation);
        var cpu = Cpu();
        using var installation = await Installation.CreateAsync(cluster, options, number, cancellation);
        await installation.AvailableAsync(installation.Expected, _ => true, cancellation);
        var available = installation.AvailableOn(_ => true);
        await installation.CompletedAsync(cancellation);
        var completed = installation.Elapsed;
        var installed = await cluster.Controller.SettledMetricsAsync(cancellation);
        var spent = Cpu().Since(cpu);
        _problems.AddRange(installation.Miscounts());

        var deleting = installation.Elapsed;
        await installation.DeleteAsync(cancellation);
        var deleted = installation.Elapsed - deleting;
        var gone = await cluster.Controller.SettledMetricsAsync(cancellation);
        _runs.Add(new(
            available.TotalSeconds, completed.TotalSeconds, deleted.TotalSeconds, spent, installed.Since(before), gone.Since(installed),
            [.. installation.Durations.Select(duration => duration.TotalSeconds)]));
        progress($"run {number}: all Available after {available.TotalSeconds:0.00} s, deleted in {deleted.TotalSeconds:0.00} s");
    }

    private IEnumerable<ControllerMetrics> Metrics => _runs.SelectMany(run => (ControllerMetrics[])[run.Installing, run.Deleting]);

    private CpuFigures Cpu() => new(
        cluster.Controller.Process.CpuSeconds, cluster.ServerCpuSeconds, Environment.CpuUsage.TotalTime.TotalSeconds);

    private Dictionary<string, double> PerModule(Func<Run, IReadOnlyDictionary<string, long>> counts, double by) => _runs
        .SelectMany(run => counts(run)).GroupBy(pair => pair.Key)
        .ToDictionary(group => group.Key, group => group.Sum(pair => pair.Value) / by);

    private sealed record Run(
        double AllAvailable, double Completed, double Deleted, CpuFigures Cpu, ControllerMetrics Installing, ControllerMetrics Deleting,
        IReadOnlyList<double> Modules);
}
