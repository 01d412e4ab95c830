using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Protocol;

namespace ModuleController.ControlPlane.Agents;

/// <summary>The progress of a stream.</summary>
public enum SessionPhase
{
    AwaitingHello,
    AwaitingSnapshot,
    Open,
}

/// <summary>The messages of one stream so far. Immutable; <see cref="SessionProtocol"/> computes the next state.</summary>
public sealed record SessionState
{
    public static SessionState New { get; } = new();

    public SessionPhase Phase { get; init; }

    public AgentHello? Hello { get; init; }

    /// <summary>Of the last snapshot.</summary>
    public ulong Sequence { get; init; }

    /// <summary>Null until the full snapshot is received: before it, nothing is known.</summary>
    public BaseView? View { get; init; }

    /// <summary>Sent on this stream and not answered yet, with inspections.</summary>
    public IReadOnlyList<SentCommand> Sent { get; init; } = [];
}

/// <summary>How an agent identifies itself. It is valid only after a comparison with its credentials.</summary>
public sealed record AgentHello(ObjectKey Pod, string PodUid, string AgentVersion, ulong HighestEpoch)
{
    /// <summary>It can fetch an artifact before its install.</summary>
    public bool CanFetch { get; init; }

    /// <summary>It enforces artifact policies.</summary>
    public bool EnforcesPolicy { get; init; }

    /// <summary>The port at which it reaches Arklet; null: unknown.</summary>
    public int? ArkletPort { get; init; }

    /// <summary>In bytes, the longest url that it accepts in a command.</summary>
    public int MaxUrlLength { get; init; } = Limits.UrlOfFirstVersion;
}

public sealed record SentCommand(ModuleCommand Command, DateTimeOffset At);

/// <summary>The effect of a message. With a violation, the state is unchanged and the stream has to be closed.</summary>
/// <param name="IsChanged">Reconciles have to be triggered.</param>
/// <param name="Answer">The answer that the message was, with the command where this stream had sent it.</param>
/// <param name="Token">The new credential of the stream, not checked yet.</param>
public sealed record SessionStep(
    SessionState State, string? Violation = null, bool IsChanged = false, CommandAnswer? Answer = null, ModuleCommand? Command = null,
    string? Token = null);
