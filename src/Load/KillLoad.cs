namespace ModuleController.Load;

/// <summary>Kills the controller or agents at seeded moments of installs, and sees whether all is well in the end.</summary>
/// <remarks>
/// A moment is a share of the steps of an install (a Module made, a Module Available) and some milliseconds more, so that
/// it lies in the middle on slow machines as on fast ones.
/// </remarks>
internal sealed class KillLoad(LoadCluster cluster, LoadOptions options, Action<string> progress)
{
    public async Task<(KillFigures Figures, IReadOnlyList<string> Problems)> RunAsync(CancellationToken cancellation)
    {
        var random = new Random(options.Seed);
        var (times, problems) = (new List<double>(), new List<string>());
        var undisturbed = await InstallAsync(0, [], problems, cancellation);
        var (number, killed) = (0, 0);
        while (killed < options.Moments)
        {
            // Several in one install lie apart: each has its own part of it.
            var count = Math.Min(options.KillsPerInstall, options.Moments - killed);
            List<Moment> moments =
            [
                .. Enumerable.Range(0, count)
                    .Select(part => new Moment((part + random.NextDouble()) / count, TimeSpan.FromMilliseconds(random.Next(100)))),
            ];
            killed += moments.Count;
            times.Add(await InstallAsync(++number, moments, problems, cancellation));
            progress($"install {number}, killed at {string.Join(", ", moments)}: all Available after {times[^1]:0.00} s");
        }

        problems.AddRange(cluster.Bases.Crashes);
        lock (cluster.Controller.Crashes) problems.AddRange(cluster.Controller.Crashes);
        return (new(killed, number, options.Bases * options.Modules, undisturbed, times, cluster.Controller.LostLeases), problems);
    }

    private async Task<double> InstallAsync(int number, IReadOnlyList<Moment> moments, List<string> problems, CancellationToken cancellation)
    {
        using var installation = await Installation.CreateAsync(cluster, options, number, cancellation);
        foreach (var moment in moments)
        {
            await Wait.UntilAsync(() => installation.Progress >= moment.Progress, options.Timeout, () => $"install {number} comes to {moment}; {installation.Describe()}", cancellation);
            await Task.Delay(moment.Delay, TimeProvider.System, cancellation);
            // The one before it may be so short ago that there is nothing to kill yet.
            await Wait.UntilAsync(
                () => options.Kill == KillTarget.Controller ? cluster.Controller.Kill() : cluster.Bases.KillAgents(),
                options.Timeout, () => $"the killed {options.Kill} has started again", cancellation);
        }

        await installation.AvailableAsync(installation.Expected, _ => true, cancellation);
        var available = installation.AvailableOn(_ => true).TotalSeconds;
        await installation.CompletedAsync(cancellation);
        problems.AddRange(installation.Miscounts().Select(problem => $"install {number}, killed at {string.Join(", ", moments)}: {problem}"));
        await installation.DeleteAsync(cancellation);
        return available;
    }

    private sealed record Moment(double Progress, TimeSpan Delay)
    {
        public override string ToString() => FormattableString.Invariant($"{100 * Progress:0} % + {Delay.TotalMilliseconds} ms");
    }
}
