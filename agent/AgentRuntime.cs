using System.Reflection;
using Microsoft.Extensions.Logging;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Artifacts;
using ModuleController.Agent.Commands;
using ModuleController.Agent.Hooks;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Link;
using ModuleController.Agent.Observing;

namespace ModuleController.Agent;

/// <summary>Composes the agent and runs its loops until it is stopped or one of them fails.</summary>
public static class AgentRuntime
{
    public static string Version { get; } =
        Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    /// <summary>Returns the exit code: 0 after a stop, 1 after a failure.</summary>
    public static async Task<int> RunAsync(
        AgentOptions options, ILoggerFactory logs, CancellationToken cancellation, TimeProvider? clock = null)
    {
        var time = clock ?? TimeProvider.System;
        var log = Log("agent");
        using var journal = CommandJournal.Open(options.StateDir, Log("journal"));
        using var arklet = new ArkletClient(new ArkletOptions(options.ArkletHost, options.ArkletPort), time);
        using var observer = new BaseObserver(
            arklet, journal,
            new ObserverOptions { HealthInterval = options.HealthInterval, QueryInterval = options.QueryInterval },
            time, Log("base"));
        using var downloader = new Downloader(
            new DownloadLimits { MaxBytes = options.MaxArtifactBytes }, time, Log("artifacts"), options.ArtifactCredentials);
        var artifacts = new ArtifactStore(
            Path.Combine(options.StateDir, "artifacts"), downloader, time, Log("artifacts"))
        { KeepUnused = options.KeepUnusedJars };
        using var hooks = new HookRunner(
            new HookTarget(options.ArkletHost, options.PodNamespace, options.PodName, options.PodUid), time, Log("hooks"));
        using var runner = new CommandRunner(
            new CommandTools(arklet, observer, journal, artifacts, hooks, time), Log("commands"));
        var link = new ControllerLink(
            new LinkOptions
            {
                Controller = options.Controller,
                PodNamespace = options.PodNamespace,
                PodName = options.PodName,
                PodUid = options.PodUid,
                ArkletPort = options.ArkletPort,
                AgentVersion = CommandLimits.Cut(Version, Protocol.Limits.AgentVersion),
                TokenFile = options.TokenFile,
                CaFile = options.CaFile,
            },
            runner, observer, journal, time, Log("link"));
        var replay = new SelfReplay(() => link.IsConnected, runner, observer, journal, options.ReplayAfter, time, Log("replay"));
        var ready = new ReadyFile(options.StateDir, () => (observer.View, replay.IsPending), time, log);
        observer.Observed += ready.RequestWrite;

        log.Started(
            Version, options.PodNamespace, options.PodName, options.Controller, options.ArkletHost, options.ArkletPort, options.StateDir);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] parts =
        [
            observer.RunAsync(ending.Token), runner.RunAsync(ending.Token), link.RunAsync(ending.Token), replay.RunAsync(ending.Token),
            ready.RunAsync(ending.Token),
        ];
        var first = await Task.WhenAny(parts);
        if (cancellation.IsCancellationRequested) log.Stopping();
        else log.PartFailed(first.Exception?.GetBaseException() ?? new InvalidOperationException("a loop ended unexpectedly"));
        await ending.CancelAsync();
        await Task.WhenAll(parts.Select(async part => await part.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing)));
        return cancellation.IsCancellationRequested ? 0 : 1;

        ILogger Log(string category) => logs.CreateLogger(category);
    }
}
