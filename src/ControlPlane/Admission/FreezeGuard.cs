using ModuleController.ControlPlane.Access;
using ModuleController.Core.Admission;

namespace ModuleController.ControlPlane.Admission;

/// <summary>Denies a freeze and its end to users who may change the Namespace, but not update its subresource <c>freeze</c>.</summary>
internal sealed class FreezeGuard(UserAccess access) : IAdmissionHandler
{
    public string Name => "freeze";

    public bool ReadsCaches => false;

    public async ValueTask<AdmissionDecision> DecideAsync(AdmissionRequest request, CancellationToken cancellation)
    {
        // The status of a Namespace is written with its annotations.
        if (request is not
            {
                Operation: AdmissionOperation.Create or AdmissionOperation.Update, ApiVersion: "v1", Kind: "Namespace",
                Object: { } written,
            })
            throw new FormatException($"{request.Operation} of {request.Kind} is not the write of a Namespace");
        if (!GuardedChanges.Freezes(written, request.OldObject)) return AdmissionDecision.Allow();
        var what = new ResourceAttributes
        {
            // As in requests for a Namespace, so that a Role in it can grant this.
            Namespace = request.Name,
            Verb = "update",
            Group = "",
            Resource = "namespaces",
            Subresource = "freeze",
            Name = request.Name,
        };
        return await access.MayAsync(request.User, what, cancellation) ? AdmissionDecision.Allow() : VerbGuard.Denial(request.User, what);
    }
}
