using System.Collections.Immutable;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Journal;

/// <summary>The state after all records of the journal. Immutable, so readers need no lock.</summary>
public sealed record JournalState
{
    /// <summary>Results that are kept in one base life. The controller repeats only the last commands.</summary>
    public const int MaxResults = 1000;

    /// <summary>
    /// A controller that was connected for this long in a base life has replayed what is desired. What is left of older base lives is not
    /// desired any more.
    /// </summary>
    public static readonly TimeSpan ControllerReplayPeriod = TimeSpan.FromMinutes(10);

    /// <summary>A module that ran for this long is no suspect when its base life ends.</summary>
    public static readonly TimeSpan SuspectPeriod = TimeSpan.FromSeconds(60);

    /// <summary>A module that caused this many JVM exits is not replayed.</summary>
    public const int MaxExits = 2;

    /// <summary>The code of results given because nothing listens on Arklet's port any more.</summary>
    public const string BaseDown = "BASE_DOWN";

    public static readonly JournalState Empty = new();

    public ulong HighestEpoch { get; init; }

    public string? Life { get; init; }

    public DateTimeOffset LifeStartedAt { get; init; }

    public DateTimeOffset? ControllerAnsweredAt { get; init; }

    /// <summary>In order of installation. Those of an older base life are still to be replayed.</summary>
    public ImmutableList<InstalledModule> Modules { get; init; } = [];

    /// <summary>Commands whose outcome is not settled, by id: not answered, or answered while the JVM may still carry them out.</summary>
    public ImmutableDictionary<string, JournalRecord.Intended> Intents { get; init; } =
        ImmutableDictionary<string, JournalRecord.Intended>.Empty;

    public ImmutableDictionary<string, JournalRecord.Finished> Results { get; init; } =
        ImmutableDictionary<string, JournalRecord.Finished>.Empty;

    public ImmutableHashSet<(string Name, string Version)> StuckModules { get; init; } = [];

    /// <summary>
    /// Ids of the installs that the end of the previous base life interrupted, and of earlier ones that no controller has received.
    /// </summary>
    public ImmutableList<string> Interrupted { get; init; } = [];

    /// <summary>The highest attempt of this base life for each module and action except installs, and for each inspected source.</summary>
    public ImmutableDictionary<(string ModuleUid, string Action, int Source), AnsweredAttempt> Attempts { get; init; } =
        ImmutableDictionary<(string ModuleUid, string Action, int Source), AnsweredAttempt>.Empty;

    /// <summary>Fetched artifacts that are not installed yet, the oldest first. They outlast a base life.</summary>
    public ImmutableList<JournalRecord.Staged> StagedArtifacts { get; init; } = [];

    /// <summary>An install failed in this base life because the Metaspace was full.</summary>
    public bool IsMetaspaceFull { get; init; }

    private ImmutableQueue<string> ResultOrder { get; init; } = [];

    /// <summary>The module as the agent installed or adopted it in the current base life; null: it is not ours.</summary>
    public InstalledModule? Owner(string name, string version) =>
        Modules.Find(module => module.Name == name && module.Version == version && module.Life == Life);

    public bool IsStuck(string name, string version) => StuckModules.Contains((name, version));

    /// <summary>The latest unsettled install of this name and version, other than <paramref name="except"/>.</summary>
    public JournalRecord.Intended? UnsettledInstall(string name, string version, string? except = null) =>
        Intents.Values
            .Where(intent => intent.Action == IntentAction.Install && intent.Name == name
                && intent.Version == version && intent.CommandId != except)
            .MaxBy(intent => intent.At);

    /// <summary>Intents without a result: the agent process ended before it wrote one. See <c>CrashRecovery</c>.</summary>
    public IEnumerable<JournalRecord.Intended> Unanswered => Intents.Values.Where(intent => !Results.ContainsKey(intent.CommandId));

    public JournalState Apply(JournalRecord record) => record switch
    {
        JournalRecord.LifeBegan began => BeginLife(began),
        JournalRecord.EpochObserved seen => this with { HighestEpoch = Math.Max(HighestEpoch, seen.Epoch) },
        JournalRecord.ControllerAnswered answered => this with { ControllerAnsweredAt = ControllerAnsweredAt ?? answered.At },
        JournalRecord.Intended intent => this with { Intents = Intents.SetItem(intent.CommandId, intent) },
        JournalRecord.Finished finished => Finish(finished),
        JournalRecord.Owned owned => Own(owned.Module),
        JournalRecord.Removed removed => this with
        {
            Modules = Modules.RemoveAll(module => module.Name == removed.Name && module.Version == removed.Version),
            StuckModules = StuckModules.Remove((removed.Name, removed.Version)),
        },
        JournalRecord.Staged staged => Stage(staged),
        JournalRecord.Stuck stuck => this with { StuckModules = StuckModules.Add((stuck.Name, stuck.Version)) },
        _ => throw new ArgumentOutOfRangeException(nameof(record), record, "unknown record"),
    };

    /// <summary>The shortest list of records that leads to this state.</summary>
    public IEnumerable<JournalRecord> ToRecords()
    {
        if (Life is not null) yield return new JournalRecord.LifeBegan(Life, LifeStartedAt, Interrupted);
        if (HighestEpoch > 0) yield return new JournalRecord.EpochObserved(HighestEpoch);
        if (ControllerAnsweredAt is { } at) yield return new JournalRecord.ControllerAnswered(at);
        foreach (var module in Modules) yield return new JournalRecord.Owned(module);
        foreach (var intent in Intents.Values.OrderBy(intent => intent.At).ThenBy(intent => intent.CommandId, StringComparer.Ordinal))
            yield return intent;
        foreach (var id in ResultOrder) yield return Results[id];
        foreach (var staged in StagedArtifacts) yield return staged;
        foreach (var (name, version) in StuckModules.Order()) yield return new JournalRecord.Stuck(name, version);
    }

    private JournalState BeginLife(JournalRecord.LifeBegan began)
    {
        var controllerHasReplayed =
            ControllerAnsweredAt is { } at && began.StartedAt - at >= ControllerReplayPeriod;
        return new()
        {
            HighestEpoch = HighestEpoch,
            Life = began.Life,
            LifeStartedAt = began.StartedAt,
            StagedArtifacts = StagedArtifacts,
            Interrupted = began.Interrupted is { } known ? [.. known] : InterruptedInstalls(),
            Modules = MarkSuspects(
                controllerHasReplayed ? Modules.RemoveAll(module => module.Life != Life) : Modules, began.EndedAt ?? began.StartedAt),
        };
    }

    private ImmutableList<InstalledModule> MarkSuspects(ImmutableList<InstalledModule> modules, DateTimeOffset endedAt)
    {
        var suspects = modules.Where(module => IsSuspect(module, endedAt)).ToHashSet();
        return modules.ConvertAll(module => suspects.Contains(module)
            ? module with
            {
                IsSuspect = true,
                Exits = module.Exits + (suspects.Count == 1 ? 1 : 0),
                SharedExits = module.SharedExits + (suspects.Count == 1 ? 0 : 1),
            }
            : module.Life == Life ? module with { IsSuspect = false, Exits = 0, SharedExits = 0, Order = Lived(module.Order) } : module);
    }

    private bool IsSuspect(InstalledModule module, DateTimeOffset endedAt) => module.Order is not { HasLived: true }
        && (module.Life == Life
            ? endedAt - module.InstalledAt <= SuspectPeriod
            : Intents.Values.Any(intent => intent.Action == IntentAction.Install && intent.Name == module.Name
                && intent.Version == module.Version && WasInterrupted(intent)));

    private static ReplayOrder Lived(ReplayOrder? order) => (order ?? ReplayOrder.None) with { HasLived = true };

    // Not answered, or answered only because nothing listened any more.
    private bool WasInterrupted(JournalRecord.Intended intent) =>
        !Results.TryGetValue(intent.CommandId, out var finished) || CommandResult.Parser.ParseFrom(finished.Result).Code == BaseDown;

    private ImmutableList<string> InterruptedInstalls() =>
    [
        .. (ControllerAnsweredAt is null ? Interrupted : [])
            .Concat(Intents.Values
                .Where(intent => intent.Action == IntentAction.Install && WasInterrupted(intent))
                .OrderBy(intent => intent.At)
                .Select(intent => intent.CommandId))
            .TakeLast(Limits.RunningCommands),
    ];

    private JournalState Finish(JournalRecord.Finished finished)
    {
        var known = Results.ContainsKey(finished.CommandId);
        var order = known ? ResultOrder : ResultOrder.Enqueue(finished.CommandId);
        var results = Results.SetItem(finished.CommandId, finished);
        var attempts = CountAttempt(finished);
        while (results.Count > MaxResults)
        {
            order = order.Dequeue(out var oldest);
            results = results.Remove(oldest);
            // An attempt without a result may be used again.
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

    private ImmutableDictionary<(string ModuleUid, string Action, int Source), AnsweredAttempt> CountAttempt(
        JournalRecord.Finished finished) =>
        AnsweredAttempt.From(finished) is { } attempt && attempt.Id.BaseLife == Life
        && !(Attempts.TryGetValue(attempt.Key, out var known) && known.Id.Attempt > attempt.Id.Attempt)
            ? Attempts.SetItem(attempt.Key, attempt.After(Attempts.GetValueOrDefault(attempt.Key)))
            : Attempts;

    // A pod has one successor of a name at a time, so an older staged artifact of that name is obsolete.
    private JournalState Stage(JournalRecord.Staged staged)
    {
        var kept = StagedArtifacts.RemoveAll(known => known.Name == staged.Name);
        return this with { StagedArtifacts = (kept.Count < Limits.Staged ? kept : kept.RemoveAt(0)).Add(staged) };
    }

    // The history of JVM exits outlasts a replay.
    private InstalledModule WithExitHistory(InstalledModule module) =>
        Modules.FindLast(known => known.ModuleUid == module.ModuleUid && known.Name == module.Name && known.Version == module.Version)
            is { } previous
            ? module with
            {
                IsSuspect = previous.IsSuspect,
                Exits = previous.Exits,
                SharedExits = previous.SharedExits,
                Order = previous.Order is { HasLived: true } ? Lived(module.Order) : module.Order ?? previous.Order,
            }
            : module;

    private JournalState Own(InstalledModule module) => this with
    {
        // Moved to the end: the list is in order of installation.
        Modules = Modules
            .RemoveAll(known => known.Name == module.Name && known.Version == module.Version)
            .ConvertAll(known =>
                module.Active && known.Name == module.Name && known.Life == module.Life ? known with { Active = false } : known)
            .Add(WithExitHistory(module)),
        StuckModules = StuckModules.Remove((module.Name, module.Version)),
        StagedArtifacts = StagedArtifacts.RemoveAll(staged => staged.ModuleUid == module.ModuleUid),
        // This settles earlier installs of the same module that timed out.
        Intents = Intents.RemoveRange(Intents.Values
            .Where(intent => intent.Name == module.Name && intent.Version == module.Version && Results.ContainsKey(intent.CommandId))
            .Select(intent => intent.CommandId)),
    };
}
