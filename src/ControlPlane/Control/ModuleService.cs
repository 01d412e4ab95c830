using Grpc.Core;
using ModuleController.ControlPlane.Control.Mapping;
using ModuleController.ControlPlane.Control.Requests;
using ModuleController.ControlPlane.Observing;
using ModuleController.Core.Modules;
using Api = ModuleController.Client.V1;

namespace ModuleController.ControlPlane.Control;

/// <summary>Modules, from the caches.</summary>
internal sealed class ModuleService(Caches caches, ReadAccess access) : Api.ModuleService.ModuleServiceBase
{
    private readonly ResourceReads<Module, Api.Module> _reads = new(
        caches.Modules, ResourceNames.Modules, module => ModuleMapping.ToMessage(module, OwnerOf(caches, module)), access);

    public override Task<Api.Module> GetModule(Api.GetModuleRequest request, ServerCallContext context) =>
        _reads.GetAsync(request.Name, context);

    public override async Task<Api.ListModulesResponse> ListModules(Api.ListModulesRequest request, ServerCallContext context)
    {
        var (page, next) = await _reads.ListAsync(
            new(request.Parent, request.PageSize, request.PageToken, request.LabelSelector, request.OrderBy), context);
        return new() { Modules = { page }, NextPageToken = next };
    }

    /// <summary>The name of the ModuleDeployment; null: the Module or its ReplicaSet is orphaned.</summary>
    private static string? OwnerOf(Caches caches, Module module) =>
        module.Metadata.Controller is { } owner
        && caches.ModuleReplicaSets.Get(new(module.Metadata.Namespace ?? "", owner.Name)) is { } replicaSet
        && replicaSet.Metadata.Uid == owner.Uid
            ? replicaSet.Metadata.Controller?.Name
            : null;
}
