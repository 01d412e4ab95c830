using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Protocol;

namespace ModuleController.ControlPlane.Agents;

/// <summary>How far a stream has come.</summary>
public enum SessionPhase
{
    AwaitingHello,
    AwaitingSnapshot,
    Open,
}

/// <summary>What one stream has said and been told. Immutable; <see cref="SessionProtocol"/> makes the next one.</summary>
public sealed record SessionState
{
    public static SessionState New { get; } = new();

    public SessionPhase Phase { get; init; }

    public AgentHello? Hello { get; init; }

    /// <summary>Of the last snapshot.</summary>
    public ulong Sequence { get; init; }

    /// <summary>Null until the full snapshot is there: before it, nothing is known.</summary>
    public BaseView? View { get; init; }

    /// <summary>Sent on this stream and not answered, inspections too; at rest it is empty.</summary>
    public IReadOnlyList<SentCommand> Sent { get; init; } = [];
}

/// <summary>What an agent says of itself. It may be believed only after its credentials were compared with it.</summary>
public sealed record AgentHello(ObjectKey Pod, string PodUid, string AgentVersion, ulong HighestEpoch)
{
    /// <summary>It can fetch an artifact before its install.</summary>
    public bool CanFetch { get; init; }

    /// <summary>The port at which it reaches Arklet; null: it does not say.</summary>
    public int? ArkletPort { get; init; }

    /// <summary>In bytes, the longest url that it accepts in a command.</summary>
    public int MaxUrlLength { get; init; } = Limits.UrlOfFirstVersion;
}

public sealed record SentCommand(ModuleCommand Command, DateTimeOffset At);

/// <summary>What a message did. With a violation the state is the old one and the stream has to be closed.</summary>
/// <param name="IsChanged">There is something new to decide on.</param>
/// <param name="Answer">The answer that the message was, with the command where this stream had sent it.</param>
public sealed record SessionStep(
    SessionState State, string? Violation = null, bool IsChanged = false, CommandAnswer? Answer = null, ModuleCommand? Command = null);
