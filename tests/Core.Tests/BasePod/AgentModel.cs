using ModuleController.Core.Agents;
using ModuleController.Core.Commands;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>A base and its agent as they are promised to be: each id runs once, answers die with the life.</summary>
internal sealed class AgentModel
{
    private readonly Dictionary<string, CommandAnswer> _journal = [];
    private readonly HashSet<string> _executed = [];
    private int _lives = 1;

    public bool IsConnected { get; private set; } = true;

    public bool IsKnown { get; private set; } = true;

    public BaseState State { get; set; } = BaseState.Up;

    public bool IsBizKnown { get; set; } = true;

    public BaseLife Life { get; private set; } = new("life-1", World.Start);

    public List<BizView> Biz { get; } = [];

    public ModuleCommand? Running { get; private set; }

    /// <summary>Commands whose hooks are being called; they don't have the base.</summary>
    public List<ModuleCommand> InHooks { get; } = [];

    public Dictionary<string, CommandAnswer> Answers { get; } = [];

    /// <summary>As agents could from the first version on that knows fetches.</summary>
    public bool CanFetch { get; set; }

    /// <summary>It enforces artifact policies.</summary>
    public bool EnforcesPolicy { get; set; } = true;

    public bool IsMetaspaceFull { get; set; }

    /// <summary>It claims an epoch far above the controller's.</summary>
    public bool IsFenced { get; set; }

    public List<string> Staged { get; } = [];

    public List<ModuleCommand> Fetching { get; } = [];

    /// <summary>What ran when the last life ended, by the journal.</summary>
    public IReadOnlyList<string> Interrupted { get; private set; } = [];

    public DateTimeOffset LastMessageAt { get; private set; } = World.Start;

    public DateTimeOffset? AnsweringSince { get; set; }

    /// <summary>What must never happen and did.</summary>
    public List<string> Violations { get; } = [];

    /// <summary>Installs that really ran, by Module UID and life.</summary>
    public List<(string Uid, string Life)> Installs { get; } = [];

    public BaseView? View(DateTimeOffset now)
    {
        if (!IsKnown) return null;
        if (IsConnected) LastMessageAt = now;
        return new()
        {
            IsConnected = IsConnected,
            LastMessageAt = LastMessageAt,
            State = State,
            Life = Life,
            IsBizKnown = IsBizKnown,
            Biz = [.. Biz],
            Running =
            [
                .. Running is null ? [] : (RunningCommand[])[new(Running.Id, Running.Name, Running.Version, TimeSpan.Zero)],
                .. Fetching.Select(command => new RunningCommand(command.Id, command.Name, command.Version, TimeSpan.Zero)),
                .. InHooks.Select(command =>
                    new RunningCommand(command.Id, command.Name, command.Version, TimeSpan.Zero) { IsInHook = true }),
            ],
            Answers = Answers.ToDictionary(),
            Attempts = Attempts(),
            Interrupted = Interrupted,
            CanFetch = CanFetch,
            EnforcesPolicy = EnforcesPolicy,
            ArkletPort = 1238,
            IsMetaspaceFull = IsMetaspaceFull,
            IsFenced = IsFenced,
            Staged = [.. Staged],
            AnsweringSince = AnsweringSince,
        };
    }

    public bool Accept(ModuleCommand command, DateTimeOffset now)
    {
        if (!IsConnected || (Running is not null && !command.IsBeside)) return false;
        // As the session answers it.
        if (PolicyRules.FindProblem(command, EnforcesPolicy) is { } problem)
        {
            Answers[command.Id] = new(command.Id, CommandOutcome.Refused, problem.Reason, null, problem.Message, Life.Id, now);
            return true;
        }

        if (_journal.TryGetValue(command.Id, out var kept))
        {
            // Nothing happens then, so it can't be what anybody waits for. Of installs the status may have missed the answer.
            if (command is not ModuleCommand.Install) Violations.Add($"{command.Id} was answered before");
            Answers[command.Id] = kept with { ReceivedAt = now };
            return true;
        }

        if (command.BaseLife != Life.Id)
        {
            Answers[command.Id] = new(command.Id, CommandOutcome.Refused, FailureReason.Fenced, null, "another life", Life.Id, now);
            return true;
        }

        if (!_executed.Add(command.Id)) Violations.Add($"{command.Id} ran twice");
        if (command.IsBeside) Fetching.Add(command);
        else Running = command;
        return true;
    }

    public void EnterHook()
    {
        InHooks.Add(Running!);
        Running = null;
    }

    public void LeaveHook()
    {
        Running = InHooks[0];
        InHooks.RemoveAt(0);
    }

    /// <summary>The running command ends as Arklet would have it, or with the given failure.</summary>
    public void Finish(DateTimeOffset now, FailureReason? failure = null, string? message = null)
    {
        if (Running is not { } command) return;
        Running = null;
        failure ??= Execute(command, now);
        var answer = new CommandAnswer(
            command.Id, failure is null ? CommandOutcome.Succeeded : CommandOutcome.Failed, failure, failure is null ? null : "FAILED",
            failure is null ? null : message ?? $"because of {failure}", Life.Id, now);
        _journal[command.Id] = answer;
        if (IsConnected) Answers[command.Id] = answer;
    }

    /// <summary>The oldest fetch ends; its artifact is on the pod, or why it is not.</summary>
    public void FinishFetch(DateTimeOffset now, FailureReason? failure = null)
    {
        var command = Fetching[0];
        Fetching.RemoveAt(0);
        if (failure is null) Staged.Add(command.ModuleUid);
        if (Staged.Count > ModuleCommand.MostStaged) Staged.RemoveAt(0);
        Answers[command.Id] = _journal[command.Id] = new(
            command.Id, failure is null ? CommandOutcome.Succeeded : CommandOutcome.Failed, failure, failure is null ? null : "FAILED",
            failure is null ? null : $"because of {failure}", Life.Id, now);
    }

    /// <summary>The running uninstall did what it should, and its last hook failed.</summary>
    public void FinishWithFailedHook(DateTimeOffset now)
    {
        Execute(Running!, now);
        Finish(now, FailureReason.HookFailed, "postUninstall hook answered 500");
    }

    /// <summary>The running command's time is up and Arklet has not answered: an install is listed as starting from then on.</summary>
    public void Hang(DateTimeOffset now)
    {
        if (Running is not { } command) return;
        if (command is ModuleCommand.Install)
            Biz.Add(new(command.Name, command.Version, BizState.Resolved) { ModuleUid = command.ModuleUid, IsStuck = true });
        else Replace(command, biz => biz with { State = BizState.Deactivated, IsStuck = true });
        Finish(now, command is ModuleCommand.Uninstall ? FailureReason.UninstallFailed : FailureReason.InstallTimedOut);
    }

    public void Refuse(DateTimeOffset now, FailureReason reason)
    {
        if (Running is not { } command) return;
        Running = null;
        Answers[command.Id] = _journal[command.Id] = new(command.Id, CommandOutcome.Refused, reason, null, "not now", Life.Id, now);
    }

    public void Restart(DateTimeOffset now)
    {
        Life = new($"life-{++_lives}", now);
        Interrupted = Running is ModuleCommand.Install install ? [install.Id] : [];
        Biz.RemoveAll(biz => biz.ModuleUid is not null);
        Answers.Clear();
        _journal.Clear();
        Running = null;
        Fetching.Clear();
        InHooks.Clear();
        (State, IsBizKnown) = (BaseState.Up, true);
    }

    public void Disconnect(DateTimeOffset now)
    {
        if (IsConnected) LastMessageAt = now;
        IsConnected = false;
    }

    public void Connect()
    {
        if (!IsConnected || !IsKnown) Answers.Clear();
        (IsConnected, IsKnown) = (true, true);
    }

    /// <summary>A new leader has heard nothing yet.</summary>
    public void Forget()
    {
        Answers.Clear();
        (IsConnected, IsKnown) = (false, false);
    }

    // As the snapshot has them: the highest at each action, but not at installs, where the state of the biz leaves it open.
    private CommandAttempt[] Attempts() =>
    [
        .. _journal.Values.Select(answer => (Parts: answer.CommandId.Split('/'), Answer: answer))
            .Where(item => item.Parts[1] is not ("install" or "fetch") && (item.Parts[1] == "adopt"
                ? item.Answer.Outcome != CommandOutcome.Succeeded
                : Biz.Any(biz => biz.ModuleUid == item.Parts[0] && (item.Parts[1] != "switch" || biz.State != BizState.Activated))))
            .GroupBy(item => (item.Parts[0], item.Parts[1]))
            .Select(group => group.MaxBy(item => int.Parse(item.Parts[3], System.Globalization.CultureInfo.InvariantCulture)).Answer)
            .Select(answer => new CommandAttempt(answer.CommandId, answer.Outcome, answer.Reason, answer.ReceivedAt)
            {
                Rejections = _journal.Values.Count(other => other.Reason == FailureReason.UninstallFailed
                    && other.CommandId.StartsWith($"{answer.CommandId.Split('/')[0]}/uninstall/", StringComparison.Ordinal)),
            }),
    ];

    private FailureReason? Execute(ModuleCommand command, DateTimeOffset now)
    {
        var listed = Biz.FirstOrDefault(biz => biz.Name == command.Name && biz.Version == command.Version);
        switch (command)
        {
            case ModuleCommand.Install install:
                if (listed is not null)
                {
                    Violations.Add($"{command.Id} although {listed.Name}:{listed.Version} is {listed.State} for {listed.ModuleUid}");
                    return FailureReason.BizStartFailed;
                }

                Staged.Remove(command.ModuleUid);
                Installs.Add((command.ModuleUid, Life.Id));
                Biz.Add(new(command.Name, command.Version, BizState.Deactivated)
                {
                    ModuleUid = command.ModuleUid,
                    InstalledAt = now,
                    InstallDuration = TimeSpan.FromSeconds(1.5),
                    ArtifactHash = "abc",
                    MetaspaceBytes = 1000,
                });
                if (install.Activate || !Biz.Any(biz => biz.Name == command.Name && biz.State == BizState.Activated)) Activate(command);
                return null;
            case ModuleCommand.Uninstall:
                if (listed is null) return null;
                if (listed.ModuleUid != command.ModuleUid) Violations.Add($"{command.Id} hit a module of {listed.ModuleUid}");
                Biz.Remove(listed);
                return null;
            case ModuleCommand.Switch:
                if (listed is null) return FailureReason.SwitchFailed;
                Activate(command);
                return null;
            case ModuleCommand.Adopt:
                Replace(command, biz => biz with { ModuleUid = command.ModuleUid });
                return null;
            default:
                Replace(command, biz => biz with { ModuleUid = null });
                return null;
        }
    }

    private void Activate(ModuleCommand command)
    {
        for (var index = 0; index < Biz.Count; index++)
        {
            var biz = Biz[index];
            if (biz.Name == command.Name && biz.State is BizState.Activated or BizState.Deactivated && biz.Name == command.Name)
                Biz[index] = biz with { State = biz.Version == command.Version ? BizState.Activated : BizState.Deactivated };
        }
    }

    private void Replace(ModuleCommand command, Func<BizView, BizView> change)
    {
        var index = Biz.FindIndex(biz => biz.Name == command.Name && biz.Version == command.Version);
        if (index >= 0) Biz[index] = change(Biz[index]);
    }
}
