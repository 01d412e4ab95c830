using System.Collections.Concurrent;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;
using ModuleController.Agent.Journal;
using ModuleController.Core.Meta;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>
/// Accepts commands and answers them. An id is executed once: a repeated one is answered from the journal, or joins the command that runs.
/// <see cref="CommandLanes"/> decides when a command runs, <see cref="CommandExecution"/> what it does, and <see cref="CrashRecovery"/>
/// what happens to commands of an earlier agent process.
/// </summary>
public sealed class CommandRunner : IDisposable
{
    private static readonly TimeSpan DefaultDeadline = TimeSpan.FromMinutes(5);

    private readonly CommandTools _tools;
    private readonly ILogger _log;
    private readonly ConcurrentDictionary<string, AcceptedCommand> _accepted = new(StringComparer.Ordinal);
    private readonly CommandLanes _lanes;

    public CommandRunner(CommandTools tools, ILogger log)
    {
        (_tools, _log) = (tools, log);
        var recovery = new CrashRecovery(tools.Journal.State, tools.Time);
        foreach (var command in recovery.Pending) _accepted[command.Command.Id] = command;
        _lanes = new CommandLanes(recovery, tools.Observer, tools.Time, RunAsync);

        tools.Observer.IsBusy = (name, version) => _accepted.Values.Any(
            command => command.HasStarted && command.CallsArklet && command.Module.Name == name && command.Module.Version == version);
        tools.Observer.IsAnyBusy = () => _accepted.Values.Any(command => command.Phase is CommandPhase.Executing);
        tools.Observer.Changed += _lanes.CheckRecovery;
        tools.Observer.Observed += CompleteLateInstalls;
    }

    public event Action<CommandResult>? Finished;

    public event Action<CommandProgress>? Progressed;

    /// <summary>A command was accepted or answered, or the journal has changed.</summary>
    public event Action? Changed;

    public static TimeSpan DeadlineOf(Command command) =>
        command.Deadline?.ToTimeSpan() is { } deadline && deadline > TimeSpan.Zero ? deadline : DefaultDeadline;

    /// <summary>What was accepted and is not answered.</summary>
    public IReadOnlyList<RunningCommand> Running =>
    [
        .. _accepted.Values.OrderBy(command => command.AcceptedAt).Select(command => new RunningCommand
        {
            CommandId = command.Command.Id,
            ModuleName = command.Module.Name,
            ModuleVersion = command.Module.Version,
            RunningFor = Duration.FromTimeSpan(_tools.Time.GetElapsedTime(command.AcceptedAt)),
            Phase = command.Phase,
        }),
    ];

    /// <summary>
    /// Accepts a well-formed command. Never waits: the answer is sent by <see cref="Finished"/>, possibly before this returns.
    /// </summary>
    public void Submit(Command command)
    {
        var state = _tools.Journal.State;
        if (command.Epoch < state.HighestEpoch)
        {
            Answer(command, Verdict.Refused(
                Reason.Fenced, "FENCED", $"epoch {command.Epoch} is lower than {state.HighestEpoch}, the epoch of an earlier command"));
            return;
        }

        try
        {
            if (command.Epoch > state.HighestEpoch) _tools.Journal.Append(new JournalRecord.EpochObserved(command.Epoch));
        }
        catch (IOException e)
        {
            _log.JournalNotWritten(command.Id, "epoch", e);
            Answer(command, Verdict.Failed(Reason.DiskFull, "JOURNAL", $"failed to write the epoch: {e.Message}"));
            return;
        }

        if (_accepted.ContainsKey(command.Id)) return;
        if (_tools.Journal.FindResult(command.Id) is { } kept)
        {
            Finished?.Invoke(kept);
            return;
        }

        if (CommandLimits.FindInvalidValue(command) is { } refusal) Answer(command, refusal);
        else Accept(new AcceptedCommand(command, _tools.Time.GetTimestamp()));
    }

    /// <summary>Runs a command of the agent's own, for a self-replay, and returns its result.</summary>
    public async Task<CommandResult> RunOwnAsync(Command command, CancellationToken cancellation)
    {
        var done = new TaskCompletionSource<CommandResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        Accept(new AcceptedCommand(command, _tools.Time.GetTimestamp()) { Done = done });
        return await done.Task.WaitAsync(cancellation);
    }

    public Task RunAsync(CancellationToken ending) => _lanes.RunAsync(ending);

    public void Dispose() => _lanes.Dispose();

    private void CompleteLateInstalls()
    {
        foreach (var command in LateInstalls.FindDue(_tools.Journal, _tools.Observer.View))
            Accept(new AcceptedCommand(command, _tools.Time.GetTimestamp()));
    }

    private void Accept(AcceptedCommand command)
    {
        if (!_accepted.TryAdd(command.Command.Id, command)) return;
        if (TryQueue(command) is { } refusal)
        {
            _accepted.TryRemove(command.Command.Id, out _);
            var result = Answer(command.Command, refusal);
            command.Done?.TrySetResult(result);
            return;
        }

        Changed?.Invoke();
    }

    /// <summary>Null: it is queued. Otherwise the refusal.</summary>
    private Verdict? TryQueue(AcceptedCommand command)
    {
        if (command.HasHooks && _accepted.Values.Count(other => other.HasHooks) > Limits.HookedCommands)
            return Verdict.Refused(
                Reason.Unspecified, "TOO_MANY_HOOKS", $"{Limits.HookedCommands} commands with hooks are already running on this pod");
        return _accepted.Count > Limits.RunningCommands || !_lanes.TryAdd(command)
            ? Verdict.Refused(Reason.Unspecified, "TOO_MANY", $"{Limits.RunningCommands} commands are already queued on this pod")
            : null;
    }

    private async Task RunAsync(AcceptedCommand command, Turn turn, CancellationToken ending)
    {
        if (CrashRecovery.IsObsolete(command, _tools.Journal.State))
        {
            _accepted.TryRemove(command.Command.Id, out _);
            return;
        }

        LogStart(command);
        command.HasStarted = true;
        var verdict = await ExecuteAsync(command, turn, ending);
        var result = Record(command, verdict);
        _accepted.TryRemove(command.Command.Id, out _);
        var state = _tools.Journal.State;
        _tools.Artifacts.Evict(
            state.Modules.Select(module => module.Jar).Concat(state.Intents.Values.Select(intent => intent.Jar))
                .Concat(state.StagedArtifacts.Select(staged => staged.Jar)).OfType<string>());
        Finished?.Invoke(result);
        command.Done?.TrySetResult(result);
        Changed?.Invoke();
    }

    private async Task<Verdict> ExecuteAsync(AcceptedCommand command, Turn turn, CancellationToken ending)
    {
        var context = new CommandContext(
            _tools, command.Command, command.Recovered is not null, phase => Enter(command, phase), turn);
        try
        {
            return await CommandExecution.RunAsync(context, command.Recovered, ending);
        }
        catch (Exception e) when (!ending.IsCancellationRequested)
        {
            // A bug in one command must not stop all others.
            _log.CommandCrashed(command.Command.Id, e);
            return Verdict.Failed(Reason.AgentDisconnected, "AGENT_ERROR", $"{e.GetType().Name}: {ExceptionText.Of(e)}").Unsettled();
        }
    }

    private void Enter(AcceptedCommand command, CommandPhase phase)
    {
        command.Phase = phase;
        Progressed?.Invoke(new CommandProgress { CommandId = command.Command.Id, Phase = phase });
    }

    /// <summary>Writes the result to the journal. A refused command was not executed, so its id may be used again.</summary>
    private CommandResult Record(AcceptedCommand command, Verdict verdict)
    {
        var result = CommandResults.Of(command.Command, verdict);
        result.Duration = Duration.FromTimeSpan(_tools.Time.GetElapsedTime(command.AcceptedAt));
        if (verdict.Outcome is not Outcome.Refused || verdict.Records.Count > 0)
        {
            try
            {
                var finished = new JournalRecord.Finished(
                    command.Command.Id, result.ToByteArray(), verdict.IsUnsettled, _tools.Time.GetUtcNow());
                _tools.Journal.Append([.. verdict.Records, finished]);
            }
            catch (IOException e)
            {
                // The result is sent nevertheless. After a restart, the agent determines it again: its intent has no result.
                _log.JournalNotWritten(command.Command.Id, "result", e);
            }
        }

        LogEnd(result);
        return result;
    }

    private CommandResult Answer(Command command, Verdict verdict)
    {
        var result = CommandResults.Of(command, verdict);
        LogEnd(result);
        Finished?.Invoke(result);
        return result;
    }

    private void LogStart(AcceptedCommand command)
    {
        var (wire, module) = (command.Command, command.Module);
        if (command.Recovered is not null) _log.CommandRecovered(wire.Id);
        else _log.CommandStarted(wire.Id, wire.Epoch, wire.ActionCase.ToString(), module.Name, module.Version);
    }

    private void LogEnd(CommandResult result) => _log.CommandEnded(
        result.CommandId, result.Outcome.ToString(), result.Reason.ToString(), result.Code, result.Message);
}
