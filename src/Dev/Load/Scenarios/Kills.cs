using ModuleController.Dev.Load.Clusters;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>Kills at seeded moments of an installation, or of its upgrade.</summary>
/// <remarks>
/// A moment is a share of the steps (a Module created, a Module Available) plus some milliseconds, so that it is in the
/// middle on slow and on fast machines.
/// </remarks>
internal sealed class Kills(LoadCluster cluster, LoadOptions options)
{
    private readonly Random _random = new(options.Seed);
    private int _left = options.Moments;

    public bool AreLeft => _left > 0;

    /// <summary>The moments of the next installation or upgrade. Each of several has its own part of it.</summary>
    public IReadOnlyList<Moment> Next()
    {
        var count = Math.Min(options.KillsPerInstall, _left);
        _left -= count;
        return
        [
            .. Enumerable.Range(0, count)
                .Select(part => new Moment((part + _random.NextDouble()) / count, TimeSpan.FromMilliseconds(_random.Next(100)))),
        ];
    }

    public async Task RunAsync(Installation installation, IReadOnlyList<Moment> moments, CancellationToken cancellation)
    {
        foreach (var moment in moments)
        {
            await Wait.UntilAsync(
                () => installation.Progress >= moment.Progress, options.Timeout,
                () => $"the installation reaches {moment}; {installation.Describe()}", cancellation);
            await Task.Delay(moment.Delay, TimeProvider.System, cancellation);
            // After the previous kill the process may not have been restarted yet.
            await Wait.UntilAsync(
                () => options.Kill == KillTarget.Controller ? cluster.Controller.Kill() : cluster.Bases.KillAgents(),
                options.Timeout, () => $"the killed {options.Kill} has started again", cancellation);
        }
    }

    /// <summary>Ends without a kill.</summary>
    public IReadOnlyList<string> Crashes()
    {
        lock (cluster.Controller.Crashes) return [.. cluster.Bases.Crashes, .. cluster.Controller.Crashes];
    }

    internal sealed record Moment(double Progress, TimeSpan Delay)
    {
        public override string ToString() => FormattableString.Invariant($"{100 * Progress:0} % + {Delay.TotalMilliseconds} ms");
    }
}
