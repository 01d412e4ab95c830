using ModuleController.Core.Commands;

namespace ModuleController.Core.Agents;

/// <summary>What an agent reported of its base: the observed side of every decision about a pod.</summary>
/// <remarks>Silence is not absence: where <see cref="IsCurrent"/> is false, nothing may be concluded from the rest.</remarks>
public sealed record BaseView
{
    /// <summary>A stream is open and its full snapshot has arrived.</summary>
    public required bool IsConnected { get; init; }

    /// <summary>The time of the last message.</summary>
    public required DateTimeOffset LastMessageAt { get; init; }

    public required BaseState State { get; init; }

    /// <summary>The JVM's life; null until Arklet has answered once.</summary>
    public BaseLife? Life { get; init; }

    /// <summary>The biz list was read in this life: only then does absence mean "not installed".</summary>
    public bool IsBizKnown { get; init; }

    public IReadOnlyList<BizView> Biz { get; init; } = [];

    public IReadOnlyList<RunningCommand> Running { get; init; } = [];

    /// <summary>Ids of the installs that were under way when the life before this one ended, by the agent's journal.</summary>
    public IReadOnlyList<string> Interrupted { get; init; } = [];

    /// <summary>The last attempt of each command in the agent's journal whose result the list of biz does not show. Some are already
    /// answered.</summary>
    public IReadOnlyList<CommandAttempt> Attempts { get; init; } = [];

    /// <summary>Answers of this life that the session has received, by command id.</summary>
    public IReadOnlyDictionary<string, CommandAnswer> Answers { get; init; } =
        System.Collections.ObjectModel.ReadOnlyDictionary<string, CommandAnswer>.Empty;

    /// <summary>The command that was sent on this stream and neither answered nor observed running yet.</summary>
    public string? Sent { get; init; }

    public JvmView? Jvm { get; init; }

    /// <summary>When Arklet last answered again after having been silent; null if it never was in this session.</summary>
    public DateTimeOffset? AnsweringSince { get; init; }

    /// <summary>Since when Arklet has not listed in this session what runs there; null: it has, and answers.</summary>
    public DateTimeOffset? UnansweredSince { get; init; }

    /// <summary>Fetches and inspections that were sent on this stream and neither answered nor observed running yet.</summary>
    public IReadOnlyList<string> SentBeside { get; init; } = [];

    /// <summary>The agent has observed an epoch above the controller's, which does not rise to it: it gets no commands.</summary>
    public bool IsFenced { get; init; }

    /// <summary>The agent can fetch an artifact before its install.</summary>
    public bool CanFetch { get; init; }

    /// <summary>The agent enforces artifact policies.</summary>
    public bool EnforcesPolicy { get; init; }

    /// <summary>The port at which the agent reaches Arklet; null: an older agent, which does not report it.</summary>
    public int? ArkletPort { get; init; }

    /// <summary>The base life is not, or not surely, of the pod's own base; null: there is no doubt.</summary>
    public SharedArklet? Shared { get; init; }

    /// <summary>UIDs of the Modules whose artifact is on the pod, with its digest and manifest checked.</summary>
    public IReadOnlyList<string> Staged { get; init; } = [];

    /// <summary>An install found no Metaspace left in this base life.</summary>
    public bool IsMetaspaceFull { get; init; }

    /// <summary>No new module is to be expected to find room.</summary>
    public bool IsOutOfMetaspace =>
        IsMetaspaceFull || Jvm is { MaxMetaspace: > 0 } jvm && jvm.CommittedMetaspace >= 0.95 * jvm.MaxMetaspace;

    /// <summary>Only a new base life removes something that is stuck here, or that Arklet keeps refusing to uninstall.</summary>
    public bool NeedsRestart => HasStuck || HasGivenUp;

    public bool HasStuck => Biz.Any(biz => biz.IsStuck);

    /// <summary>Arklet rejects the uninstall of something here, and no deletion waits for it any longer.</summary>
    private bool HasGivenUp => Answers.Values.Where(answer => IsRejection(answer.Outcome, answer.Reason)).Select(answer => answer.CommandId)
        .Concat(Attempts.Where(attempt => attempt.Rejections > 0 || IsRejection(attempt.Outcome, attempt.Reason))
            .Select(attempt => attempt.CommandId))
        .Select(id => CommandId.Parse(id)?.ModuleUid).Distinct()
        .Any(uid => uid is not null && Biz.Any(biz => biz.ModuleUid == uid) && IsRejectedTooOften(uid));

    /// <summary>The view is up to date: connected, the pod's own Arklet answering, its list read in the current life.</summary>
    public bool IsCurrent => IsConnected && IsAnswered && Shared is null;

    private bool IsAnswered => State == BaseState.Up && Life is not null && IsBizKnown;

    /// <summary>Five uninstalls in one base life were rejected: the deletion does not wait for it any longer.</summary>
    public bool IsRejectedTooOften(string moduleUid) => Rejections(moduleUid) >= 5;

    /// <summary>How often Arklet has rejected the uninstall of this Module's biz in this base life: by the agent's journal, and by the
    /// answers that are newer. What failed in a hook or was refused by the agent did not reach Arklet and does not count.</summary>
    public int Rejections(string moduleUid)
    {
        var last = Attempts.FirstOrDefault(attempt => UninstallOf(attempt.CommandId, moduleUid) is not null);
        var (number, counted) = last is null
            ? (0, 0)
            : (UninstallOf(last.CommandId, moduleUid) ?? 0, Math.Max(last.Rejections, IsRejection(last.Outcome, last.Reason) ? 1 : 0));
        var answered = Answers.Values.Where(answer => IsRejection(answer.Outcome, answer.Reason))
            .Select(answer => UninstallOf(answer.CommandId, moduleUid)).OfType<int>().ToList();
        return Math.Max(answered.Count, counted + answered.Count(attempt => attempt > number));
    }

    private static bool IsRejection(CommandOutcome outcome, FailureReason? reason) =>
        outcome == CommandOutcome.Failed && reason == FailureReason.UninstallFailed;

    /// <summary>The number of the attempt; null: the command is another one.</summary>
    private static int? UninstallOf(string commandId, string moduleUid) =>
        CommandId.Parse(commandId) is { Action: CommandAction.Uninstall } id && id.ModuleUid == moduleUid ? id.Attempt : null;

    /// <summary>The view with the time since when nothing is known of Arklet, by the view before it.</summary>
    public BaseView After(BaseView? before, DateTimeOffset now) =>
        this with { UnansweredSince = IsAnswered ? null : before?.UnansweredSince ?? now };
}

public enum BaseState
{
    Unknown,
    Down,
    Up,
    Hung,

    /// <summary>Arklet answers, but its health does not have what identifies the base life.</summary>
    WithoutFigures,
}

public sealed record BaseLife(string Id, DateTimeOffset StartedAt);

/// <summary>The state of a biz that an agent reports: that of the protocol, which Core does not reference. Arklet has more states, which
/// only the agent distinguishes.</summary>
public enum BizState
{
    Other,
    Resolved,
    Activated,
    Deactivated,
    Broken,
}

/// <summary>A biz as Arklet lists it, and the Module that the agent's journal knows for it (null: foreign).</summary>
public sealed record BizView(string Name, string Version, BizState State)
{
    public string? ModuleUid { get; init; }

    public string? WebContextPath { get; init; }

    public string? ArtifactHash { get; init; }

    public DateTimeOffset? InstalledAt { get; init; }

    public TimeSpan? InstallDuration { get; init; }

    public long MetaspaceBytes { get; init; }

    public bool IsStuck { get; init; }
}

public sealed record RunningCommand(string CommandId, string ModuleName, string ModuleVersion, TimeSpan RunningFor)
{
    /// <summary>A hook is being called for it: the base is free for other modules meanwhile.</summary>
    public bool IsInHook { get; init; }
}

/// <summary>The end of a command. <see cref="Reason"/> is null on success.</summary>
public sealed record CommandAnswer(
    string CommandId, CommandOutcome Outcome, FailureReason? Reason, string? Code, string? Message, string BaseLife,
    DateTimeOffset ReceivedAt)
{
    public ArtifactView? Artifact { get; init; }

    public TimeSpan? Duration { get; init; }

    public long? MetaspaceBytes { get; init; }

    /// <summary>The <c>Retry-After</c> of the artifact store.</summary>
    public TimeSpan? RetryAfter { get; init; }
}

/// <summary>An attempt that was answered, as the agent's journal has it: its id is used up, on any stream.</summary>
public sealed record CommandAttempt(string CommandId, CommandOutcome Outcome, FailureReason? Reason, DateTimeOffset AnsweredAt)
{
    /// <summary>How many attempts up to this one Arklet rejected; 0 where the agent does not count them.</summary>
    public int Rejections { get; init; }
}

public enum CommandOutcome
{
    Succeeded,
    Failed,
    Refused,
}

/// <summary>The manifest of an inspected or installed jar.</summary>
public sealed record ArtifactView(string Name, string Version, string? WebContextPath, string? Sha256);

/// <summary>Bytes; −1 where the JVM knows no limit.</summary>
public sealed record JvmView(long UsedHeap, long MaxHeap, long UsedMetaspace, long CommittedMetaspace, long MaxMetaspace);
