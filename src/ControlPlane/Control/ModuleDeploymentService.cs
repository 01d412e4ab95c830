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
    private readonly ResourceReads<ModuleDeployment, Api.ModuleDeployment> _reads =
        new(deployments, ResourceNames.ModuleDeployments, ModuleDeploymentMapping.ToMessage, access);

    public override Task<Api.ModuleDeployment> GetModuleDeployment(
        Api.GetModuleDeploymentRequest request, ServerCallContext context) => _reads.GetAsync(request.Name, context);

    public override async Task<Api.ListModuleDeploymentsResponse> ListModuleDeployments(
        Api.ListModuleDeploymentsRequest request, ServerCallContext context)
    {
        var (page, next) = await _reads.ListAsync(
            new(request.Parent, request.PageSize, request.PageToken, request.LabelSelector, request.OrderBy), context);
        return new() { ModuleDeployments = { page }, NextPageToken = next };
    }
}
