using System.Globalization;
using ModuleController.Core.BasePods;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>Finds out whether a release has to be given up.</summary>
public static class RolloutAbort
{
    /// <summary>Null: it has not. <paramref name="isLate"/>: no progress within the deadline. What failed until
    /// <paramref name="retriedAt"/> is forgiven.</summary>
    internal static ReleaseAbort? Of(RolloutLook look, DateTimeOffset? retriedAt, bool isSettled, bool isLate)
    {
        if (look.Updated is not { } updated) return null;
        var module = look.Deployment.Spec.Template.Spec.Module;
        if (Quarantine.IsQuarantined(updated, module, retriedAt))
            return Because(look, Reasons.BaseDied, $"{module.Name} {module.Version} has ended two base JVMs and is not installed any more; "
                + "correct the artifact, go back, or retry");
        if (isSettled) return null;
        var failures = look.UserFailures(retriedAt);
        if (failures.Count == 0) return null;
        if (look.Deployment.MaxFailures is > 0 and var limit && failures.Count > limit)
            return Because(look, Reasons.MaxFailuresExceeded, string.Create(CultureInfo.InvariantCulture,
                $"{failures.Count} failed ({ReasonsOf(failures)}), more than maxFailures ({limit})"));
        return isLate && look.Deployment.RollsBackByItself && !look.GoesToLastCompleted
            ? Because(look, Reasons.ProgressDeadlineExceeded, string.Create(CultureInfo.InvariantCulture,
                $"no progress for {look.Deployment.ProgressDeadline.TotalSeconds} s, {failures.Count} failed ({ReasonsOf(failures)})"))
            : null;
    }

    internal static ReleaseAbort Because(RolloutLook look, string reason, string message) =>
        new() { Reason = reason, Message = message, Artifact = look.Deployment.Spec.Template.Spec.Module.ArtifactHash() };

    private static string ReasonsOf(IEnumerable<Module> failed) => string.Join(", ",
        failed.Select(module => module.Status.LastError!.Reason).Distinct().Order(StringComparer.Ordinal));
}
