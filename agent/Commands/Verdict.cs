using ModuleController.Agent.Arklet;
using ModuleController.Agent.Artifacts;
using ModuleController.Agent.Journal;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>The outcome of a command, and the records that the journal writes together with its result.</summary>
public sealed record Verdict(Outcome Outcome, Reason Reason, string Code, string Message)
{
    public IReadOnlyList<JournalRecord> Records { get; init; } = [];

    public Artifact? Artifact { get; init; }

    public long MetaspaceBytes { get; init; }

    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The JVM may still carry it out.</summary>
    public bool IsUnsettled { get; init; }

    public static Verdict Success(string code, params IReadOnlyList<JournalRecord> records) =>
        new(Outcome.Succeeded, Reason.Unspecified, code, "") { Records = records };

    public static Verdict Failed(Reason reason, string code, string message) => new(Outcome.Failed, reason, code, message);

    public static Verdict Failed(ArtifactException e) => Failed(e.Reason, e.Code, e.Message) with { RetryAfter = e.RetryAfter };

    public static Verdict Broken(string name) => Failed(Reason.BizStartFailed, "BROKEN", $"{name} is listed as broken");

    public static Verdict Refused(Reason reason, string code, string message) => new(Outcome.Refused, reason, code, message);

    public Verdict Unsettled(bool isUnsettled = true) => this with { IsUnsettled = isUnsettled };

    public Verdict With(params IReadOnlyList<JournalRecord> records) => this with { Records = records };

    /// <summary>A failed start. The last cause of the stack trace determines the reason.</summary>
    public static Verdict StartFailed(ArkletResult result)
    {
        var text = $"{result.Cause}\n{result.Message}";
        var reason = text switch
        {
            _ when Mentions("is not unique") || Mentions("Duplicated context path") => Reason.WebContextPathConflict,
            _ when Mentions("OutOfMemoryError: Metaspace") || Mentions("OutOfMemoryError: Compressed class space") => Reason.MetaspaceFull,
            _ when Mentions("No space left on device") => Reason.DiskFull,
            _ => Reason.BizStartFailed,
        };
        return Failed(reason, result.Code, result.Cause ?? result.Message ?? "Arklet gave no cause");

        bool Mentions(string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);
    }
}
