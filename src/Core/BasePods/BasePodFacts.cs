using System.Collections.Immutable;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>A base pod's state, classified once: what the parts of the planner share.</summary>
internal sealed class BasePodFacts
{
    private readonly Dictionary<(string ModuleUid, string Action), (int Attempt, CommandAnswer Answer)> _answers = [];
    private readonly Dictionary<(string ModuleUid, string Action), (int Attempt, CommandAttempt Told)> _attempts = [];

    public BasePodFacts(BasePodState state, DateTimeOffset now)
    {
        (State, Now) = (state, now);
        var pod = state.Pod;
        IsFinished = pod?.Status.Phase is "Succeeded" or "Failed";
        IsLiving = pod is not null && !pod.Metadata.IsDeleting && !IsFinished && !state.IsNamespaceTerminating;
        View = state.View;
        Current = IsLiving && View is { IsCurrent: true } ? View : null;
        Life = View is { IsConnected: true, Shared: null } ? View.Life : null;
        IsForeignBase = IsLiving && View?.Shared?.HoldsFrom is { } from && IsDue(from);
        IsBaseDown = IsLiving && View is { IsConnected: true, State: BaseState.Down } && BaseContainers.IsAnyUnready(pod!);
        InHooks = IsLiving && View is not null ? [.. View.Running.Where(running => running.IsInHook)] : [];
        UnderWay = IsLiving ? FindUnderWay() : null;
        if (Life is not null) ReadAnswers(View!, Life.Id);

        var uids = state.Modules.Select(module => module.Module.Metadata.Uid ?? "").ToHashSet(StringComparer.Ordinal);
        Modules =
        [
            .. state.Modules.Select(module => new ModuleFacts(this, module))
                .OrderBy(module => module.IsSuspect)
                .ThenByDescending(module => module.Settings.Priority)
                .ThenBy(module => module.Settings.DeploymentCreatedAt ?? DateTimeOffset.MaxValue)
                .ThenBy(module => module.Name, StringComparer.Ordinal)
                .ThenBy(module => module.Uid, StringComparer.Ordinal),
        ];
        Orphans = Current is null ? [] : [.. Current.Biz.Where(biz => biz.ModuleUid is { Length: > 0 } uid && !uids.Contains(uid))];
    }

    public BasePodState State { get; }

    public DateTimeOffset Now { get; }

    /// <summary>The pod is there to stay, for all we know.</summary>
    public bool IsLiving { get; }

    public bool IsFinished { get; }

    public BaseView? View { get; }

    /// <summary>The view where it says what is true now; null: nothing may be concluded.</summary>
    public BaseView? Current { get; }

    /// <summary>What runs there is known, and nothing can be done about it: its agent gets no commands.</summary>
    public bool IsFenced => Current is { IsFenced: true };

    /// <summary>The life of its own base that a connected agent reports, also where its modules are not known yet.</summary>
    public BaseLife? Life { get; }

    /// <summary>Its agent reaches the base of another pod: nothing of this pod is there.</summary>
    public bool IsForeignBase { get; }

    /// <summary>The agent reaches a base of which it can't be decided whether it is the pod's.</summary>
    public bool IsUndecidedBase => IsLiving && View?.Shared is { HoldsFrom: null };

    /// <summary>Its agent finds nobody at Arklet's port, and its container is not Ready: whatever it had, it serves nobody.</summary>
    /// <remarks>It takes both: out of memory, Arklet can be gone while the modules answer.</remarks>
    public bool IsBaseDown { get; }

    /// <summary>Every Module bound to a pod of this name, in the order of installs: suspects last.</summary>
    public IReadOnlyList<ModuleFacts> Modules { get; }

    /// <summary>Installed by us for Modules that are gone.</summary>
    public IReadOnlyList<BizView> Orphans { get; }

    /// <summary>
    /// The id of the command that was sent or runs, and has the base. Fetches and inspections run beside it. While a hook is called
    /// the base is free, unless for a suspect: should the life end within a minute of it, it must be clear under whom.
    /// </summary>
    public string? UnderWay { get; }

    /// <summary>Commands for which a hook is being called: nothing else is sent for modules of their names.</summary>
    public IReadOnlyList<RunningCommand> InHooks { get; }

    /// <summary>Whether a command can't be sent before a hook of another one has ended, although nothing has the base.</summary>
    public bool MustWaitForHooks(ModuleCommand next) =>
        InHooks.Any(running => running.ModuleName == next.Name) || (next.HasHooks && InHooks.Count >= ModuleCommand.MostInHooks);

    /// <summary>How many fetches and inspections run on a pod at a time.</summary>
    public const int MostBeside = 2;

    /// <summary>Ids of the fetches and inspections that were sent or run.</summary>
    public IReadOnlyList<string> Beside => View is null
        ? []
        : [.. View.SentBeside.Concat(View.Running.Select(running => running.CommandId).Where(IsBeside)).Distinct()];

    public bool IsFetching(string moduleUid) => Beside.Any(id => CommandId.Parse(id) is { Action: CommandAction.Fetch } fetch && fetch.ModuleUid == moduleUid);

    /// <summary>Whether this command has to wait for others.</summary>
    public bool MustWait(ModuleCommand next) =>
        next.IsBeside ? Beside.Count >= MostBeside : UnderWay is not null || MustWaitForHooks(next);

    /// <summary>
    /// What a Module waits for whose command could be sent, had others not the base or too many hooks. A command that is ahead is named
    /// only when it lasts: not every command on the pod rewrites all Modules that wait.
    /// </summary>
    public string TurnOf(ModuleCommand next, BasePodMemory memory)
    {
        var ahead = Ahead(next).Select(id => (Id: id, Since: memory.Commands.GetValueOrDefault(id, Now)))
            .OrderBy(item => item.Since).ThenBy(item => item.Id, StringComparer.Ordinal).FirstOrDefault();
        var why = new List<string>();
        if (UnderWay is null && next.HasHooks && InHooks.Count >= ModuleCommand.MostInHooks)
            why.Add($"{InHooks.Count} commands wait for their hooks there");
        if (ahead.Id is not null && IsDue(ahead.Since + BasePodTimes.TurnToTell))
            why.Add($"{NameOf(ahead.Id)} has been under way since {ahead.Since:HH:mm:ss} UTC");
        return $"waiting for its turn on pod {State.Key}{(why.Count == 0 ? "" : ": ")}{string.Join("; ", why)}";
    }

    private IEnumerable<string> Ahead(ModuleCommand next)
    {
        if (next.IsBeside) return Beside.Count >= MostBeside ? Beside : [];
        if (UnderWay is not null) return [UnderWay];
        var ofName = InHooks.Where(running => running.ModuleName == next.Name).ToList();
        return (ofName.Count > 0 ? ofName : MustWaitForHooks(next) ? InHooks : []).Select(running => running.CommandId);
    }

    /// <summary>A command as an operator knows it: what it does to which module, and whose it is.</summary>
    private string NameOf(string commandId)
    {
        var hook = InHooks.Any(running => running.CommandId == commandId) ? "a hook of " : "";
        var id = CommandId.Parse(commandId);
        if (Find(id?.ModuleUid) is { } module)
            return $"{hook}{id!.Action} of {module.Name}:{module.Version} (Module {module.Module.Metadata.Name})";
        return View?.Running.FirstOrDefault(running => running.CommandId == commandId) is { } other
            ? $"{hook}{id?.Action} of {other.ModuleName}:{other.ModuleVersion}"
            : $"{hook}{id?.Action}";
    }

    /// <summary>When each command that was sent or runs began, as far as this process has observed it.</summary>
    public ImmutableDictionary<string, DateTimeOffset> BeginOfCommands()
    {
        var known = State.Memory.Commands;
        var ids = InHooks.Select(running => running.CommandId).Concat(Beside);
        if (UnderWay is not null) ids = ids.Append(UnderWay);
        return ids.Distinct().ToImmutableDictionary(id => id, id => known.TryGetValue(id, out var since)
            ? since
            : Now - (View?.Running.FirstOrDefault(running => running.CommandId == id)?.RunningFor ?? TimeSpan.Zero));
    }

    public DateTimeOffset? RequeueAt { get; private set; }

    /// <summary>Never in the future: while the gate is shut, nothing has been waited for yet.</summary>
    public DateTimeOffset AcceptingSince => State.AcceptingSince < Now ? State.AcceptingSince : Now;

    public string PodUid => State.Pod?.Metadata.Uid ?? "";

    /// <summary>Whether that time has come; if not, the plan is to be made again then.</summary>
    public bool IsDue(DateTimeOffset time)
    {
        if (time <= Now) return true;
        if (RequeueAt is not { } earliest || time < earliest) RequeueAt = time;
        return false;
    }

    /// <summary>The answer to the highest attempt at this in the current life.</summary>
    public (int Attempt, CommandAnswer Answer)? LastAnswer(string moduleUid, string action) =>
        _answers.TryGetValue((moduleUid, action), out var found) ? found : null;

    /// <summary>The highest attempt at this in the current life, answered on this stream or before it.</summary>
    public (int Attempt, CommandOutcome Outcome, FailureReason? Reason, DateTimeOffset AnsweredAt)? LastAttempt(string moduleUid, string action)
    {
        var last = LastAnswer(moduleUid, action);
        if (_attempts.TryGetValue((moduleUid, action), out var told) && !(last?.Attempt >= told.Attempt))
            return (told.Attempt, told.Told.Outcome, told.Told.Reason, told.Told.AnsweredAt);
        return last is { } found ? (found.Attempt, found.Answer.Outcome, found.Answer.Reason, found.Answer.ReceivedAt) : null;
    }

    public ModuleFacts? Find(string? moduleUid) =>
        moduleUid is null ? null : Modules.FirstOrDefault(module => module.Uid == moduleUid);

    public IEnumerable<ModuleFacts> Here(string name) => Modules.Where(module => module.IsHere && module.Name == name);

    /// <summary>The commands of this life that ended without anyone knowing how, while Arklet was silent.</summary>
    public DateTimeOffset? UnresolvedUntil => Current?.AnsweringSince is { } since && _answers.Values.Any(item =>
            item.Answer.ReceivedAt <= since && item.Answer.Reason is FailureReason.InstallTimedOut or FailureReason.UninstallFailed
                or FailureReason.ArkletUnreachable
                or FailureReason.AgentDisconnected or FailureReason.SwitchFailed)
        ? since + BasePodTimes.LateCommands
        : null;

    public bool IsUnderWay(string moduleUid) => CommandOf(moduleUid) is not null;

    /// <summary>The id of this Module's command that was sent or runs.</summary>
    public string? CommandOf(string moduleUid) =>
        CommandId.Parse(UnderWay)?.ModuleUid == moduleUid
            ? UnderWay
            : InHooks.FirstOrDefault(running => CommandId.Parse(running.CommandId)?.ModuleUid == moduleUid)?.CommandId;

    private string? FindUnderWay()
    {
        if (View is null) return null;
        if (View.Sent is { } sent && !IsBeside(sent)) return sent;
        return View.Running.FirstOrDefault(running =>
            !IsBeside(running.CommandId) && (!running.IsInHook || IsOfSuspect(running)))?.CommandId;
    }

    private static bool IsBeside(string commandId) => CommandId.Parse(commandId) is { IsBeside: true };

    // A hook may take hours, and others are not made to wait for longer than anybody is suspected.
    private bool IsOfSuspect(RunningCommand running) => State.Modules.Any(module =>
        module.Module.Metadata.Uid == CommandId.Parse(running.CommandId)?.ModuleUid
        && module.Module.Status.LastError?.Reason == nameof(FailureReason.BaseDied)
        && !IsDue((State.Memory.Of(module.Module.Metadata.Uid!).InHookSince ?? Now) + BasePodTimes.Suspicious));

    private void ReadAnswers(BaseView view, string life)
    {
        foreach (var answer in view.Answers.Values)
        {
            if (CommandId.Parse(answer.CommandId) is { } id && id.BaseLife == life
                && !(_answers.TryGetValue((id.ModuleUid, id.Action), out var known) && known.Attempt >= id.Attempt))
                _answers[(id.ModuleUid, id.Action)] = (id.Attempt, answer);
        }

        foreach (var told in view.Attempts)
        {
            if (CommandId.Parse(told.CommandId) is { } id && id.BaseLife == life
                && !(_attempts.TryGetValue((id.ModuleUid, id.Action), out var known) && known.Attempt >= id.Attempt))
                _attempts[(id.ModuleUid, id.Action)] = (id.Attempt, told);
        }
    }
}

/// <summary>One Module, and what the current view says about it.</summary>
internal sealed class ModuleFacts(BasePodFacts pod, PodModule input)
{
    public Module Module { get; } = input.Module;

    public ModuleSettings Settings { get; } = input.Settings;

    public bool IsInEndpoints { get; } = input.IsInEndpoints;

    public bool HasLived { get; } = input.HasLived;

    public bool IsQuarantined { get; } = input.IsQuarantined;

    public string? DeploymentUid { get; } = input.DeploymentUid;

    public bool FailsOnOlderPods { get; } = input.FailsOnOlderPods;

    public string Uid { get; } = input.Module.Metadata.Uid ?? "";

    public string Name => Module.Spec.Module.Name;

    public string Version => Module.Spec.Module.Version;

    public bool IsDeleting => Module.Metadata.IsDeleting;

    /// <summary>Bound to this very pod, not to an earlier one of its name, and the pod stays.</summary>
    public bool IsHere { get; } = pod.IsLiving && input.Module.Spec.PodUid == pod.PodUid;

    /// <summary>Was Available once, or its revision was: what fails now is not its artifact.</summary>
    public bool HasServed => input.HasServed || Module.Status.InstalledAt is not null;

    /// <summary>A base life ended under it, and its revision has lived nowhere since.</summary>
    public bool IsSuspect => !HasLived && Module.Status.LastError?.Reason == nameof(FailureReason.BaseDied);

    /// <summary>Listed under this Module's own UID.</summary>
    public BizView? Own { get; } = pod.Current?.Biz.FirstOrDefault(biz =>
        biz.ModuleUid == input.Module.Metadata.Uid && biz.Name == input.Module.Spec.Module.Name
        && biz.Version == input.Module.Spec.Module.Version);

    /// <summary>The same name and version under another UID or none: Arklet can't hold both.</summary>
    public BizView? Twin { get; } = pod.Current?.Biz.FirstOrDefault(biz =>
        biz.ModuleUid != input.Module.Metadata.Uid && biz.Name == input.Module.Spec.Module.Name
        && biz.Version == input.Module.Spec.Module.Version);

    public bool IsInstalled => Own is { State: BizState.Activated };

    /// <summary>
    /// A command on it timed out and it has not come to rest. What became active after all is not stuck, unless it was to
    /// be uninstalled; a start under a deleted Module that nobody will end counts after the time that an install may take.
    /// </summary>
    public bool IsStuck => Own is { } own && (own.State, IsDeleting) switch
    {
        (BizState.Activated, false) => false,
        (BizState.Resolved, true) => own.IsStuck
            || (pod.UnderWay is null && !pod.IsUnderWay(Uid) && pod.IsDue((Module.Metadata.DeletionTimestamp ?? pod.Now) + Settings.InstallTimeout)),
        _ => own.IsStuck,
    };

    /// <summary>The status is about the current life.</summary>
    public bool IsOfThisLife => pod.Life is { } life && Module.Status.BaseLife == life.Id;

    /// <summary>The attempts that the status counts in this life.</summary>
    public int Recorded => IsOfThisLife ? Module.Status.Attempts ?? 0 : 0;

    /// <summary>The next attempt's number: above all that were recorded or answered.</summary>
    public int NextAttempt => Math.Max(Recorded, pod.LastAnswer(Uid, CommandAction.Install)?.Attempt ?? 0) + 1;

    /// <summary>Other versions of the same name that Arklet lists.</summary>
    public IEnumerable<BizView> Siblings =>
        pod.Current?.Biz.Where(biz => biz.Name == Name && biz.Version != Version) ?? [];

    /// <summary>An install is said to have succeeded, and the snapshot that shows it is still to come.</summary>
    public bool IsAboutToShow => Own is null
        && pod.LastAnswer(Uid, CommandAction.Install) is { Answer.Outcome: CommandOutcome.Succeeded } last
        && last.Attempt > Recorded
        && !(pod.LastAnswer(Uid, CommandAction.Uninstall) is { Answer.Outcome: CommandOutcome.Succeeded } gone && gone.Answer.ReceivedAt >= last.Answer.ReceivedAt)
        && !pod.IsDue(last.Answer.ReceivedAt + BasePodTimes.EffectShows);
}
