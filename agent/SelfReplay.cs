using System.Collections.Immutable;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;
using ModuleController.Agent.Commands;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent;

/// <summary>
/// Brings the last confirmed set back when a base life begins and no controller answers, from the cached jars: by priority,
/// then by age of the ModuleDeployment. Suspects come last, and after a second exit a minute apart, to show whose it is. What
/// ended two base lives is left out. A life in which a controller has answered once is the controller's to fill.
/// </summary>
public sealed class SelfReplay(
    Func<bool> isConnected, CommandRunner runner, BaseObserver observer, CommandJournal journal, TimeSpan patience,
    TimeProvider time, ILogger log)
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    // Replaced as a whole: the loop of the ready file reads it, too.
    private volatile ImmutableHashSet<string> _tried = [];
    private readonly HashSet<string> _unanswered = [];
    private string? _life;
    private long? _suspectSince;
    private long _quietSince = time.GetTimestamp();

    /// <summary>Whether modules of the last life are still to come, by us, or by a controller that has not answered yet.</summary>
    public bool IsPending => journal.State.ControllerAnsweredAt is null && Missing().Any();

    public async Task RunAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Tick, time);
        while (await timer.WaitForNextTickAsync(cancellation))
        {
            try
            {
                await LookAsync(cancellation);
            }
            catch (IOException e)
            {
                log.JournalNotWritten("-", "contact with the controller", e);
            }
        }
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        if (observer.View is not { State: BaseState.Up, Life: { } life }) return;
        if (life.Id != _life)
        {
            _life = life.Id;
            (_tried, _suspectSince) = ([], null);
            _quietSince = time.GetTimestamp();
        }

        var state = journal.State;
        if (isConnected())
        {
            _quietSince = time.GetTimestamp();
            if (state.ControllerAnsweredAt is null) journal.Append(new JournalRecord.ControllerAnswered(time.GetUtcNow()));
            return;
        }

        var waited = time.GetElapsedTime(_quietSince);
        if (state.ControllerAnsweredAt is not null || waited < patience) return;
        var missing = Missing().ToList();
        if (missing.Count == 0) return;
        if (_tried.Count == 0) log.ReplayBegins(waited, life.Id, missing.Count);
        foreach (var module in missing.OrderBy(module => module.IsSuspect).ThenByDescending(module => module.Order?.Priority ?? 0)
            .ThenBy(module => module.Order?.DeploymentCreatedAt ?? DateTimeOffset.MaxValue))
        {
            if (isConnected() || observer.View.Life != life) return;
            if (module.MustBeAlone && _suspectSince is { } since && time.GetElapsedTime(since) < JournalState.TimeToLive) return;
            await BringBackAsync(module, life, cancellation);
        }
    }

    private IEnumerable<InstalledModule> Missing()
    {
        var state = journal.State;
        return state.Modules.Where(module => module.Life != state.Life && !_tried.Contains(Key(module)));
    }

    private async Task BringBackAsync(InstalledModule module, KnownLife life, CancellationToken cancellation)
    {
        _tried = _tried.Add(Key(module));
        var obstacle = _unanswered.Contains(Key(module)) ? "the base ended while it was being brought back"
            : module.Exits >= JournalState.ExitsForgiven ? $"it ended the base {module.Exits} times"
            : module.Jar is null ? "it was adopted, there is no jar"
            : !File.Exists(module.Jar) ? $"{module.Jar} is gone"
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
                PreInstall = module.Hooks?.Before?.ToMessage(),
                PostInstall = module.Hooks?.After?.ToMessage(),
            },
        };
        module.Order?.WriteTo(command.Install);
        var result = await runner.RunOwnAsync(command, cancellation);
        if (module.IsSuspect) _suspectSince = time.GetTimestamp();
        // Not twice: a module that takes the JVM with it would do so for ever.
        if (result.Reason is Reason.ArkletUnreachable) _unanswered.Add(Key(module));
    }

    private static string Key(InstalledModule module) => $"{module.ModuleUid}/{module.Name}/{module.Version}";
}
