using System.Collections.Immutable;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;

namespace ModuleController.Core.BasePods;

/// <summary>The commands that were sent to a base pod or run there, and which others have to wait for them.</summary>
internal sealed class CommandsUnderWay
{
    /// <summary>How many fetches and inspections run on a pod at a time.</summary>
    private const int MaxBeside = 2;

    private readonly BasePodState _state;
    private readonly DateTimeOffset _now;

    public CommandsUnderWay(BasePodState state, bool isLiving, DateTimeOffset now)
    {
        (_state, _now) = (state, now);
        Beside = View is null
            ? [] : [.. View.SentBeside.Concat(View.Running.Select(running => running.CommandId).Where(IsBeside)).Distinct()];
        if (isLiving && View is not null)
        {
            InHooks = [.. View.Running.Where(running => running.IsInHook)];
            Current = View.Sent is { } sent && !IsBeside(sent) ? sent : FindRunning(View);
        }

        Since = Ids().ToImmutableDictionary(id => id, BeganAt);
    }

    /// <summary>
    /// The id of the command that has the base. Fetches and inspections run beside it. While a hook is called the base is free, unless
    /// for a suspect: should the life end within a minute of it, it must be clear under whom.
    /// </summary>
    public string? Current { get; }

    /// <summary>Commands for which a hook is being called: nothing else is sent for modules of their names.</summary>
    public IReadOnlyList<RunningCommand> InHooks { get; } = [];

    /// <summary>Ids of the fetches and inspections.</summary>
    public IReadOnlyList<string> Beside { get; }

    /// <summary>When each command began, as far as this process has observed it.</summary>
    public ImmutableDictionary<string, DateTimeOffset> Since { get; }

    /// <summary>When the base becomes free although the hook of a suspect is still being called.</summary>
    public DateTimeOffset? ChangesAt { get; private set; }

    private BaseView? View => _state.View;

    public bool IsFetching(string moduleUid) =>
        Beside.Any(id => CommandId.Parse(id) is { Action: CommandAction.Fetch } fetch && fetch.ModuleUid == moduleUid);

    public bool IsInHook(string moduleUid) => InHooks.Any(running => IsOf(running.CommandId, moduleUid));

    /// <summary>The id of this Module's command.</summary>
    public string? Of(string moduleUid) =>
        IsOf(Current, moduleUid) ? Current : InHooks.FirstOrDefault(running => IsOf(running.CommandId, moduleUid))?.CommandId;

    public bool MustWait(ModuleCommand next) => next.IsBeside ? Beside.Count >= MaxBeside : Current is not null || MustWaitForHooks(next);

    /// <summary>What a Module waits for whose command could be sent otherwise, and when the message names the command ahead.</summary>
    /// <remarks>A command ahead is named only when it lasts: not every command rewrites all Modules that wait.</remarks>
    public (string Message, DateTimeOffset? Until) TurnOf(ModuleCommand next, Func<string?, ModuleFacts?> find)
    {
        var ahead = Ahead(next).Select(id => (Id: id, Since: Since.GetValueOrDefault(id, _now)))
            .OrderBy(item => item.Since).ThenBy(item => item.Id, StringComparer.Ordinal).FirstOrDefault();
        var why = new List<string>();
        if (Current is null && next.HasHooks && InHooks.Count >= ModuleCommand.MostInHooks)
            why.Add($"{InHooks.Count} commands wait for their hooks there");
        DateTimeOffset? namedAt = ahead.Id is null ? null : ahead.Since + BasePodTimes.CommandIsNamed;
        var isNamed = namedAt <= _now;
        if (isNamed) why.Add($"{NameOf(ahead.Id!, find)} has been under way since {ahead.Since:HH:mm:ss} UTC");
        return ($"waiting for its turn on pod {_state.Key}{(why.Count == 0 ? "" : ": ")}{string.Join("; ", why)}", isNamed
            ? null : namedAt);
    }

    private bool MustWaitForHooks(ModuleCommand next) =>
        InHooks.Any(running => running.ModuleName == next.Name) || (next.HasHooks && InHooks.Count >= ModuleCommand.MostInHooks);

    private IEnumerable<string> Ahead(ModuleCommand next)
    {
        if (next.IsBeside) return Beside.Count >= MaxBeside ? Beside : [];
        if (Current is not null) return [Current];
        var ofName = InHooks.Where(running => running.ModuleName == next.Name).ToList();
        return (ofName.Count > 0 ? ofName : MustWaitForHooks(next) ? InHooks : []).Select(running => running.CommandId);
    }

    /// <summary>A command as an operator knows it: what it does to which module, and whose it is.</summary>
    private string NameOf(string commandId, Func<string?, ModuleFacts?> find)
    {
        var hook = InHooks.Any(running => running.CommandId == commandId) ? "a hook of " : "";
        var id = CommandId.Parse(commandId);
        if (find(id?.ModuleUid) is { } module)
            return $"{hook}{id!.Action} of {module.Name}:{module.Version} (Module {module.Module.Metadata.Name})";
        return Running(commandId) is { } other
            ? $"{hook}{id?.Action} of {other.ModuleName}:{other.ModuleVersion}"
            : $"{hook}{id?.Action}";
    }

    private string? FindRunning(BaseView view)
    {
        foreach (var running in view.Running)
        {
            if (IsBeside(running.CommandId)) continue;
            if (!running.IsInHook) return running.CommandId;
            if (SuspectedUntil(running) is not { } until || until <= _now) continue;
            ChangesAt = until;
            return running.CommandId;
        }

        return null;
    }

    // A hook may take hours, and others do not wait for longer than a suspect has to live.
    private DateTimeOffset? SuspectedUntil(RunningCommand running) =>
        CommandId.Parse(running.CommandId)?.ModuleUid is { } uid && _state.Modules.Any(module =>
            module.Module.Metadata.Uid == uid && module.Module.Status.LastError?.Reason == nameof(FailureReason.BaseDied))
            ? (_state.Memory.Of(uid).InHookSince ?? _now) + BasePodTimes.Suspicious
            : null;

    private IEnumerable<string> Ids()
    {
        var ids = InHooks.Select(running => running.CommandId).Concat(Beside);
        return (Current is null ? ids : ids.Append(Current)).Distinct();
    }

    private DateTimeOffset BeganAt(string id) => _state.Memory.Commands.TryGetValue(id, out var since)
        ? since
        : _now - (Running(id)?.RunningFor ?? TimeSpan.Zero);

    private RunningCommand? Running(string id) => View?.Running.FirstOrDefault(running => running.CommandId == id);

    private static bool IsOf(string? commandId, string moduleUid) => CommandId.Parse(commandId)?.ModuleUid == moduleUid;

    private static bool IsBeside(string commandId) => CommandId.Parse(commandId) is { IsBeside: true };
}
