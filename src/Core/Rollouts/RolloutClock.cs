using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>The progress deadline's clock. It stands while the release waits for somebody, or for a place.</summary>
internal static class RolloutClock
{
    /// <summary>One more that is updated or available, or one old one less.</summary>
    public static bool HasMoved(RolloutLook look)
    {
        var (status, counts) = (look.Deployment.Status, look.Counts);
        return counts.Updated > (status.UpdatedReplicas ?? 0) || counts.UpdatedAvailable > (status.UpdatedAvailableReplicas ?? 0)
            || counts.Old < (status.CurrentReplicas ?? 0);
    }

    public static bool WasWaiting(RolloutLook look) =>
        look.Deployment.Status.Conditions.Find(DeploymentConditions.Progressing)?.Status == Condition.Unknown;

    public static bool IsLate(RolloutLook look, bool isNew) =>
        !isNew && !HasMoved(look) && !WasWaiting(look) && look.Before?.LastProgressTime is { } last
        && look.Now - last >= look.Deployment.ProgressDeadline;
}
