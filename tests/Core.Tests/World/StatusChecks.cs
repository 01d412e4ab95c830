using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using static ModuleController.Core.Tests.World.Promise;

namespace ModuleController.Core.Tests.World;

/// <summary>What must hold for every status of a ModuleDeployment.</summary>
internal static class StatusChecks
{
    public static void Status(ReleaseView before, ModuleDeploymentStatus status)
    {
        True(status.AvailableReplicas == before.Available, before, $"{status.AvailableReplicas} available, {before.Available} are");
        True(status.UpdatedAvailableReplicas == before.UpdatedAvailable, before, $"{status.UpdatedAvailableReplicas} updated available");
        True(status.ObservedGeneration == before.Deployment.Metadata.Generation, before, "another generation was observed");
        var progressing = status.Conditions.Find(DeploymentConditions.Progressing)!;
        True(progressing.Status != Condition.True || progressing.Reason != Reasons.ReleaseCompleted
            || status.ReleaseStatus!.Progress == ReleaseProgress.Completed, before, "said to have completed");
    }

    /// <summary>Current, in progress or failed: exactly one of them, at all times.</summary>
    public static void Readiness(ReleaseView before, ModuleDeploymentStatus status)
    {
        var (isReady, isReconciling, isStalled) = (status.Conditions.IsTrue(DeploymentConditions.Ready),
            status.Conditions.IsTrue(DeploymentConditions.Reconciling), status.Conditions.IsTrue(DeploymentConditions.Stalled));
        var text = string.Join(", ",
            status.Conditions.Select(condition => $"{condition.Type}={condition.Status} {condition.Reason}: {condition.Message}"));
        True(new[] { isReady, isReconciling, isStalled }.Count(isTrue => isTrue) == 1, before, text);
        True(status.Conditions.Find(DeploymentConditions.Ready) is not null, before, $"not said whether it is ready: {text}");
        True(status.Conditions.Count(condition => condition.Type is DeploymentConditions.Reconciling
            or DeploymentConditions.Stalled) == (isReady ? 0 : 1),
            before, $"there although it does not hold: {text}");
        if (isReady)
            True(status.ReleaseStatus?.Progress == ReleaseProgress.Completed
                && before.UpdatedAvailable >= before.Desired, before, $"ready too early: {text}");
        if (!before.Deployment.Metadata.IsDeleting && isStalled != status.ReleaseStatus?.Abort is not null)
            True(isStalled && status.Conditions.Find(DeploymentConditions.Progressing)!.Status == Condition.False, before, text);
    }
}
