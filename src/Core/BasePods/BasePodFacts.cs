using ModuleController.Core.Agents;

namespace ModuleController.Core.BasePods;

/// <summary>A base pod's state, classified once: what the parts of the planner share.</summary>
internal sealed class BasePodFacts
{
    public BasePodFacts(BasePodState state, DateTimeOffset now)
    {
        (State, Now) = (state, now);
        var pod = state.Pod;
        IsFinished = pod?.Status.Phase is "Succeeded" or "Failed";
        IsLiving = pod is not null && !pod.Metadata.IsDeleting && !IsFinished && !state.IsNamespaceTerminating;
        View = state.View;
        Current = IsLiving && View is { IsCurrent: true } ? View : null;
        Life = View is { IsConnected: true, Shared: null } ? View.Life : null;
        ForeignFrom = IsLiving ? View?.Shared?.HoldsFrom : null;
        IsBaseDown = IsLiving && View is { IsConnected: true, State: BaseState.Down } && BaseContainers.IsAnyUnready(pod!);
        Commands = new(state, IsLiving, now);
        History = new(View, Life);

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

    /// <summary>Neither terminating nor finished.</summary>
    public bool IsLiving { get; }

    public bool IsFinished { get; }

    public BaseView? View { get; }

    /// <summary>The view if it is up to date; null: nothing may be concluded.</summary>
    public BaseView? Current { get; }

    /// <summary>The agent has observed a higher epoch than ours and gets no commands. Its snapshots still show what runs.</summary>
    public bool IsFenced => Current is { IsFenced: true };

    /// <summary>The life of its own base that a connected agent reports, also where its modules are not known yet.</summary>
    public BaseLife? Life { get; }

    /// <summary>Its agent reaches the base of another pod: nothing of this pod is there.</summary>
    public bool IsForeignBase => HasPassed(ForeignFrom);

    /// <summary>The agent reaches a base of which it can't be decided whether it is the pod's.</summary>
    public bool IsUndecidedBase => IsLiving && View?.Shared is { HoldsFrom: null };

    /// <summary>Arklet's port refuses connections, and the base container is not Ready: the pod serves no requests.</summary>
    /// <remarks>Both are required: out of memory, Arklet can fail while the modules answer.</remarks>
    public bool IsBaseDown { get; }

    public CommandsUnderWay Commands { get; }

    public CommandHistory History { get; }

    /// <summary>Every Module bound to a pod of this name, in the order of installs: suspects last.</summary>
    public IReadOnlyList<ModuleFacts> Modules { get; }

    /// <summary>Installed by us for Modules that no longer exist.</summary>
    public IReadOnlyList<BizView> Orphans { get; }

    /// <summary>Never in the future: while agents are refused, nothing has been waited for yet.</summary>
    public DateTimeOffset AcceptingSince => State.AcceptingSince < Now ? State.AcceptingSince : Now;

    public string PodUid => State.Pod?.Metadata.Uid ?? "";

    /// <summary>When the passing of time alone changes these facts, or has changed them.</summary>
    public DateTimeOffset? ChangesAt =>
        Modules.Select(module => module.ChangesAt).Append(Commands.ChangesAt).Append(ForeignFrom).Where(at => at > Now).Min();

    /// <summary>No outcome of an earlier command is certain before this time; null: all are.</summary>
    public DateTimeOffset? UnresolvedUntil =>
        Current?.AnsweringSince is { } since && since + BasePodTimes.LateCommands is var until && until > Now
            && History.HasUnresolved(since)
            ? until
            : null;

    private DateTimeOffset? ForeignFrom { get; }

    public bool HasPassed(DateTimeOffset? time) => time <= Now;

    public ModuleFacts? Find(string? moduleUid) =>
        moduleUid is null ? null : Modules.FirstOrDefault(module => module.Uid == moduleUid);

    public IEnumerable<ModuleFacts> Here(string name) => Modules.Where(module => module.IsHere && module.Name == name);

    public bool IsUnderWay(string moduleUid) => Commands.Of(moduleUid) is not null;
}
