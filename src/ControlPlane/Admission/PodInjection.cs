using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Injection;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Admission;

/// <summary>Adds the agent to created pods that request it. What it could not do is in an annotation of the pod.</summary>
/// <param name="findReplicaSet">One that is not observed yet counts as one of a Deployment.</param>
/// <param name="watchNamespace">The one namespace whose modules are reconciled; null: all.</param>
internal sealed class PodInjection(InjectionOptions options, Func<ObjectKey, ReplicaSet?> findReplicaSet, string? watchNamespace = null)
    : IAdmissionHandler
{
    // The selectors of the webhook have checked the labels of the namespace.
    private static readonly Dictionary<string, string> Enabled = new() { [InjectionKeys.NamespaceInjection] = InjectionKeys.Enabled };

    public string Name => "pods";

    public bool ReadsCaches => false;

    public ValueTask<AdmissionDecision> DecideAsync(AdmissionRequest request, CancellationToken cancellation) =>
        ValueTask.FromResult(Decide(request));

    private AdmissionDecision Decide(AdmissionRequest request)
    {
        if (request is not { Operation: AdmissionOperation.Create, ApiVersion: "v1", Kind: "Pod", SubResource: "", Object: { } pod })
            throw new FormatException($"{request.Operation} of {request.Kind} is not the creation of a pod");
        var labels = (pod["metadata"] as JsonObject)?["labels"] as JsonObject;
        var selection = InjectionSelection.Of(labels, request.Namespace, Enabled, options.ControllerNamespace);
        IEnumerable<string> warnings = selection.Problem is { } problem ? [problem] : [];
        if (!selection.IsSelected) return AdmissionDecision.Allow(warnings);
        // Its readiness gate would stay closed.
        if (watchNamespace is not null && watchNamespace != request.Namespace)
            return AdmissionDecision.Allow([.. warnings, $"the pod gets no agent: the controller reconciles namespace {watchNamespace} only"]);
        var result = PodInjector.InjectPod(pod, options, name => findReplicaSet(new(request.Namespace, name)));
        return AdmissionDecision.Change(
            InjectionPatch.Between(pod, result.Pod), warnings.Concat(result.Problems.Select(Warning)));
    }

    private static string Warning(string problem) => $"koupleless.io/injection-status: {problem}";
}
