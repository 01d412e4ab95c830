using System.Collections.Immutable;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Journal;

/// <summary>What all records of the journal add up to. Immutable: readers take the latest and need no lock.</summary>
public sealed record JournalState
{
    /// <summary>Answers kept within one base life; the controller repeats the last ones only.</summary>
    public const int MaxResults = 1000;

    /// <summary>
    /// A controller that had this long in a base life has brought back what it wanted: what is still left of older lives
    /// is not wanted any more.
    /// </summary>
    public static readonly TimeSpan ReplayBelongsToController = TimeSpan.FromMinutes(10);

    /// <summary>A module that has lived for so long is not to blame when its base life ends.</summary>
    public static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(60);

    /// <summary>What ended so many base lives is not brought back.</summary>
    public const int ExitsForgiven = 2;

    /// <summary>The code of an answer that was given because nothing listened on Arklet's port any more.</summary>
    public const string BaseDown = "BASE_DOWN";

    public static readonly JournalState Empty = new();

    public ulong HighestEpoch { get; init; }

    public string? Life { get; init; }

    public DateTimeOffset LifeStartedAt { get; init; }

    public DateTimeOffset? ControllerAnsweredAt { get; init; }

    /// <summary>The last confirmed set, in order of installation; those of an older life are still to be brought back.</summary>
    public ImmutableList<InstalledModule> Modules { get; init; } = [];

    /// <summary>Commands whose outcome isn't settled, by id: without an answer, or answered while the JVM may still run them.</summary>
    public ImmutableDictionary<string, JournalRecord.Intended> Intents { get; init; } =
        ImmutableDictionary<string, JournalRecord.Intended>.Empty;

    public ImmutableDictionary<string, JournalRecord.Finished> Results { get; init; } =
        ImmutableDictionary<string, JournalRecord.Finished>.Empty;

    public ImmutableHashSet<(string Name, string Version)> StuckModules { get; init; } = [];

    /// <summary>Ids of the installs that were under way when the life before this one ended, and of earlier ones that no controller heard of.</summary>
    public ImmutableList<string> Interrupted { get; init; } = [];

    /// <summary>The highest attempt of this life at each action for each module, and at inspecting each source; not at installs.</summary>
    public ImmutableDictionary<(string ModuleUid, CommandAction Action, int Source), AnsweredAttempt> Attempts { get; init; } =
        ImmutableDictionary<(string ModuleUid, CommandAction Action, int Source), AnsweredAttempt>.Empty;

    /// <summary>Artifacts that wait for their install, the oldest first. They outlast a base life.</summary>
    public ImmutableList<JournalRecord.Staged> StagedArtifacts { get; init; } = [];

    /// <summary>In this life an install found no Metaspace left.</summary>
    public bool IsMetaspaceFull { get; init; }

    private ImmutableQueue<string> ResultOrder { get; init; } = [];

    /// <summary>What this module is in the current life, if it is ours.</summary>
    public InstalledModule? Owner(string name, string version) =>
        Modules.Find(module => module.Name == name && module.Version == version && module.Life == Life);

    public bool IsStuck(string name, string version) => StuckModules.Contains((name, version));

    /// <summary>The latest install of this name and version whose outcome isn't settled, other than <paramref name="except"/>.</summary>
    public JournalRecord.Intended? UnsettledInstall(string name, string version, string? except = null) =>
        Intents.Values
            .Where(intent => intent.Action == CommandAction.Install && intent.Name == name
                && intent.Version == version && intent.CommandId != except)
            .MaxBy(intent => intent.At);

    /// <summary>Intents that nobody has been answered about: the agent died in between.</summary>
    public IEnumerable<JournalRecord.Intended> Unanswered => Intents.Values.Where(intent => !Results.ContainsKey(intent.CommandId));

    public JournalState Apply(JournalRecord record) => record switch
    {
        JournalRecord.LifeBegan began => Begin(began),
        JournalRecord.EpochSeen seen => this with { HighestEpoch = Math.Max(HighestEpoch, seen.Epoch) },
        JournalRecord.ControllerAnswered answered => this with { ControllerAnsweredAt = ControllerAnsweredAt ?? answered.At },
        JournalRecord.Intended intent => this with { Intents = Intents.SetItem(intent.CommandId, intent) },
        JournalRecord.Finished finished => Finish(finished),
        JournalRecord.Owned owned => Own(owned.Module),
        JournalRecord.Gone gone => this with
        {
            Modules = Modules.RemoveAll(module => module.Name == gone.Name && module.Version == gone.Version),
            StuckModules = StuckModules.Remove((gone.Name, gone.Version)),
        },
        JournalRecord.Staged staged => Stage(staged),
        JournalRecord.Stuck stuck => this with { StuckModules = StuckModules.Add((stuck.Name, stuck.Version)) },
        _ => throw new ArgumentOutOfRangeException(nameof(record), record, "unknown record"),
    };

    /// <summary>The shortest list of records that adds up to this state.</summary>
    public IEnumerable<JournalRecord> ToRecords()
    {
        if (Life is not null) yield return new JournalRecord.LifeBegan(Life, LifeStartedAt, Interrupted);
        if (HighestEpoch > 0) yield return new JournalRecord.EpochSeen(HighestEpoch);
        if (ControllerAnsweredAt is { } at) yield return new JournalRecord.ControllerAnswered(at);
        foreach (var module in Modules) yield return new JournalRecord.Owned(module);
        foreach (var intent in Intents.Values.OrderBy(intent => intent.At).ThenBy(intent => intent.CommandId, StringComparer.Ordinal))
            yield return intent;
        foreach (var id in ResultOrder) yield return Results[id];
        foreach (var staged in StagedArtifacts) yield return staged;
        foreach (var (name, version) in StuckModules.Order()) yield return new JournalRecord.Stuck(name, version);
    }

    private JournalState Begin(JournalRecord.LifeBegan began)
    {
        var controllerHadItsTime =
            ControllerAnsweredAt is { } at && began.StartedAt - at >= ReplayBelongsToController;
        return new()
        {
            HighestEpoch = HighestEpoch,
            Life = began.Life,
            LifeStartedAt = began.StartedAt,
            StagedArtifacts = StagedArtifacts,
            Interrupted = began.Interrupted is { } known ? [.. known] : WereUnderWay(),
            Modules = AfterExit(controllerHadItsTime ? Modules.RemoveAll(module => module.Life != Life) : Modules, began.EndedAt ?? began.StartedAt),
        };
    }

    private ImmutableList<InstalledModule> AfterExit(ImmutableList<InstalledModule> modules, DateTimeOffset endedAt)
    {
        var suspects = modules.Where(module => IsSuspect(module, endedAt)).ToHashSet();
        return modules.ConvertAll(module => suspects.Contains(module)
            ? module with
            {
                IsSuspect = true,
                Exits = module.Exits + (suspects.Count == 1 ? 1 : 0),
                SharedExits = module.SharedExits + (suspects.Count == 1 ? 0 : 1),
            }
            : module.Life == Life ? module with { IsSuspect = false, Exits = 0, SharedExits = 0, Order = (module.Order ?? ReplayOrder.None) with { HasLived = true } } : module);
    }

    private bool IsSuspect(InstalledModule module, DateTimeOffset endedAt) => module.Order is not { HasLived: true }
        && (module.Life == Life
            ? endedAt - module.InstalledAt <= TimeToLive
            : Intents.Values.Any(intent => intent.Action == CommandAction.Install && intent.Name == module.Name && intent.Version == module.Version
                && WasUnderWay(intent)));

    // Answered only because the base had gone, or not at all.
    private bool WasUnderWay(JournalRecord.Intended intent) =>
        !Results.TryGetValue(intent.CommandId, out var finished) || CommandResult.Parser.ParseFrom(finished.Result).Code == BaseDown;

    private ImmutableList<string> WereUnderWay() =>
    [
        .. (ControllerAnsweredAt is null ? Interrupted : [])
            .Concat(Intents.Values
                .Where(intent => intent.Action == CommandAction.Install && WasUnderWay(intent))
                .OrderBy(intent => intent.At)
                .Select(intent => intent.CommandId))
            .TakeLast(Limits.RunningCommands),
    ];

    private JournalState Finish(JournalRecord.Finished finished)
    {
        var known = Results.ContainsKey(finished.CommandId);
        var order = known ? ResultOrder : ResultOrder.Enqueue(finished.CommandId);
        var results = Results.SetItem(finished.CommandId, finished);
        var attempts = Count(finished);
        while (results.Count > MaxResults)
        {
            order = order.Dequeue(out var oldest);
            results = results.Remove(oldest);
            // A number whose answer is forgotten may be used again.
            if (AnsweredAttempt.KeyOf(oldest) is { } key && attempts.TryGetValue(key, out var last) && last.Id.ToString() == oldest)
                attempts = attempts.Remove(key);
        }

        return this with
        {
            Results = results,
            ResultOrder = order,
            Attempts = attempts,
            IsMetaspaceFull = IsMetaspaceFull || CommandResult.Parser.ParseFrom(finished.Result).Reason is Reason.MetaspaceFull,
            Intents = finished.Unsettled ? Intents : Intents.Remove(finished.CommandId),
        };
    }

    private ImmutableDictionary<(string ModuleUid, CommandAction Action, int Source), AnsweredAttempt> Count(JournalRecord.Finished finished) =>
        AnsweredAttempt.From(finished) is { } attempt && attempt.Id.BaseLife == Life
        && !(Attempts.TryGetValue(attempt.Key, out var known) && known.Id.Attempt > attempt.Id.Attempt)
            ? Attempts.SetItem(attempt.Key, attempt.After(Attempts.GetValueOrDefault(attempt.Key)))
            : Attempts;

    // A pod has one successor of a name at a time: what was staged before for that name is not going to be installed.
    private JournalState Stage(JournalRecord.Staged staged)
    {
        var kept = StagedArtifacts.RemoveAll(known => known.Name == staged.Name);
        return this with { StagedArtifacts = (kept.Count < Limits.Staged ? kept : kept.RemoveAt(0)).Add(staged) };
    }

    // What its exits say of it outlasts its being brought back.
    private InstalledModule WithPast(InstalledModule module) =>
        Modules.FindLast(known => known.ModuleUid == module.ModuleUid && known.Name == module.Name && known.Version == module.Version) is { } past
            ? module with
            {
                IsSuspect = past.IsSuspect,
                Exits = past.Exits,
                SharedExits = past.SharedExits,
                Order = past.Order is { HasLived: true } ? (module.Order ?? ReplayOrder.None) with { HasLived = true } : module.Order ?? past.Order,
            }
            : module;

    private JournalState Own(InstalledModule module) => this with
    {
        // Moved to the end: the list is the order of installation in the newest life.
        Modules = Modules
            .RemoveAll(known => known.Name == module.Name && known.Version == module.Version)
            .ConvertAll(known => module.Active && known.Name == module.Name && known.Life == module.Life ? known with { Active = false } : known)
            .Add(WithPast(module)),
        StuckModules = StuckModules.Remove((module.Name, module.Version)),
        StagedArtifacts = StagedArtifacts.RemoveAll(staged => staged.ModuleUid == module.ModuleUid),
        // A settled install: earlier ones of the same module that timed out are explained by it.
        Intents = Intents.RemoveRange(Intents.Values
            .Where(intent => intent.Name == module.Name && intent.Version == module.Version && Results.ContainsKey(intent.CommandId))
            .Select(intent => intent.CommandId)),
    };
}
