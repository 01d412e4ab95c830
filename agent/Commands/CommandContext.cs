using ModuleController.Agent.Arklet;
using ModuleController.Agent.Artifacts;
using ModuleController.Agent.Hooks;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Core.Commands;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>The services that commands use.</summary>
public sealed record CommandTools(
    IArklet Arklet, BaseObserver Observer, CommandJournal Journal, ArtifactStore Artifacts, HookRunner Hooks, TimeProvider Time)
{
    /// <summary>
    /// A JVM that was paused still executes what waits in its sockets. Until Arklet has answered for this long, a biz that is not listed
    /// may yet be installed.
    /// </summary>
    public TimeSpan SettleTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the base is queried while the outcome of a command is unknown.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(500);
}

/// <summary>One running command: its turn, its phase, and what all actions need.</summary>
public sealed class CommandContext(CommandTools tools, Command command, bool wasSent, Action<CommandPhase> entered, Turn turn)
{
    public CommandTools Tools => tools;

    public Command Command => command;

    public ModuleRef Module { get; } = command.Module()!;

    /// <summary>As messages name it: <c>orders:1.0.0</c>.</summary>
    public string Name => $"{Module.Name}:{Module.Version}";

    public string Life => command.BaseLifeId;

    public JournalState State => tools.Journal.State;

    /// <summary>Cancelled at the command's deadline, or when the agent stops.</summary>
    public CancellationToken Deadline => turn.Deadline;

    public Turn Turn => turn;

    public CommandPhase Phase { get; private set; } = CommandPhase.Queued;

    /// <summary>Arklet was called, so from now on the outcome without an answer is unknown.</summary>
    public bool WasSent { get; private set; } = wasSent;

    public void Enter(CommandPhase phase)
    {
        if (Phase == phase) return;
        Phase = phase;
        entered(phase);
    }

    /// <summary>
    /// Reads the base in the base life of the command. A <see cref="VerdictException"/> ends the command if Arklet does not answer or the
    /// life is another.
    /// </summary>
    public async Task<BaseView> ReadBaseAsync(CancellationToken cancellation)
    {
        var view = await tools.Observer.ReadAsync(cancellation)
            ?? throw new VerdictException(Verdict.Failed(Reason.ArkletUnreachable, "NO_ANSWER", "Arklet does not answer"));
        return CheckLife(view);
    }

    /// <summary>As <see cref="ReadBaseAsync"/>, but waits while the JVM does not answer: our command may still run in it.</summary>
    public async Task<BaseView> ReadBaseUntilAnsweredAsync()
    {
        while (true)
        {
            if (await tools.Observer.ReadAsync(Deadline) is { } view) return CheckLife(view);
            // The connection was refused, so the JVM has exited and will not carry the command out.
            if (tools.Observer.View.State is BaseState.Down)
                throw new VerdictException(Verdict.Failed(
                    Reason.ArkletUnreachable, JournalState.BaseDown,
                    $"nothing listens on Arklet's port any more while {Name} was in progress").Unsettled());
            await WaitForNextPollAsync();
        }
    }

    public Task WaitForNextPollAsync() => Task.Delay(tools.PollInterval, tools.Time, Deadline);

    /// <summary>
    /// Arklet has answered for so long since <paramref name="since"/> that no earlier request can still be waiting in the JVM.
    /// </summary>
    public bool IsSettled(BaseView view, long since) =>
        view.AnsweringSince != 0 && tools.Time.GetElapsedTime(Math.Max(view.AnsweringSince, since)) >= tools.SettleTime;

    /// <summary>Writes the intent and waits for the disk. Must precede every call of Arklet.</summary>
    public void Intend(IntentAction action, CachedJar? jar)
    {
        var now = tools.Time.GetUtcNow();
        try
        {
            tools.Journal.Append(new JournalRecord.Intended(
                command.Id, action, Module.ModuleUid, Module.Name, Module.Version, jar?.Sha256, jar?.Path,
                jar?.Manifest.WebContextPath, command.Install?.Activate ?? false, now,
                now + CommandRunner.DeadlineOf(command), CommandHooks.Of(command), ReplayOrder.Of(command)));
        }
        catch (IOException e)
        {
            throw new VerdictException(Verdict.Failed(Reason.DiskFull, "JOURNAL", $"failed to write the intent: {e.Message}"), e);
        }

        WasSent = true;
        Enter(CommandPhase.Executing);
    }

    /// <summary>Calls a hook while other commands may use the lane. Null: it succeeded or is ignored.</summary>
    public async Task<string?> CallHookAsync(string @event, HookCall? hook)
    {
        if (hook is null) return null;
        var before = Phase;
        Enter(CommandPhase.Hook);
        var problem = await turn.ReleaseLaneDuringAsync(
            cancellation => tools.Hooks.CallAsync(@event, hook, command, Module, cancellation));
        Enter(before);
        return problem;
    }

    /// <summary>The result, unless waiting for it was cancelled at the deadline.</summary>
    public ArkletResult Checked(ArkletResult result)
    {
        if (result.Outcome is ArkletOutcome.Unknown or ArkletOutcome.Unreachable) Deadline.ThrowIfCancellationRequested();
        return result;
    }

    private BaseView CheckLife(BaseView view)
    {
        if (view.Life?.Id == Life) return view;
        throw new VerdictException(WasSent
            ? Verdict.Failed(
                Reason.ArkletUnreachable, "BASE_LIFE_ENDED", $"base life {Life} ended while the command ran; now it is {view.Life?.Id}")
            : Verdict.Refused(
                Reason.Unspecified, "OTHER_BASE_LIFE", $"the command is for base life {Life}, but the base is in life {view.Life?.Id}"));
    }
}

/// <summary>Ends a command with a verdict.</summary>
public sealed class VerdictException(Verdict verdict, Exception? inner = null) : Exception(verdict.Message, inner)
{
    public Verdict Verdict => verdict;
}
