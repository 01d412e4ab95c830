using System.Collections.Immutable;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;
using ModuleController.Agent.Commands;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent;

/// <summary>
/// Replays the modules of the previous base life from cached jars when no controller answers: by priority, then by age of the
/// ModuleDeployment. Suspects are last, and after a second JVM exit a minute apart, so that the next exit can be attributed. A module that
/// caused two JVM exits is not replayed. Once a controller has answered in a base life, the controller replays.
/// </summary>
public sealed class SelfReplay(
    Func<bool> isConnected, CommandRunner runner, BaseObserver observer, CommandJournal journal, TimeSpan replayAfter,
    TimeProvider time, ILogger log)
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);
    // Replaced, never changed: the loop of the ready file reads it.
    private volatile ImmutableHashSet<string> _attempted = [];
    private readonly HashSet<string> _interrupted = [];
    private string? _life;
    private long? _suspectReplayedAt;
    private long _disconnectedSince = time.GetTimestamp();

    /// <summary>
    /// Modules of the previous base life are still to be replayed, by the agent or by a controller that has not answered yet.
    /// </summary>
    public bool IsPending => journal.State.ControllerAnsweredAt is null && PendingModules().Any();

    public async Task RunAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(CheckInterval, time);
        while (await timer.WaitForNextTickAsync(cancellation))
        {
            try
            {
                await CheckAsync(cancellation);
            }
            catch (IOException e)
            {
                log.JournalNotWritten("-", "contact with the controller", e);
            }
        }
    }

    private async Task CheckAsync(CancellationToken cancellation)
    {
        if (observer.View is not { State: BaseState.Up, Life: { } life }) return;
        if (life.Id != _life)
        {
            _life = life.Id;
            (_attempted, _suspectReplayedAt) = ([], null);
            _disconnectedSince = time.GetTimestamp();
        }

        var state = journal.State;
        if (isConnected())
        {
            _disconnectedSince = time.GetTimestamp();
            if (state.ControllerAnsweredAt is null) journal.Append(new JournalRecord.ControllerAnswered(time.GetUtcNow()));
            return;
        }

        var waited = time.GetElapsedTime(_disconnectedSince);
        if (state.ControllerAnsweredAt is not null || waited < replayAfter) return;
        var pending = PendingModules().ToList();
        if (pending.Count == 0) return;
        if (_attempted.Count == 0) log.ReplayStarted(waited, life.Id, pending.Count);
        foreach (var module in pending.OrderBy(module => module.IsSuspect).ThenByDescending(module => module.Order?.Priority ?? 0)
            .ThenBy(module => module.Order?.DeploymentCreatedAt ?? DateTimeOffset.MaxValue))
        {
            if (isConnected() || observer.View.Life != life) return;
            if (module.MustReplayAlone && _suspectReplayedAt is { } since && time.GetElapsedTime(since) < JournalState.SuspectPeriod)
                return;
            await ReplayAsync(module, life, cancellation);
        }
    }

    private IEnumerable<InstalledModule> PendingModules()
    {
        var state = journal.State;
        return state.Modules.Where(module => module.Life != state.Life && !_attempted.Contains(Key(module)));
    }

    private async Task ReplayAsync(InstalledModule module, KnownLife life, CancellationToken cancellation)
    {
        _attempted = _attempted.Add(Key(module));
        var obstacle = _interrupted.Contains(Key(module)) ? "the JVM exited during its replay"
            : module.Exits >= JournalState.MaxExits ? $"it caused {module.Exits} JVM exits"
            : module.Jar is null ? "it was adopted, so there is no jar"
            : !File.Exists(module.Jar) ? $"{module.Jar} does not exist"
            : null;
        if (obstacle is not null)
        {
            log.ReplaySkipped(module.Name, module.Version, obstacle);
            return;
        }

        var command = new Command
        {
            Id = $"replay/{module.ModuleUid}/{life.Id}",
            Epoch = journal.State.HighestEpoch,
            BaseLifeId = life.Id,
            Deadline = Duration.FromTimeSpan(TimeSpan.FromMinutes(5)),
            Install = new()
            {
                Module = new() { ModuleUid = module.ModuleUid, Name = module.Name, Version = module.Version },
                Source = new() { Url = new Uri(module.Jar!).AbsoluteUri, Sha256 = module.Sha256 ?? "" },
                Activate = module.Active,
            },
        };
        module.Hooks?.WriteTo(command.Install);
        module.Order?.WriteTo(command.Install);
        var result = await runner.RunOwnAsync(command, cancellation);
        if (module.IsSuspect) _suspectReplayedAt = time.GetTimestamp();
        // Not replayed again: the module may have caused a JVM exit.
        if (result.Reason is Reason.ArkletUnreachable) _interrupted.Add(Key(module));
    }

    private static string Key(InstalledModule module) => $"{module.ModuleUid}/{module.Name}/{module.Version}";
}
