using ModuleController.Dev.Load.Clusters;
using ModuleController.Dev.Load.Measuring;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>Kills the controller or agents at seeded moments of installs, and checks the result.</summary>
internal sealed class KillLoad(LoadCluster cluster, LoadOptions options, Action<string> progress)
{
    private readonly Kills _kills = new(cluster, options);

    public async Task<(KillFigures Figures, IReadOnlyList<string> Problems)> RunAsync(CancellationToken cancellation)
    {
        var (times, problems) = (new List<double>(), new List<string>());
        var undisturbed = await InstallAsync(0, [], problems, cancellation);
        var (number, killed) = (0, 0);
        while (_kills.AreLeft)
        {
            var moments = _kills.Next();
            killed += moments.Count;
            times.Add(await InstallAsync(++number, moments, problems, cancellation));
            progress($"install {number}, killed at {string.Join(", ", moments)}: all Available after {times[^1]:0.00} s");
        }

        problems.AddRange(_kills.Crashes());
        return (new(killed, number, options.Bases * options.Modules, undisturbed, times, cluster.Controller.LostLeases), problems);
    }

    private async Task<double> InstallAsync(
        int number, IReadOnlyList<Kills.Moment> moments, List<string> problems, CancellationToken cancellation)
    {
        using var installation = await Installation.CreateAsync(cluster, options, number, cancellation);
        await _kills.RunAsync(installation, moments, cancellation);
        await installation.AvailableAsync(installation.Expected, _ => true, cancellation);
        var available = installation.AvailableOn(_ => true).TotalSeconds;
        await installation.CompletedAsync(cancellation);
        problems.AddRange(installation.Miscounts().Select(
            problem => $"install {number}, killed at {string.Join(", ", moments)}: {problem}"));
        await installation.DeleteAsync(cancellation);
        return available;
    }
}
