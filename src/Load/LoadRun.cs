namespace ModuleController.Load;

/// <summary>One run of the program, from an empty namespace to the report.</summary>
public static class LoadRun
{
    public static async Task<LoadReport> RunAsync(LoadOptions options, Action<string> progress, CancellationToken cancellation)
    {
        if (options.AgentCommands > 0)
            return new() { Options = options, Agent = await AgentLoad.RunAsync(options, progress, cancellation) };
        await using var cluster = await LoadCluster.StartAsync(options, cancellation);
        progress($"{options.Bases} bases are ready");
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
