using ModuleController.ControlPlane.Access;
using ModuleController.Core.Admission;
using ModuleController.Core.Modules;

namespace ModuleController.ControlPlane.Admission;

/// <summary>Denies verbs and confirmations to users who may change the ModuleDeployment, but not update the verb's subresource.</summary>
internal sealed class VerbGuard(UserAccess access) : IAdmissionHandler
{
    public string Name => "verbs";

    public bool ReadsCaches => false;

    public async ValueTask<AdmissionDecision> DecideAsync(AdmissionRequest request, CancellationToken cancellation)
    {
        if (request.Operation is not (AdmissionOperation.Create or AdmissionOperation.Update) || request.SubResource.Length > 0
            || request.Object is not { } written || (request.ApiVersion, request.Kind)
                != (ModuleDeployment.Kind.ApiVersion, ModuleDeployment.Kind.Kind))
            throw new FormatException($"{request.Operation} of {request.Kind} is not the write of a ModuleDeployment");
        foreach (var verb in GuardedChanges.Verbs(written, request.OldObject))
        {
            var what = new ResourceAttributes
            {
                Namespace = request.Namespace,
                Verb = "update",
                Group = ModuleDeployment.Kind.Group,
                Resource = ModuleDeployment.Kind.Plural,
                Subresource = verb,
                Name = request.Name,
            };
            if (!await access.MayAsync(request.User, what, cancellation)) return Denial(request.User, what);
        }

        return AdmissionDecision.Allow();
    }

    /// <summary>In the words of the API server.</summary>
    internal static AdmissionDecision Denial(AdmissionUser user, ResourceAttributes what) => AdmissionDecision.Deny(new(
        StatusCodes.Status403Forbidden, "Forbidden",
        $"User \"{user.Name}\" cannot {what.Verb} resource \"{what.Resource}/{what.Subresource}\" in API group \"{what.Group}\" "
        + $"in the namespace \"{what.Namespace}\""));
}
