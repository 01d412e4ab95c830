namespace ModuleController.Agent.Arklet;

/// <summary>What an answer of Arklet to a mutating command means.</summary>
public enum ArkletOutcome
{
    /// <summary>Envelope and container both said SUCCESS.</summary>
    Success,

    /// <summary>A biz of this name and version is there already, in whatever state (REPEAT_BIZ).</summary>
    Repeat,

    /// <summary>No biz of this name and version (NOT_FOUND_BIZ).</summary>
    NotFound,

    /// <summary>The biz's state does not allow it (ILLEGAL_STATE_BIZ).</summary>
    IllegalState,

    /// <summary>Another command on this biz is unfinished; try again later.</summary>
    Conflict,

    /// <summary>Refused by Arklet or the container: nothing was done.</summary>
    Refused,

    /// <summary>An exception inside the JVM (CMD_PROCESS_INTERNAL_ERROR): the state must be asked for.</summary>
    InternalError,

    /// <summary>The request was sent and no intelligible answer came: it may have run, or may still run.</summary>
    Unknown,

    /// <summary>No connection, or none that somebody read: the request was certainly not sent.</summary>
    Unreachable,
}

/// <summary>A biz's state as Arklet names it, in any case or as an ordinal; all else becomes <see cref="Unknown"/>.</summary>
public enum ArkletBizState
{
    Unknown,
    Unresolved,
    Resolved,
    Activated,
    Deactivated,
    Broken,
    Stopped,
}

/// <summary>One biz of <c>queryAllBiz</c>.</summary>
public sealed record ArkletBiz(string Name, string Version, ArkletBizState State, string? WebContextPath);

/// <summary>The answer to install, uninstall or switch.</summary>
/// <param name="Code">Arklet's own code, the container's where there is one.</param>
/// <param name="Cause">The last <c>Caused by:</c> of the stack trace: the real reason of a failed start.</param>
/// <param name="Biz">The biz as installed, when the answer names it.</param>
/// <param name="ElapsedSpace">Change of the JVM's used Metaspace during the call, bytes; may be negative.</param>
public sealed record ArkletResult(
    ArkletOutcome Outcome, string Code, string? Message = null, string? Cause = null, ArkletBiz? Biz = null, long? ElapsedSpace = null);

/// <summary>How a health query ended: answered, refused at once (nobody listens), or silent.</summary>
public enum HealthOutcome
{
    /// <summary>Arklet lives; its figures may be missing from this answer all the same.</summary>
    Answered,
    ConnectionRefused,
    NoAnswer,
}

/// <summary>The JVM's own figures; bytes, and -1 where the JVM names no limit.</summary>
public sealed record JvmFigures(
    TimeSpan RunTime, long UsedHeap, long MaxHeap, long UsedMetaspace, long CommittedMetaspace, long MaxMetaspace,
    string? JavaVersion);

/// <summary>The answer to a health query; <see cref="ArrivedAt"/> is a monotonic timestamp of the TimeProvider.</summary>
public sealed record HealthAnswer(HealthOutcome Outcome, JvmFigures? Jvm, long ArrivedAt);
