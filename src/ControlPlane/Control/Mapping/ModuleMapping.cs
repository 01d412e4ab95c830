using Google.Protobuf.WellKnownTypes;
using ModuleController.ControlPlane.Control.Requests;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using Api = ModuleController.Client.V1;

namespace ModuleController.ControlPlane.Control.Mapping;

/// <summary>A Module as the control API shows it.</summary>
internal static class ModuleMapping
{
    /// <param name="deployment">The name of its ModuleDeployment; null: it is orphaned.</param>
    public static Api.Module ToMessage(Module module, string? deployment)
    {
        var (meta, status) = (module.Metadata, module.Status);
        return new()
        {
            Name = ResourceNames.Of(meta.Namespace, ResourceNames.Modules, meta.Name),
            Uid = meta.Uid ?? "",
            CreateTime = CommonMapping.ToTimestamp(meta.CreationTimestamp),
            DeleteTime = CommonMapping.ToTimestamp(meta.DeletionTimestamp),
            Labels = { meta.Labels.ToDictionary() },
            ModuleDeployment = deployment is null ? "" : ResourceNames.Of(meta.Namespace, ResourceNames.ModuleDeployments, deployment),
            BasePod = module.Spec.PodName is { Length: > 0 } pod ? ResourceNames.Of(meta.Namespace, ResourceNames.BasePods, pod) : "",
            Artifact = CommonMapping.ToMessage(module.Spec.Module),
            State = ToState(status.Status),
            Message = UrlText.In(status.Message ?? ""),
            Attempts = status.Attempts ?? 0,
            LastError = status.LastError is { } error ? ToMessage(error) : null,
            InstallTime = CommonMapping.ToTimestamp(status.InstalledAt),
            InstallDuration = status.InstallSeconds is { } seconds ? Duration.FromTimeSpan(TimeSpan.FromSeconds(seconds)) : null,
            MetaspaceBytes = status.MetaspaceBytes ?? 0,
            LastTransitionTime = CommonMapping.ToTimestamp(status.LastTransitionTime),
            Conditions = { status.Conditions.Select(CommonMapping.ToMessage) },
        };
    }

    private static Api.ModuleError ToMessage(ModuleError error) => new()
    {
        Reason = error.Reason,
        Code = error.Code ?? "",
        Message = UrlText.In(error.Message ?? ""),
        Time = CommonMapping.ToTimestamp(error.Time),
    };

    private static Api.ModuleState ToState(string? phase) => phase switch
    {
        ModulePhase.Pending => Api.ModuleState.Pending,
        ModulePhase.Prepare => Api.ModuleState.Prepare,
        ModulePhase.Upgrading => Api.ModuleState.Upgrading,
        ModulePhase.Completing => Api.ModuleState.Completing,
        ModulePhase.Available => Api.ModuleState.Available,
        ModulePhase.Terminating => Api.ModuleState.Terminating,
        ModulePhase.Failed => Api.ModuleState.Failed,
        _ => Api.ModuleState.Unspecified,
    };
}
