using System.Text;
using Google.Protobuf.WellKnownTypes;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>Checks commands against the limits of the protocol, and cuts texts to those limits.</summary>
public static class CommandLimits
{
    /// <summary>Why the message is malformed, so that the stream is closed; null: it is well-formed.</summary>
    public static string? FindProblem(Command command)
    {
        if (command.Id.Length == 0) return "id is missing";
        if (TooLong("id", command.Id, Limits.CommandId) is { } id) return id;
        if (TooLong("base_life_id", command.BaseLifeId, Limits.BaseLifeId) is { } life) return life;
        if (command.ActionCase is Command.ActionOneofCase.None) return "action is missing";
        if (command.BaseLifeId.Length == 0 && command.ActionCase is not Command.ActionOneofCase.Inspect) return "base_life_id is missing";
        return ModuleProblem(command.Module()) ?? (NeedsSource(command) && Source(command) is null ? "source is missing" : null);
    }

    /// <summary>
    /// The refusal of a well-formed command with an invalid value; null: all values are valid. The value comes from an object of a user, so
    /// it fails that one Module, and the stream stays open.
    /// </summary>
    public static Verdict? FindInvalidValue(Command command) =>
        Refused(
            Reason.InvalidArtifact,
            DeadlineProblem(command.Deadline) ?? NameProblem(command.Module()!) ?? SourceProblem(Source(command)))
        ?? Refused(Reason.ArtifactNotAllowed, PolicyProblem(Source(command)?.Policy))
        ?? Refused(Reason.HookFailed,
            HookProblem("pre_install", command.Install?.PreInstall) ?? HookProblem("post_install", command.Install?.PostInstall)
            ?? HookProblem("pre_uninstall", command.Uninstall?.PreUninstall)
            ?? HookProblem("post_uninstall", command.Uninstall?.PostUninstall));

    /// <summary>The module of any action; null: the sender omitted it.</summary>
    public static ModuleRef? Module(this Command command) => command.ActionCase switch
    {
        Command.ActionOneofCase.Install => command.Install.Module,
        Command.ActionOneofCase.Uninstall => command.Uninstall.Module,
        Command.ActionOneofCase.Switch => command.Switch.Module,
        Command.ActionOneofCase.Inspect => command.Inspect.Module,
        Command.ActionOneofCase.Fetch => command.Fetch.Module,
        Command.ActionOneofCase.Adopt => command.Adopt.Module,
        Command.ActionOneofCase.Disown => command.Disown.Module,
        _ => null,
    };

    /// <summary>Cuts a text to a number of bytes in UTF-8, never inside a character.</summary>
    public static string Cut(string? text, int bytes)
    {
        if (text is null || Encoding.UTF8.GetByteCount(text) <= bytes) return text ?? "";
        var (length, kept) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            if (length + rune.Utf8SequenceLength > bytes) break;
            length += rune.Utf8SequenceLength;
            kept += rune.Utf16SequenceLength;
        }

        return text[..kept];
    }

    /// <summary>Cuts the attributes of a jar to the protocol's limits.</summary>
    public static Artifact Cut(Artifact artifact)
    {
        artifact.Name = Cut(artifact.Name, Limits.BizName);
        artifact.Version = Cut(artifact.Version, Limits.BizName);
        artifact.WebContextPath = Cut(artifact.WebContextPath, Limits.WebContextPath);
        return artifact;
    }

    private static string? ModuleProblem(ModuleRef? module)
    {
        if (module is null) return "module is missing";
        if (module.Name.Length == 0) return "module.name is missing";
        if (module.Version.Length == 0) return "module.version is missing";
        if (module.ModuleUid.Length == 0) return "module.module_uid is missing";
        return TooLong("module.module_uid", module.ModuleUid, Limits.Uid);
    }

    private static bool NeedsSource(Command command) =>
        command.ActionCase is Command.ActionOneofCase.Install or Command.ActionOneofCase.Inspect or Command.ActionOneofCase.Fetch;

    private static Source? Source(Command command) => command.ActionCase switch
    {
        Command.ActionOneofCase.Install => command.Install.Source,
        Command.ActionOneofCase.Inspect => command.Inspect.Source,
        Command.ActionOneofCase.Fetch => command.Fetch.Source,
        _ => null,
    };

    private static Verdict? Refused(Reason reason, string? problem) =>
        problem is null ? null : Verdict.Refused(reason, "INVALID_COMMAND", problem);

    private static string? DeadlineProblem(Duration? deadline) =>
        deadline is null
            || (deadline is { Seconds: >= 0, Nanos: >= 0 and < 1_000_000_000 } && deadline.Seconds <= Limits.Deadline.TotalSeconds)
            ? null
            : $"deadline must be 0 to {Limits.Deadline.TotalSeconds:0} seconds, not {deadline.Seconds}";

    private static string? NameProblem(ModuleRef module) =>
        TooLong("module.name", module.Name, Limits.ModuleName) ?? TooLong("module.version", module.Version, Limits.ModuleName);

    private static string? SourceProblem(Source? source) => source is null
        ? null
        : TooLong("source.url", source.Url, Limits.Url)
            ?? HexProblem("source.sha256", source.Sha256, Limits.Sha256)
            ?? HexProblem("source.md5", source.Md5, Limits.Md5);

    // What this agent can't check is not allowed.
    private static string? PolicyProblem(SourcePolicy? policy)
    {
        if (policy is null) return null;
        if (policy.Sources.Count > Limits.PolicySources)
            return $"source.policy must have at most {Limits.PolicySources} sources, not {policy.Sources.Count}";
        return policy.Sources.Select(source => TooLong("source.policy.sources", source, Limits.PolicySource)
                ?? (ArtifactSource.Parse(source) is null
                    ? $"source.policy has a source that this agent can't compare: {UrlText.Of(source)}" : null))
            .FirstOrDefault(problem => problem is not null);
    }

    private static string? HookProblem(string field, Hook? hook)
    {
        if (hook is null) return null;
        if (hook.Port is 0 or > 65535) return $"{field}.port must be 1 to 65535, not {hook.Port}";
        if (hook.Path.Length == 0 || hook.Path[0] != '/' || hook.Path.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)))
            return $"{field}.path must begin with '/' and have no spaces, not \"{Cut(hook.Path, 80)}\"";
        if (hook.Timeout is not { Seconds: >= 0 and <= 3600, Nanos: >= 0 and < 1_000_000_000 } timeout
            || timeout.ToTimeSpan() is var time && (time <= TimeSpan.Zero || time > Limits.HookTimeout))
            return $"{field}.timeout must be more than 0 and at most {Limits.HookTimeout.TotalSeconds:0} seconds";
        if (hook.Retries > Limits.HookRetries) return $"{field}.retries must be 0 to {Limits.HookRetries}, not {hook.Retries}";
        return TooLong($"{field}.path", hook.Path, Limits.HookPath);
    }

    private static string? HexProblem(string field, string text, int length) =>
        text.Length == 0 || (text.Length == length && text.All(char.IsAsciiHexDigit))
            ? null
            : $"{field} must be {length} hexadecimal digits, or empty";

    private static string? TooLong(string field, string text, int limit) =>
        Encoding.UTF8.GetByteCount(text) is var bytes && bytes > limit ? $"{field} must be at most {limit} bytes, not {bytes}" : null;
}
