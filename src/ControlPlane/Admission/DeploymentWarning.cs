using ModuleController.Core.Injection;

namespace ModuleController.ControlPlane.Admission;

/// <summary>Warns about a label that requests the agent and is on a Deployment instead of its pod template.</summary>
internal sealed class DeploymentWarning : IAdmissionHandler
{
    public string Name => "deployments";

    public bool ReadsCaches => false;

    public ValueTask<AdmissionDecision> DecideAsync(AdmissionRequest request, CancellationToken cancellation)
    {
        if (request is not { ApiVersion: "apps/v1", Kind: "Deployment", Object: { } deployment })
            throw new FormatException($"{request.Operation} of {request.Kind} is not the write of a Deployment");
        var name = request.Name.Length > 0 ? request.Name : null;
        return ValueTask.FromResult(MisplacedLabel.Find(deployment, request.Namespace, name) is { } problem
            ? AdmissionDecision.Allow(problem) : AdmissionDecision.Allow());
    }
}
