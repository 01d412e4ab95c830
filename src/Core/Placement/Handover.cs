using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Placement;

/// <summary>A release that installs each new Module on another pod than the one it replaces, and the pods that it lacks.</summary>
/// <param name="PodLimit">At most this many surge pods are added for it: one for each new Module on a pod, and one for each surplus
/// Module.</param>
/// <param name="Unplaced">New Modules for which there is no pod.</param>
/// <param name="Starting">Pods that may take a new Module when they are up.</param>
/// <param name="HasStarted">A new Module was placed in this plan.</param>
internal sealed record Handover(int PodLimit, int Unplaced, int Starting, bool HasStarted)
{
    /// <summary>There are two revisions, and the new one is installed on other pods.</summary>
    public static bool IsInProgress(GroupPlan plan) =>
        IsRequired(plan.Deployment) && plan.Sets.Count(set => set.Set.Goal > 0 || set.Live.Count > 0) > 1;

    /// <summary>Pods that may take this module when they are up.</summary>
    public static int StartingPods(GroupPlan plan) => plan.Loads.Pods.Values.Count(pod =>
        pod.IsStarting && plan.Loads.HasRoom(pod, plan.ModuleName) && !plan.Loads.Has(pod.Uid, plan.ModuleName));

    /// <summary>The reason and message of a new Module without a pod that will find one: an old version leaves its pod, or will when its
    /// successor is available, or the base gets another pod. Null: it would wait for ever.</summary>
    public static (string Reason, string Message)? AwaitingPlace(GroupPlan plan, bool hasStarted)
    {
        if (!IsRequired(plan.Deployment) || plan.Group.Sets.Count(set => set.Goal > 0 || set.Modules.Count > 0) < 2) return null;
        var isComing = hasStarted || plan.HasBlockedPods || plan.Sets.Any(set => set.Replaced.Count > 0) || StartingPods(plan) > 0
            || (plan.State.Base is { IsRefusedPods: false } found && found.Replicas > plan.State.Pods.Count);
        return isComing
            ? (Reasons.AwaitingPlace, "waits for a base pod: one that another version leaves, or one that is starting")
            : null;
    }

    private static bool IsRequired(ModuleDeployment deployment) =>
        UpgradePolicies.Effective(deployment) == UpgradePolicy.ScaleUpThenScaleDown
        && deployment.Status.ReleaseStatus?.Progress != ReleaseProgress.Aborted;
}
