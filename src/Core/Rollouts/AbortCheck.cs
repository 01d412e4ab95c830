using System.Globalization;
using ModuleController.Core.BasePods;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using static ModuleController.Core.Rollouts.StatusText;

namespace ModuleController.Core.Rollouts;

/// <summary>Finds out whether a release has to be aborted.</summary>
internal static class AbortCheck
{
    /// <summary>Null: it has not. Failures until <paramref name="retriedAt"/> do not count.</summary>
    public static ReleaseAbort? Of(Context context, DateTimeOffset? retriedAt, bool hadCompleted, bool isNew)
    {
        if (context.Updated is not { } updated) return null;
        var module = context.Module;
        if (Quarantine.IsQuarantined(updated, module, retriedAt))
            return Because(context, Reasons.BaseDied, $"{module.Name} {module.Version} has ended two base JVMs and is not installed any "
                + "more; correct the artifact, undo, or retry");
        if (hadCompleted) return null;
        var failures = context.UserFailures(retriedAt);
        if (failures.Count == 0) return null;
        if (context.Deployment.MaxFailures is > 0 and var limit && failures.Count > limit)
            return Because(context, Reasons.MaxFailuresExceeded, string.Create(CultureInfo.InvariantCulture,
                $"{failures.Count} failed ({ReasonsOf(failures)}), more than maxFailures ({limit})"));
        return !isNew && IsLate(context) && context.Deployment.RollsBackByItself && !context.IsLastCompleted
            ? Because(context, Reasons.ProgressDeadlineExceeded, string.Create(CultureInfo.InvariantCulture,
                $"no progress for {context.Deployment.ProgressDeadline.TotalSeconds} s, {failures.Count} failed ({ReasonsOf(failures)})"))
            : null;
    }

    public static ReleaseAbort Because(Context context, string reason, string message) =>
        new() { Reason = reason, Message = message, Artifact = context.Module.ArtifactHash() };

    private static bool IsLate(Context context) => !context.HasProgressed && !context.WasWaiting
        && context.Previous?.LastProgressTime is { } last && context.Now - last >= context.Deployment.ProgressDeadline;
}
