namespace ModuleController.Core.Commands;

/// <summary>Who has to act on a failure.</summary>
public enum FailureClass
{
    User,
    Environment,
    Capacity,
    Conflict,
}

/// <summary>Why a Module is not what it should be: the fixed list behind <c>lastError.reason</c>.</summary>
public enum FailureReason
{
    InvalidArtifact,
    DigestMismatch,
    ArtifactNotFound,
    ArtifactDenied,
    ArtifactNotAllowed,
    BizStartFailed,
    WebContextPathConflict,
    HookFailed,
    BaseDied,
    ArtifactUnreachable,
    DiskFull,
    ArkletUnreachable,
    AgentDisconnected,
    InstallTimedOut,
    UninstallFailed,
    SwitchFailed,
    BizLost,
    MetaspaceFull,
    NoEligibleBase,
    ForeignBiz,
    ModuleNameConflict,
    Fenced,
}

public static class FailureReasons
{
    public static FailureClass Class(this FailureReason reason) => reason switch
    {
        <= FailureReason.BaseDied => FailureClass.User,
        <= FailureReason.BizLost => FailureClass.Environment,
        <= FailureReason.NoEligibleBase => FailureClass.Capacity,
        _ => FailureClass.Conflict,
    };

    public static FailureReason? Parse(string? text) =>
        Enum.TryParse<FailureReason>(text, out var reason) && Enum.IsDefined(reason) ? reason : null;
}
