using ModuleController.ControlPlane.Control.Requests;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using Api = ModuleController.Client.V1;

namespace ModuleController.ControlPlane.Control.Mapping;

/// <summary>A ModuleDeployment as the control API shows it.</summary>
internal static class ModuleDeploymentMapping
{
    public static Api.ModuleDeployment ToMessage(ModuleDeployment deployment)
    {
        var (meta, status) = (deployment.Metadata, deployment.Status);
        return new()
        {
            Name = ResourceNames.Of(meta.Namespace, ResourceNames.ModuleDeployments, meta.Name),
            Uid = meta.Uid ?? "",
            Generation = meta.Generation,
            ObservedGeneration = status.ObservedGeneration ?? 0,
            CreateTime = CommonMapping.ToTimestamp(meta.CreationTimestamp),
            DeleteTime = CommonMapping.ToTimestamp(meta.DeletionTimestamp),
            Labels = { meta.Labels.ToDictionary() },
            Base = ResourceNames.Of(meta.Namespace, ResourceNames.Bases, deployment.Spec.BaseDeploymentName),
            Artifact = CommonMapping.ToMessage(deployment.Spec.Template.Spec.Module),
            EveryBasePod = deployment.IsSymmetric,
            Paused = deployment.IsPaused,
            UpgradePolicy = ToMessage(UpgradePolicies.Parse(status.ReleaseStatus?.UpgradePolicy)),
            Modules = Counts(deployment),
            Release = status.ReleaseStatus is { } release ? ToMessage(release) : null,
            Conditions = { status.Conditions.Select(CommonMapping.ToMessage) },
        };
    }

    private static Api.ModuleCounts Counts(ModuleDeployment deployment)
    {
        var status = deployment.Status;
        return new()
        {
            // One on every base pod: that many were counted.
            Desired = DesiredReplicas.Of(
                deployment, basePods: (status.AvailableReplicas ?? 0) + (status.UnavailableReplicas ?? 0)).Desired,
            Current = status.Replicas ?? 0,
            Ready = status.ReadyReplicas ?? 0,
            Available = status.AvailableReplicas ?? 0,
            Unavailable = status.UnavailableReplicas ?? 0,
            Updated = status.UpdatedReplicas ?? 0,
            UpdatedReady = status.UpdatedReadyReplicas ?? 0,
            UpdatedAvailable = status.UpdatedAvailableReplicas ?? 0,
            StaleArtifact = status.StaleArtifactReplicas ?? 0,
        };
    }

    private static Api.Release ToMessage(ReleaseStatus release) => new()
    {
        Revision = release.UpdateRevision ?? "",
        State = release.Progress switch
        {
            ReleaseProgress.Init => Api.ReleaseState.Init,
            ReleaseProgress.WaitingForConfirmation => Api.ReleaseState.WaitingForConfirmation,
            ReleaseProgress.Executing => Api.ReleaseState.Executing,
            ReleaseProgress.Paused => Api.ReleaseState.Paused,
            ReleaseProgress.Completed => Api.ReleaseState.Completed,
            ReleaseProgress.Aborted => Api.ReleaseState.Aborted,
            ReleaseProgress.Terminating => Api.ReleaseState.Terminating,
            _ => Api.ReleaseState.Unspecified,
        },
        Batch = release.CurrentBatch ?? 0,
        BatchCount = release.RealBatchCount ?? 0,
        Promoted = release.Promoted ?? false,
        Abort = release.Abort is { } abort ? new() { Reason = abort.Reason, Message = UrlText.In(abort.Message) } : null,
        LastTransitionTime = CommonMapping.ToTimestamp(release.LastTransitionTime),
        LastProgressTime = CommonMapping.ToTimestamp(release.LastProgressTime),
    };

    private static Api.UpgradePolicy ToMessage(UpgradePolicy? policy) => policy switch
    {
        UpgradePolicy.InstallThenUninstall => Api.UpgradePolicy.InstallThenUninstall,
        UpgradePolicy.UninstallThenInstall => Api.UpgradePolicy.UninstallThenInstall,
        UpgradePolicy.ScaleUpThenScaleDown => Api.UpgradePolicy.ScaleupThenScaledown,
        _ => Api.UpgradePolicy.Unspecified,
    };
}
