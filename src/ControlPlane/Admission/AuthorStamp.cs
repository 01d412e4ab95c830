using ModuleController.Core.Admission;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Records;

namespace ModuleController.ControlPlane.Admission;

/// <summary>Writes into a ModuleDeployment which user changed it.</summary>
internal sealed class AuthorStamp(TimeProvider time) : IAdmissionHandler
{
    public string Name => "author";

    public bool ReadsCaches => false;

    public ValueTask<AdmissionDecision> DecideAsync(AdmissionRequest request, CancellationToken cancellation)
    {
        if (request.Operation is not (AdmissionOperation.Create or AdmissionOperation.Update) || request.SubResource.Length > 0
            || request.Object is not { } written || (request.ApiVersion, request.Kind)
                != (ModuleDeployment.Kind.ApiVersion, ModuleDeployment.Kind.Kind))
            throw new FormatException($"{request.Operation} of {request.Kind} is not the write of a ModuleDeployment");
        var by = new LastChange { User = request.User.Name, Time = time.GetUtcNow(), Request = request.Uid };
        return ValueTask.FromResult(AdmissionDecision.Change(ChangeStamp.Patch(written, request.OldObject, by)));
    }
}
