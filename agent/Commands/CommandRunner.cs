using System.Collections.Concurrent;
using System.Threading.Channels;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;
using ModuleController.Agent.Hooks;
using ModuleController.Agent.Journal;
using ModuleController.Core.Meta;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;
using BizState = ModuleController.Agent.Arklet.BizState;

namespace ModuleController.Agent.Commands;

/// <summary>
/// Runs commands that call Arklet one at a time, in order of arrival; beside them fetches and inspections, two at a time.
/// Each id runs once: a repeated one is answered from the journal or joins the one that runs. What an agent before this one had begun comes first. A module that doesn't come to rest in its
/// time is marked as stuck, and the next command goes on. While one waits for a hook, those of other modules run; those
/// with hooks are so few that there is room for others, however long their hooks take.
/// </summary>
public sealed class CommandRunner : IDisposable
{
    private static readonly TimeSpan DefaultDeadline = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LeastTimeToRecover = TimeSpan.FromSeconds(30);

    private readonly CommandTools _tools;
    private readonly ILogger _log;
    private readonly Channel<Work> _queue = Channel.CreateBounded<Work>(Limits.RunningCommands);
    private readonly ConcurrentDictionary<string, Work> _accepted = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Work> _unanswered = new();
    private readonly Channel<Work> _besideQueue = Channel.CreateBounded<Work>(Limits.RunningCommands);
    private readonly SemaphoreSlim _lane = new(1);
    private readonly SemaphoreSlim _besideLanes = new(2);
    private readonly List<(string Module, Task Task)> _turns = [];
    private readonly List<Task> _besideTurns = [];

    public CommandRunner(CommandTools tools, ILogger log)
    {
        (_tools, _log) = (tools, log);
        foreach (var intent in tools.Journal.State.Unanswered.OrderBy(intent => intent.At))
        {
            var work = new Work(Rebuild(intent, tools.Journal.State.Life!), tools.Time.GetTimestamp()) { Recovered = intent };
            _accepted[intent.CommandId] = work;
            _unanswered.Enqueue(work);
        }

        tools.Observer.IsBusy = (name, version) =>
            _accepted.Values.Any(work => work.Begun && !work.IsBeside && work.Module.Name == name && work.Module.Version == version);
        tools.Observer.IsAnyBusy = () => _accepted.Values.Any(work => work.Phase is CommandPhase.Executing);
        tools.Observer.Changed += Recover;
        tools.Observer.Looked += FinishLate;
    }

    public event Action<CommandResult>? Finished;

    public event Action<CommandProgress>? Progressed;

    /// <summary>A command was accepted or ended, or the journal knows something new.</summary>
    public event Action? Changed;

    public static TimeSpan DeadlineOf(Command command) =>
        command.Deadline?.ToTimeSpan() is { } deadline && deadline > TimeSpan.Zero ? deadline : DefaultDeadline;

    /// <summary>What was accepted and is not finished.</summary>
    public IReadOnlyList<RunningCommand> Running =>
    [
        .. _accepted.Values.OrderBy(work => work.AcceptedAt).Select(work => new RunningCommand
        {
            CommandId = work.Command.Id,
            ModuleName = work.Module.Name,
            ModuleVersion = work.Module.Version,
            RunningFor = Duration.FromTimeSpan(_tools.Time.GetElapsedTime(work.AcceptedAt)),
            Phase = work.Phase,
        }),
    ];

    /// <summary>Takes a command that is well-formed. Never waits; the answer comes by <see cref="Finished"/>, maybe at once.</summary>
    public void Submit(Command command)
    {
        var state = _tools.Journal.State;
        if (command.Epoch < state.HighestEpoch)
        {
            Answer(command, Verdict.Refused(
                Reason.Fenced, "FENCED", $"of epoch {command.Epoch}, a controller of epoch {state.HighestEpoch} has spoken"));
            return;
        }

        try
        {
            if (command.Epoch > state.HighestEpoch) _tools.Journal.Append(new JournalRecord.EpochSeen(command.Epoch));
        }
        catch (IOException e)
        {
            _log.JournalNotWritten(command.Id, "epoch", e);
            Answer(command, Verdict.Failed(Reason.DiskFull, "JOURNAL", $"the epoch can't be written: {e.Message}"));
            return;
        }

        if (_accepted.ContainsKey(command.Id)) return;
        if (_tools.Journal.FindResult(command.Id) is { } kept)
        {
            Finished?.Invoke(kept);
            return;
        }

        if (CommandLimits.FindInvalidValue(command) is { } refusal) Answer(command, refusal);
        else Enqueue(new Work(command, _tools.Time.GetTimestamp()));
    }

    /// <summary>Brings a module back without a controller; ends when that is done, with its answer.</summary>
    public async Task<CommandResult> RunOwnAsync(Command command, CancellationToken cancellation)
    {
        var done = new TaskCompletionSource<CommandResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(new Work(command, _tools.Time.GetTimestamp()) { Done = done });
        return await done.Task.WaitAsync(cancellation);
    }

    public async Task RunAsync(CancellationToken ending)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(ending);
        Task[] loops = [RunLaneAsync(both.Token), RunBesideAsync(both.Token)];
        await Task.WhenAny(loops);
        await both.CancelAsync();
        await Task.WhenAll(loops);
    }

    public void Dispose()
    {
        _lane.Dispose();
        _besideLanes.Dispose();
    }

    private async Task RunBesideAsync(CancellationToken ending)
    {
        try
        {
            await foreach (var work in _besideQueue.Reader.ReadAllAsync(ending))
            {
                _besideTurns.RemoveAll(earlier => earlier.IsCompleted);
                _besideTurns.Add(TakeBesideAsync(work, ending));
            }
        }
        finally
        {
            await Task.WhenAll(_besideTurns);
        }
    }

    private async Task TakeBesideAsync(Work work, CancellationToken ending)
    {
        using var turn = await Turn.WaitAsync(_besideLanes, DeadlineOf(work.Command), _tools.Time, ending);
        await TakeTurnAsync(work, turn, ending);
    }

    private async Task RunLaneAsync(CancellationToken ending)
    {
        try
        {
            while (await _queue.Reader.WaitToReadAsync(ending))
            {
                if (!_queue.Reader.TryRead(out var work)) continue;
                // The life has to be known to say whose intents these are; then they go first.
                if (!_unanswered.IsEmpty && _tools.Observer.View.Life is null) await _tools.Observer.ReadAsync(ending);
                while (_tools.Observer.View.Life is not null && _unanswered.TryDequeue(out var earlier)) await BeginAsync(earlier, ending);
                if (!ReferenceEquals(work, Work.WakeUp)) await BeginAsync(work, ending);
            }
        }
        finally
        {
            await Task.WhenAll(_turns.Select(turn => turn.Task));
        }
    }

    /// <summary>Gives a command its turn: when the lane is free, and no hook is being called for a module of its name.</summary>
    private async Task BeginAsync(Work work, CancellationToken ending)
    {
        await Task.WhenAll(_turns.Where(turn => turn.Module == work.Module.Name).Select(turn => turn.Task)).WaitAsync(ending);
        var left = work.Recovered is { } open
            ? TimeSpan.FromTicks(Math.Max(LeastTimeToRecover.Ticks, (open.Deadline - _tools.Time.GetUtcNow()).Ticks))
            : DeadlineOf(work.Command);
        var turn = await Turn.WaitAsync(_lane, left, _tools.Time, ending);
        _turns.RemoveAll(earlier => earlier.Task.IsCompleted);
        _turns.Add((work.Module.Name, TakeTurnAsync(work, turn, ending)));
    }

    private async Task TakeTurnAsync(Work work, Turn turn, CancellationToken ending)
    {
        using (turn)
        {
            try
            {
                await RunOneAsync(work, turn, ending);
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                // No verdict: the intent stays open in the journal, and the next process asks what became of it.
            }
            catch (Exception e)
            {
                // Not the command's failure, which is its answer, but ours: the loop ends with it, and the agent.
                _queue.Writer.TryComplete(e);
            }
        }
    }

    /// <summary>Wakes the loop for what was left unanswered, as soon as the base's life is known.</summary>
    private void Recover()
    {
        if (!_unanswered.IsEmpty && _tools.Observer.View.Life is not null) _queue.Writer.TryWrite(Work.WakeUp);
    }

    /// <summary>Modules that came to rest after their command was answered: their last hook is still to be called.</summary>
    private void FinishLate()
    {
        var (state, view) = (_tools.Journal.State, _tools.Observer.View);
        if (state.Intents.IsEmpty || view.Life?.Id != state.Life) return;
        foreach (var module in view.Modules.Where(module => module.State is BizState.Activated or BizState.Deactivated))
        {
            if (state.Owner(module.Name, module.Version) is not null || state.UnsettledInstall(module.Name, module.Version) is not { } intent) continue;
            var command = Rebuild(intent, state.Life!);
            command.Id = $"{intent.ModuleUid}/finish/{state.Life}/0";
            if (intent.Hooks?.After is null || !state.Results.ContainsKey(intent.CommandId)) continue;
            // What could not be uninstalled after its hook failed is left alone.
            var isLeft = state.IsStuck(module.Name, module.Version) && (HookFailed(intent.CommandId) || HookFailed(command.Id));
            if (!isLeft) Enqueue(new Work(command, _tools.Time.GetTimestamp()));
        }

        bool HookFailed(string id) => _tools.Journal.FindResult(id)?.Reason is Reason.HookFailed;
    }

    private void Enqueue(Work work)
    {
        if (!_accepted.TryAdd(work.Command.Id, work)) return;
        if (TooMany(work) is { } refusal)
        {
            _accepted.TryRemove(work.Command.Id, out _);
            var result = Answer(work.Command, refusal);
            work.Done?.TrySetResult(result);
            return;
        }

        Changed?.Invoke();
    }

    /// <summary>Queues it; or says why it can't be.</summary>
    private Verdict? TooMany(Work work)
    {
        if (work.HasHooks && _accepted.Values.Count(other => other.HasHooks) > Limits.HookedCommands)
            return Verdict.Refused(
                Reason.Unspecified, "TOO_MANY_HOOKS", $"{Limits.HookedCommands} commands with hooks are under way here already");
        return _accepted.Count > Limits.RunningCommands || !(work.IsBeside ? _besideQueue : _queue).Writer.TryWrite(work)
            ? Verdict.Refused(Reason.Unspecified, "TOO_MANY", $"{Limits.RunningCommands} commands wait here already")
            : null;
    }

    private async Task RunOneAsync(Work work, Turn turn, CancellationToken ending)
    {
        if (work.Recovered is { } intent && _tools.Journal.State.Intents.GetValueOrDefault(intent.CommandId) is null)
        {
            // Its base life is over, and with it the question.
            _accepted.TryRemove(work.Command.Id, out _);
            return;
        }

        Log(work);
        work.Begun = true;
        var verdict = await ExecuteAsync(work, turn, ending);
        var result = Keep(work, verdict);
        _accepted.TryRemove(work.Command.Id, out _);
        var state = _tools.Journal.State;
        _tools.Artifacts.Evict(
            state.Modules.Select(module => module.Jar).Concat(state.Intents.Values.Select(intent => intent.Jar))
                .Concat(state.StagedArtifacts.Select(staged => staged.Jar)).OfType<string>());
        Finished?.Invoke(result);
        work.Done?.TrySetResult(result);
        Changed?.Invoke();
    }

    private async Task<Verdict> ExecuteAsync(Work work, Turn turn, CancellationToken ending)
    {
        var context = new CommandContext(
            _tools, work.Command, work.Recovered is not null, phase => Enter(work, phase), turn);
        try
        {
            return await CommandExecution.RunAsync(context, work.Recovered, ending);
        }
        catch (Exception e) when (!ending.IsCancellationRequested)
        {
            // One command must not end the loop for all; whoever reads the log finds the trace.
            _log.CommandBroke(work.Command.Id, e);
            return Verdict.Failed(Reason.AgentDisconnected, "AGENT_ERROR", $"{e.GetType().Name}: {ExceptionText.Of(e)}") with { IsUnsettled = true };
        }
    }

    private CommandResult Keep(Work work, Verdict verdict)
    {
        var result = ToResult(work.Command, verdict);
        result.Duration = Duration.FromTimeSpan(_tools.Time.GetElapsedTime(work.AcceptedAt));
        // A refusal was never executed: asked again it is judged again.
        if (verdict.Outcome is Outcome.Refused && verdict.Records.Count == 0)
        {
            LogEnd(result);
            return result;
        }

        try
        {
            _tools.Journal.Append(
                [.. verdict.Records,
                    new JournalRecord.Finished(work.Command.Id, result.ToByteArray(), verdict.IsUnsettled, _tools.Time.GetUtcNow())]);
        }
        catch (IOException e)
        {
            // The answer is true all the same; after a restart the intent leads to it again.
            _log.JournalNotWritten(work.Command.Id, "result", e);
        }

        LogEnd(result);
        return result;
    }

    private CommandResult Answer(Command command, Verdict verdict)
    {
        var result = ToResult(command, verdict);
        LogEnd(result);
        Finished?.Invoke(result);
        return result;
    }

    private static CommandResult ToResult(Command command, Verdict verdict) => new()
    {
        CommandId = command.Id,
        Outcome = verdict.Outcome,
        Reason = verdict.Reason,
        Code = CommandLimits.Cut(verdict.Code, Limits.Code),
        Message = CommandLimits.Cut(UrlText.In(verdict.Message), Limits.Message),
        BaseLifeId = command.BaseLifeId,
        Artifact = verdict.Artifact is { } artifact ? CommandLimits.Cut(artifact) : null,
        MetaspaceBytes = verdict.MetaspaceBytes,
        RetryAfter = verdict.RetryAfter is { } wait ? Duration.FromTimeSpan(wait) : null,
    };

    private void Enter(Work work, CommandPhase phase)
    {
        work.Phase = phase;
        Progressed?.Invoke(new CommandProgress { CommandId = work.Command.Id, Phase = phase });
    }

    private static Command Rebuild(JournalRecord.Intended intent, string life)
    {
        var module = new ModuleRef { ModuleUid = intent.ModuleUid, Name = intent.Name, Version = intent.Version };
        var command = new Command { Id = intent.CommandId, BaseLifeId = life };
        switch (intent.Action)
        {
            case CommandAction.Install:
                command.Install = new()
                {
                    Module = module,
                    Source = new(),
                    Activate = intent.Activate,
                    PreInstall = intent.Hooks?.Before?.ToMessage(),
                    PostInstall = intent.Hooks?.After?.ToMessage(),
                };
                intent.Order?.WriteTo(command.Install);
                break;
            case CommandAction.Uninstall:
                command.Uninstall = new()
                {
                    Module = module,
                    PreUninstall = intent.Hooks?.Before?.ToMessage(),
                    PostUninstall = intent.Hooks?.After?.ToMessage(),
                };
                break;
            default: command.Switch = new() { Module = module }; break;
        }

        return command;
    }

    private void Log(Work work)
    {
        if (work.Recovered is not null) _log.CommandRecovered(work.Command.Id);
        else
            _log.CommandBegins(
                work.Command.Id, work.Command.Epoch, work.Command.ActionCase.ToString(), work.Module.Name, work.Module.Version);
    }

    private void LogEnd(CommandResult result) => _log.CommandEnded(
        result.CommandId, result.Outcome.ToString(), result.Reason.ToString(), result.Code, result.Message);

    private sealed class Work(Command command, long acceptedAt)
    {
        /// <summary>Carries no command: it only wakes the loop.</summary>
        public static readonly Work WakeUp = new(new Command { Disown = new() { Module = new() } }, 0);

        public Command Command => command;

        public long AcceptedAt => acceptedAt;

        public ModuleRef Module { get; } = command.Module()!;

        /// <summary>It does not call Arklet.</summary>
        public bool IsBeside => command.ActionCase is Command.ActionOneofCase.Inspect or Command.ActionOneofCase.Fetch;

        public bool HasHooks { get; } = CommandHooks.Of(command) is not null;

        public JournalRecord.Intended? Recovered { get; init; }

        public TaskCompletionSource<CommandResult>? Done { get; init; }

        public CommandPhase Phase { get; set; } = CommandPhase.Queued;

        public bool Begun { get; set; }
    }
}
