namespace ModuleController.Agent.Arklet;

/// <summary>The meaning of Arklet's answer to an install, uninstall or switch.</summary>
public enum ArkletOutcome
{
    /// <summary>Envelope and container report SUCCESS.</summary>
    Success,

    /// <summary>A biz of this name and version exists already, in any state (REPEAT_BIZ).</summary>
    Repeat,

    /// <summary>No biz of this name and version (NOT_FOUND_BIZ).</summary>
    NotFound,

    /// <summary>The biz's state does not allow it (ILLEGAL_STATE_BIZ).</summary>
    IllegalState,

    /// <summary>Another command on this biz is unfinished: retry later.</summary>
    Conflict,

    /// <summary>Refused by Arklet or the container: nothing was done.</summary>
    Refused,

    /// <summary>An exception inside the JVM (CMD_PROCESS_INTERNAL_ERROR). Only the list of biz shows the outcome.</summary>
    InternalError,

    /// <summary>The request was sent, without a valid answer: it may have run, or may still run.</summary>
    Unknown,

    /// <summary>The request was not sent: no connection, or none that the JVM read.</summary>
    Unreachable,
}

/// <summary>The state of a biz by Arklet. Values that are not in this list are <see cref="Unknown"/>. The agent reports fewer states to the
/// controller.</summary>
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
public sealed record ArkletBiz(string Name, string Version, ArkletBizState State, string? WebContextPath)
{
    /// <summary>Its start has succeeded, whether or not it is the active version.</summary>
    public bool HasStarted => State is ArkletBizState.Activated or ArkletBizState.Deactivated;

    public bool IsStarting => State is ArkletBizState.Resolved or ArkletBizState.Unresolved;

    public bool IsBroken => State is ArkletBizState.Broken or ArkletBizState.Stopped;
}

/// <summary>The answer to install, uninstall or switch.</summary>
/// <param name="Code">Arklet's own code, the container's where there is one.</param>
/// <param name="Cause">The last <c>Caused by:</c> of the stack trace: why a start failed.</param>
/// <param name="Biz">The biz as installed, when the answer names it.</param>
/// <param name="ElapsedSpace">Change of the JVM's used Metaspace during the call, bytes; may be negative.</param>
public sealed record ArkletResult(
    ArkletOutcome Outcome, string Code, string? Message = null, string? Cause = null, ArkletBiz? Biz = null, long? ElapsedSpace = null);

/// <summary>The outcome of a health query.</summary>
public enum HealthOutcome
{
    /// <summary>Arklet answered. The figures of the JVM may be missing.</summary>
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
