using System.Text;
using Google.Protobuf.WellKnownTypes;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>The limits of the protocol on what comes from the controller, and the cutting of what goes to it.</summary>
public static class CommandLimits
{
    private static readonly Duration LongestDeadline = Duration.FromTimeSpan(TimeSpan.FromDays(1));

    /// <summary>What is wrong with a command; null: nothing.</summary>
    public static string? FindProblem(Command command)
    {
        if (command.Id.Length == 0) return "id is missing";
        if (TooLong("id", command.Id, Limits.CommandId) is { } id) return id;
        if (TooLong("base_life_id", command.BaseLifeId, Limits.BaseLifeId) is { } life) return life;
        if (command.Deadline is { } deadline && (deadline.Seconds < 0 || deadline.Nanos is < 0 or > 999_999_999 || deadline.Seconds > LongestDeadline.Seconds))
            return $"deadline of {deadline.Seconds} s is out of range";
        if (command.ActionCase is Command.ActionOneofCase.None) return "action is missing";
        if (command.BaseLifeId.Length == 0 && command.ActionCase is not Command.ActionOneofCase.Inspect) return "base_life_id is missing";
        return ModuleProblem(command.Module()) ?? SourceProblem(command)
            ?? HookProblem("pre_install", command.Install?.PreInstall) ?? HookProblem("post_install", command.Install?.PostInstall)
            ?? HookProblem("pre_uninstall", command.Uninstall?.PreUninstall)
            ?? HookProblem("post_uninstall", command.Uninstall?.PostUninstall);
    }

    /// <summary>The module that any action is about; null when the sender left it out.</summary>
    public static ModuleRef? Module(this Command command) => command.ActionCase switch
    {
        Command.ActionOneofCase.Install => command.Install.Module,
        Command.ActionOneofCase.Uninstall => command.Uninstall.Module,
        Command.ActionOneofCase.Switch => command.Switch.Module,
        Command.ActionOneofCase.Inspect => command.Inspect.Module,
        Command.ActionOneofCase.Adopt => command.Adopt.Module,
        Command.ActionOneofCase.Disown => command.Disown.Module,
        _ => null,
    };

    /// <summary>Cut to so many bytes of UTF-8, never in the middle of a character.</summary>
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

    /// <summary>What a jar says of itself, cut to the protocol's limits.</summary>
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
        return TooLong("module.module_uid", module.ModuleUid, Limits.Uid)
            ?? TooLong("module.name", module.Name, Limits.ModuleName)
            ?? TooLong("module.version", module.Version, Limits.ModuleName);
    }

    private static string? SourceProblem(Command command)
    {
        if (command.ActionCase is not (Command.ActionOneofCase.Install or Command.ActionOneofCase.Inspect)) return null;
        var source = command.ActionCase is Command.ActionOneofCase.Install ? command.Install.Source : command.Inspect.Source;
        if (source is null) return "source is missing";
        return TooLong("source.url", source.Url, Limits.Url)
            ?? HexProblem("source.sha256", source.Sha256, Limits.Sha256)
            ?? HexProblem("source.md5", source.Md5, Limits.Md5);
    }

    private static string? HookProblem(string field, Hook? hook)
    {
        if (hook is null) return null;
        if (hook.Port is 0 or > 65535) return $"{field}.port {hook.Port} is out of range";
        if (hook.Path.Length == 0 || hook.Path[0] != '/' || hook.Path.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)))
            return $"{field}.path \"{Cut(hook.Path, 80)}\" is no path";
        if (hook.Timeout is not { Seconds: >= 0 and <= 3600, Nanos: >= 0 and < 1_000_000_000 } timeout
            || timeout.ToTimeSpan() is var time && (time <= TimeSpan.Zero || time > Limits.HookTimeout))
            return $"{field}.timeout is out of range";
        if (hook.Retries > Limits.HookRetries) return $"{field}.retries {hook.Retries} is more than {Limits.HookRetries}";
        return TooLong($"{field}.path", hook.Path, Limits.HookPath);
    }

    private static string? HexProblem(string field, string text, int length) =>
        text.Length == 0 || (text.Length == length && text.All(char.IsAsciiHexDigit)) ? null : $"{field} is not {length} hex digits";

    private static string? TooLong(string field, string text, int limit) =>
        Encoding.UTF8.GetByteCount(text) is var bytes && bytes > limit ? $"{field} has {bytes} bytes, {limit} are allowed" : null;
}
