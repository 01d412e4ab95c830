using ModuleController.Dev.Load.Clusters;
using ModuleController.Dev.Load.Measuring;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>One run of the program, from an empty namespace to the report.</summary>
public static class LoadRun
{
    public static async Task<LoadReport> RunAsync(LoadOptions options, Action<string> progress, CancellationToken cancellation)
    {
        if (options.AgentCommands > 0)
            return new() { Options = options, Agent = await AgentLoad.RunAsync(options, progress, cancellation) };
        var cluster = new LoadCluster(options, progress);
        LoadReport report;
        await using (cluster)
        {
            if (options.Reconnect > 0)
                return new() { Options = options, Reconnects = await new ReconnectLoad(cluster, options, progress).RunAsync(cancellation) };
            await cluster.StartAsync(cancellation);
            progress($"{options.Bases} bases are ready");
            report = await MeasureAsync(cluster, options, progress, cancellation);
        }

        return report with { Problems = [.. report.Problems, .. cluster.Left] };
    }

    private static async Task<LoadReport> MeasureAsync(
        LoadCluster cluster, LoadOptions options, Action<string> progress, CancellationToken cancellation)
    {
        var report = new LoadReport { Options = options };
        if (options.Upgrade > 0)
        {
            var (upgrades, problems) = await new UpgradeLoad(cluster, options, progress).RunAsync(cancellation);
            return report with { Upgrades = upgrades, Problems = problems };
        }

        if (options.Kill != KillTarget.None)
        {
            var (kills, problems) = await new KillLoad(cluster, options, progress).RunAsync(cancellation);
            return report with { Kills = kills, Problems = problems };
        }

        if (options.Hang > 0)
        {
            var (hang, problems) = await new HangLoad(cluster, options, progress).RunAsync(cancellation);
            return report with { Hang = hang, Problems = problems };
        }

        var (installs, miscounts) = await new InstallLoad(cluster, options, progress).RunAsync(cancellation);
        return report with { Installs = installs, Problems = miscounts };
    }
}
