using ModuleController.Core.Admission;
using ModuleController.Core.Modules;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Admission;

/// <summary>Denies the deletion of our CustomResourceDefinitions while ModuleDeployments exist.</summary>
/// <remarks>It asks the API server: a cache may not know yet that the last one is gone, or that there is a first one.</remarks>
internal sealed class DefinitionGuard(IKubeClient client) : IAdmissionHandler
{
    // What is not counted is not named either. The API server waits for 5 s.
    private const int MaxCounted = 500;

    public string Name => "definitions";

    public bool ReadsCaches => false;

    public async ValueTask<AdmissionDecision> DecideAsync(AdmissionRequest request, CancellationToken cancellation)
    {
        if (request is not
            {
                Operation: AdmissionOperation.Delete, ApiVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition",
                OldObject: { } definition,
            })
            throw new FormatException($"{request.Operation} of {request.Kind} is not the deletion of a CustomResourceDefinition");
        // A deletion that has begun continues, whatever is answered to another one.
        if ((string?)definition["spec"]?["group"] != ModuleDeployment.Kind.Group || definition["metadata"]?["deletionTimestamp"] is not null)
            return AdmissionDecision.Allow();
        // In the deletion of a collection the request has no name.
        var name = (string?)definition["metadata"]?["name"] ?? request.Name;
        return await RefusalAsync(name, cancellation) is { } refusal
            ? AdmissionDecision.Deny(new(StatusCodes.Status403Forbidden, "Forbidden", refusal)) : AdmissionDecision.Allow();
    }

    private async Task<string?> RefusalAsync(string name, CancellationToken cancellation)
    {
        try
        {
            var page = await client.ListAsync<ModuleDeployment>(new() { Limit = MaxCounted }, cancellation);
            return DefinitionDeletion.Refusal(
                name,
                [.. page.Items.Select(item => item.Metadata.Namespace ?? ""), .. page.Unreadable.Select(item => item.Key.Namespace)],
                page.Continue is not null);
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            return null;   // the kind itself does not exist
        }
    }
}
