using ModuleController.Agent.Arklet;
using ModuleController.Agent.Artifacts;
using ModuleController.Agent.Hooks;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>What all commands work with.</summary>
public sealed record CommandTools(
    IArklet Arklet, BaseObserver Observer, CommandJournal Journal, ArtifactStore Artifacts, HookRunner Hooks, TimeProvider Time)
{
    /// <summary>A JVM that was paused executes what waits in its sockets: before that can be over, absence proves nothing.</summary>
    public TimeSpan SettleTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the base is asked while a command's outcome is open.</summary>
    public TimeSpan AskInterval { get; init; } = TimeSpan.FromMilliseconds(500);
}

/// <summary>One command on its way: its turn, its phase, and the questions that every action asks.</summary>
public sealed class CommandContext(CommandTools tools, Command command, bool wasSent, Action<CommandPhase> entered, Turn turn)
{
    public CommandTools Tools => tools;

    public Command Command => command;

    public ModuleRef Module { get; } = command.Module()!;

    /// <summary>As messages name it: <c>orders:1.0.0</c>.</summary>
    public string Name => $"{Module.Name}:{Module.Version}";

    public string Life => command.BaseLifeId;

    public JournalState State => tools.Journal.State;

    /// <summary>Cancelled when the command's time is over, or the agent ends.</summary>
    public CancellationToken Deadline => turn.Deadline;

    public Turn Turn => turn;

    public CommandPhase Phase { get; private set; } = CommandPhase.Queued;

    /// <summary>Whether Arklet has been called: from then on a missing answer is an unknown outcome.</summary>
    public bool WasSent { get; private set; } = wasSent;

    public void Enter(CommandPhase phase)
    {
        if (Phase == phase) return;
        Phase = phase;
        entered(phase);
    }

    /// <summary>The base as it is now, in the life that the command is for; an exception carries the verdict if that can't be had.</summary>
    public async Task<BaseView> LookAsync(CancellationToken cancellation)
    {
        var view = await tools.Observer.ReadAsync(cancellation)
            ?? throw new VerdictException(Verdict.Failed(Reason.ArkletUnreachable, "NO_ANSWER", "Arklet does not answer"));
        return CheckLife(view);
    }

    /// <summary>As <see cref="LookAsync"/>, but waits while the JVM is silent: a command of ours may still run in it.</summary>
    public async Task<BaseView> LookUntilAnsweredAsync()
    {
        while (true)
        {
            if (await tools.Observer.ReadAsync(Deadline) is { } view) return CheckLife(view);
            // Refused: nobody is there any more to carry it out; the next life will say so.
            if (tools.Observer.View.State is BaseState.Down)
                throw new VerdictException(Verdict.Failed(
                    Reason.ArkletUnreachable, JournalState.BaseDown, $"nothing listens on Arklet's port any more, {Name} was under way")
                    .Unsettled());
            await PauseAsync();
        }
    }

    public Task PauseAsync() => Task.Delay(tools.AskInterval, tools.Time, Deadline);

    /// <summary>Whether Arklet has answered for so long since <paramref name="since"/> that nothing sent before can still be waiting.</summary>
    public bool IsSettled(BaseView view, long since) =>
        view.AnsweringSince != 0 && tools.Time.GetElapsedTime(Math.Max(view.AnsweringSince, since)) >= tools.SettleTime;

    /// <summary>Writes the intent and waits for the disk: after this Arklet may be called.</summary>
    public void Intend(CommandAction action, CachedJar? jar)
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
            throw new VerdictException(Verdict.Failed(Reason.DiskFull, "JOURNAL", $"the intent can't be written: {e.Message}"), e);
        }

        WasSent = true;
        Enter(CommandPhase.Executing);
    }

    /// <summary>Calls a hook beside the lane; what went wrong, where that counts. Null: go on.</summary>
    public async Task<string?> CallAsync(HookCall? hook)
    {
        if (hook is null) return null;
        var before = Phase;
        Enter(CommandPhase.Hook);
        var problem = await turn.StepAsideAsync(
            cancellation => tools.Hooks.CallAsync(hook, command, Module, cancellation));
        Enter(before);
        return problem;
    }

    /// <summary>An answer that came because we stopped waiting is none.</summary>
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
            : Verdict.Refused(Reason.Unspecified, "OTHER_BASE_LIFE", $"for base life {Life}, now it is {view.Life?.Id}"));
    }
}

/// <summary>Ends a command from deep inside it.</summary>
public sealed class VerdictException(Verdict verdict, Exception? inner = null) : Exception(verdict.Message, inner)
{
    public Verdict Verdict => verdict;
}
