using Grpc.Core;
using ModuleController.ControlPlane.Control.Mapping;
using ModuleController.ControlPlane.Control.Requests;
using ModuleController.Core.Modules;
using ModuleController.Kube.Caches;
using Api = ModuleController.Client.V1;

namespace ModuleController.ControlPlane.Control;

/// <summary>Module deployments, from the cache.</summary>
internal sealed class ModuleDeploymentService(ILister<ModuleDeployment> deployments, ReadAccess access)
    : Api.ModuleDeploymentService.ModuleDeploymentServiceBase
{
    public override async Task<Api.ModuleDeployment> GetModuleDeployment(
        Api.GetModuleDeploymentRequest request, ServerCallContext context)
    {
        if (ResourceNames.Parse(request.Name, ResourceNames.ModuleDeployments) is not { } key)
            throw Refusal.Invalid("name", $"must be {ResourceNames.Of("NAMESPACE", ResourceNames.ModuleDeployments, "NAME")}");
        await access.DemandAsync(new("get", ModuleDeployment.Kind, key.Namespace, key.Name), context);
        return deployments.Get(key) is { } found
            ? ModuleDeploymentMapping.ToMessage(found)
            : throw Refusal.Of(StatusCode.NotFound, $"{ModuleDeployment.Kind} \"{key.Name}\" not found in namespace \"{key.Namespace}\"");
    }

    public override async Task<Api.ListModuleDeploymentsResponse> ListModuleDeployments(
        Api.ListModuleDeploymentsRequest request, ServerCallContext context)
    {
        var query = ListQuery.Parse(
            ModuleDeployment.Kind, new(request.Parent, request.PageSize, request.PageToken, request.LabelSelector, request.OrderBy));
        var all = deployments.List();
        var isPermitted = await access.ListableAsync(
            ModuleDeployment.Kind, query.Namespace, () => all.Select(item => item.Metadata.Namespace ?? "").Distinct(), context);
        var (page, next) = query.Of(all, isPermitted, ModuleDeploymentMapping.ToMessage);
        return new() { ModuleDeployments = { page }, NextPageToken = next };
    }
}
