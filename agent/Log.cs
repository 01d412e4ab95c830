using Microsoft.Extensions.Logging;

namespace ModuleController.Agent;

/// <summary>Everything the agent logs: Information is a decision, Warning is tried again, Error is for somebody to look at.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Information, Message = "agent {Version} for pod {Namespace}/{Pod}: controller {Controller}, Arklet {ArkletHost}:{ArkletPort}, state in {StateDir}")]
    public static partial void Started(this ILogger log, string version, string @namespace, string pod, Uri controller, string arkletHost, int arkletPort, string stateDir);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopping")]
    public static partial void Stopping(this ILogger log);

    [LoggerMessage(Level = LogLevel.Error, Message = "a part of the agent failed, it ends")]
    public static partial void PartFailed(this ILogger log, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "journal {Path}: a torn tail of {Bytes} bytes was cut")]
    public static partial void JournalTailCut(this ILogger log, string path, long bytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "journal {Path}: the line at byte {Position} can't be read and is skipped")]
    public static partial void JournalLineSkipped(this ILogger log, string path, long position);

    [LoggerMessage(Level = LogLevel.Warning, Message = "journal {Path}: the compaction did not finish, it is tried again later")]
    public static partial void JournalNotCompacted(this ILogger log, string path, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "command {Command}: its {What} could not be written to the journal")]
    public static partial void JournalNotWritten(this ILogger log, string command, string what, Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "base life {Life} began at {StartedAt:O}")]
    public static partial void LifeBegan(this ILogger log, string life, DateTimeOffset startedAt);

    [LoggerMessage(Level = LogLevel.Information, Message = "base life {Life} goes on, as the journal knows it")]
    public static partial void LifeGoesOn(this ILogger log, string life);

    [LoggerMessage(Level = LogLevel.Information, Message = "base is {State}")]
    public static partial void BaseStateChanged(this ILogger log, string state);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Name}:{Version} is module {ModuleUid} of an install that had not been answered in time")]
    public static partial void LateSuccess(this ILogger log, string name, string version, string moduleUid);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Name}:{Version} of module {ModuleUid} vanished without a command of ours")]
    public static partial void ModuleVanished(this ILogger log, string name, string version, string moduleUid);

    [LoggerMessage(Level = LogLevel.Warning, Message = "download of {Url}, try {Attempt}: {Problem}; again in {Delay}")]
    public static partial void DownloadRetried(this ILogger log, string url, int attempt, string problem, TimeSpan delay);

    [LoggerMessage(Level = LogLevel.Information, Message = "cached jar {Path} removed: nothing installed refers to it")]
    public static partial void JarEvicted(this ILogger log, string path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "cached jar {Path} could not be removed")]
    public static partial void JarNotEvicted(this ILogger log, string path, Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "command {Command} of epoch {Epoch} begins: {Action} {Name}:{Version}")]
    public static partial void CommandBegins(this ILogger log, string command, ulong epoch, string action, string name, string version);

    [LoggerMessage(Level = LogLevel.Information, Message = "command {Command}: {Outcome} {Reason} {Code} {Text}")]
    public static partial void CommandEnded(this ILogger log, string command, string outcome, string reason, string code, string text);

    [LoggerMessage(Level = LogLevel.Warning, Message = "command {Command} goes on after a hook that failed: {Problem}")]
    public static partial void HookIgnored(this ILogger log, string command, string problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "command {Command} failed in the agent itself")]
    public static partial void CommandBroke(this ILogger log, string command, Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "command {Command} had been begun before the agent was restarted: asking what became of it")]
    public static partial void CommandRecovered(this ILogger log, string command);

    [LoggerMessage(Level = LogLevel.Information, Message = "connected to {Address}, epoch {Epoch}")]
    public static partial void Connected(this ILogger log, Uri address, ulong epoch);

    [LoggerMessage(Level = LogLevel.Warning, Message = "stream to {Address} ended: {Problem}; again in {Delay}")]
    public static partial void StreamEnded(this ILogger log, Uri address, string problem, TimeSpan delay);

    [LoggerMessage(Level = LogLevel.Error, Message = "stream to {Address} closed: what came from there breaks the protocol: {Problem}")]
    public static partial void ProtocolBroken(this ILogger log, Uri address, string problem);

    [LoggerMessage(Level = LogLevel.Warning, Message = "no controller for {Waited} since base life {Life} began: bringing back {Count} modules from the journal")]
    public static partial void ReplayBegins(this ILogger log, TimeSpan waited, string life, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "replay of {Name}:{Version} is left to the controller: {Why}")]
    public static partial void ReplaySkipped(this ILogger log, string name, string version, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "state file {Path} could not be written")]
    public static partial void ReadyFileNotWritten(this ILogger log, string path, Exception exception);
}
