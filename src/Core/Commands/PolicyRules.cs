using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Commands;

/// <summary>Checks artifacts of specs against the artifact policy of their namespace. Sizes are known to agents only.</summary>
public static class PolicyRules
{
    /// <param name="policy">Of the namespace.</param>
    /// <param name="source">A url that breaks the rules of its field is not checked: that is reported already.</param>
    /// <param name="path">The prefix of the field names in the result.</param>
    public static IReadOnlyList<RuleBreach> Check(ArtifactPolicy policy, ModuleSource source, string path)
    {
        List<RuleBreach> breaches = [];
        if (Uri.TryCreate(source.Url, UriKind.Absolute, out _) && policy.FindUrlProblem(source.Url) is { } problem)
            breaches.Add(new($"{path}.url", problem));
        if (policy.RequiresSha256 && string.IsNullOrEmpty(source.Sha256))
            breaches.Add(new($"{path}.sha256", "is required by the artifact policy"));
        return breaches;
    }

    public static bool IsAllowed(ArtifactPolicy policy, ModuleSource source) => Check(policy, source, "").Count == 0;

    /// <summary>Why a command is not sent; null: the policy allows it. A replay may be sent although its url is not allowed: the agent uses
    /// the jar that the Module was installed from, and downloads no other.</summary>
    /// <param name="command">Any command.</param>
    /// <param name="isEnforced">The agent enforces policies.</param>
    public static CommandProblem? FindProblem(ModuleCommand command, bool isEnforced)
    {
        if (command.Policy.IsNone || SourceOf(command) is not { } source) return null;
        var isReplay = command is ModuleCommand.Install { IsReplay: true };
        if (isReplay && isEnforced) return null;
        if (Check(command.Policy, source, "spec.module") is { Count: > 0 } breaches)
            return new(FailureReason.ArtifactNotAllowed, string.Join("; ", breaches));
        return isReplay || isEnforced
            ? null
            : new(FailureReason.ArtifactNotAllowed,
                "the agent of this pod, of an older version, does not enforce the artifact policy: replace the pod");
    }

    private static ModuleSource? SourceOf(ModuleCommand command) => command switch
    {
        ModuleCommand.Install install => install.Source,
        ModuleCommand.Inspect inspect => inspect.Source,
        ModuleCommand.Fetch fetch => fetch.Source,
        _ => null,
    };
}
