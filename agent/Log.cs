using Microsoft.Extensions.Logging;

namespace ModuleController.Agent;

/// <summary>All log messages of the agent. Information: a decision. Warning: it is retried. Error: someone must act.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Information,
        Message = "agent {Version} for pod {Namespace}/{Pod}: controller {Controller}, Arklet {ArkletHost}:{ArkletPort}, state "
            + "in {StateDir}")]
    public static partial void Started(
        this ILogger log, string version, string @namespace, string pod, Uri controller, string arkletHost, int arkletPort,
        string stateDir);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopping")]
    public static partial void Stopping(this ILogger log);

    [LoggerMessage(Level = LogLevel.Error, Message = "a loop of the agent failed, stopping")]
    public static partial void PartFailed(this ILogger log, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "journal {Path}: removed an incomplete line of {Bytes} bytes at the end")]
    public static partial void JournalTruncated(this ILogger log, string path, long bytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "journal {Path}: skipped the unreadable line at byte {Position}")]
    public static partial void JournalLineSkipped(this ILogger log, string path, long position);

    [LoggerMessage(Level = LogLevel.Warning, Message = "journal {Path}: compaction failed, it will be retried")]
    public static partial void JournalNotCompacted(this ILogger log, string path, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "command {Command}: failed to write its {What} to the journal")]
    public static partial void JournalNotWritten(this ILogger log, string command, string what, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "waiting for the certificate authority of the controller: {Problem}")]
    public static partial void AuthorityAwaited(this ILogger log, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "base life {Life} began at {StartedAt:O}")]
    public static partial void LifeBegan(this ILogger log, string life, DateTimeOffset startedAt);

    [LoggerMessage(Level = LogLevel.Information, Message = "base life {Life} continues: it is the one in the journal")]
    public static partial void LifeResumed(this ILogger log, string life);

    [LoggerMessage(Level = LogLevel.Information, Message = "base is {State}")]
    public static partial void BaseStateChanged(this ILogger log, string state);

    [LoggerMessage(Level = LogLevel.Information,
        Message = "{Name}:{Version} of module {ModuleUid} was installed after its command had been answered as timed out or unknown")]
    public static partial void LateSuccess(this ILogger log, string name, string version, string moduleUid);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Name}:{Version} of module {ModuleUid} was removed from the JVM without a command of the controller")]
    public static partial void ModuleVanished(this ILogger log, string name, string version, string moduleUid);

    [LoggerMessage(Level = LogLevel.Warning, Message = "download of {Url} failed, attempt {Attempt}: {Problem}; retry in {Delay}")]
    public static partial void DownloadRetried(this ILogger log, string url, int attempt, string problem, TimeSpan delay);

    [LoggerMessage(Level = LogLevel.Warning, Message = "downloading without credentials, {Path} is not readable: {Problem}")]
    public static partial void CredentialsNotRead(this ILogger log, string path, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "removed unused jar {Path}")]
    public static partial void JarEvicted(this ILogger log, string path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "failed to remove unused jar {Path}")]
    public static partial void JarNotEvicted(this ILogger log, string path, Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "command {Command} of epoch {Epoch} begins: {Action} {Name}:{Version}")]
    public static partial void CommandStarted(this ILogger log, string command, ulong epoch, string action, string name, string version);

    [LoggerMessage(Level = LogLevel.Information, Message = "command {Command}: {Outcome} {Reason} {Code} {Text}")]
    public static partial void CommandEnded(this ILogger log, string command, string outcome, string reason, string code, string text);

    [LoggerMessage(Level = LogLevel.Warning, Message = "command {Command}: ignored a failed hook: {Problem}")]
    public static partial void HookIgnored(this ILogger log, string command, string problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "command {Command} failed because of a bug in the agent")]
    public static partial void CommandCrashed(this ILogger log, string command, Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "recovering command {Command} of an earlier agent process")]
    public static partial void CommandRecovered(this ILogger log, string command);

    [LoggerMessage(Level = LogLevel.Information, Message = "connected to {Address}, epoch {Epoch}")]
    public static partial void Connected(this ILogger log, Uri address, ulong epoch);

    [LoggerMessage(Level = LogLevel.Warning, Message = "stream to {Address} ended: {Problem}; reconnecting in {Delay}")]
    public static partial void StreamEnded(this ILogger log, Uri address, string problem, TimeSpan delay);

    [LoggerMessage(Level = LogLevel.Error, Message = "closed the stream to {Address}: protocol violation: {Problem}")]
    public static partial void ProtocolViolated(this ILogger log, Uri address, string problem);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "no controller for {Waited} in base life {Life}: replaying {Count} modules from the journal")]
    public static partial void ReplayStarted(this ILogger log, TimeSpan waited, string life, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "replay of {Name}:{Version} skipped: {Why}")]
    public static partial void ReplaySkipped(this ILogger log, string name, string version, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "failed to write {Path}")]
    public static partial void ReadyFileNotWritten(this ILogger log, string path, Exception exception);
}
