using System.Globalization;
using System.Text;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Commands;

/// <summary>Why a command is not sent: its Module or ModuleDeployment holds a value that agents refuse.</summary>
public sealed record CommandProblem(FailureReason Reason, string Message);

/// <summary>
/// Checks a command before it leaves. Objects that were stored before a rule existed hold such values. Such a command fails its
/// Module. It never ends a stream.
/// </summary>
public static class CommandRules
{
    /// <param name="command">What would be sent.</param>
    /// <param name="maxUrlLength">In bytes, the longest url that the agent accepts.</param>
    /// <param name="enforcesPolicy">The agent enforces artifact policies.</param>
    public static CommandProblem? FindProblem(ModuleCommand command, int maxUrlLength = int.MaxValue, bool enforcesPolicy = true) =>
        FindInvalidValue(command, maxUrlLength) ?? PolicyRules.FindProblem(command, enforcesPolicy);

    private static CommandProblem? FindInvalidValue(ModuleCommand command, int maxUrlLength) => command switch
    {
        ModuleCommand.Install install => OfSource(install.Source, maxUrlLength)
            ?? OfHook(install.Before, "spec.hooks.preInstall") ?? OfHook(install.After, "spec.hooks.postInstall"),
        ModuleCommand.Inspect inspect => OfSource(inspect.Source, maxUrlLength),
        ModuleCommand.Fetch fetch => OfSource(fetch.Source, maxUrlLength),
        ModuleCommand.Uninstall uninstall => OfNames(uninstall)
            ?? OfHook(uninstall.Before, "spec.hooks.preUninstall") ?? OfHook(uninstall.After, "spec.hooks.postUninstall"),
        _ => OfNames(command),
    };

    private static CommandProblem? OfSource(ModuleSource source, int maxUrlLength)
    {
        if (Of(FailureReason.InvalidArtifact, ModuleRules.Check(source, "spec.module")) is { } problem) return problem;
        var length = Encoding.UTF8.GetByteCount(source.Url);
        return length <= maxUrlLength
            ? null
            : new(FailureReason.InvalidArtifact, string.Create(
                CultureInfo.InvariantCulture,
                $"spec.module.url has {length} bytes, and the agent of this pod, of an older version, accepts at most {maxUrlLength}: "
                    + $"replace the pod"));
    }

    private static CommandProblem? OfHook(HookCall? hook, string path) =>
        hook is null ? null : Of(FailureReason.HookFailed, ModuleRules.Check(hook.ToHook(), path));

    // Of a biz that an agent lists; longer ones can't have been installed by us.
    private static CommandProblem? OfNames(ModuleCommand command) =>
        FieldLimits.ModuleVersion.IsWithin(command.Name) && FieldLimits.ModuleVersion.IsWithin(command.Version)
            ? null
            : new(FailureReason.InvalidArtifact,
                $"name and version of a module must be at most {FieldLimits.ModuleVersion.MaxLength} bytes");

    private static CommandProblem? Of(FailureReason reason, IReadOnlyList<RuleBreach> breaches) =>
        breaches.Count == 0 ? null : new(reason, string.Join("; ", breaches));
}
