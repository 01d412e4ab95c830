using System.Text.Json.Nodes;
using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Injection;

/// <summary>Adds the agent to a pod that requests it. The rest of the pod stays as it is, fields that we do not know included.</summary>
/// <remarks>
/// A second pass over the result changes nothing: a pod that has an agent stays as it is. Otherwise the pod gets the agent with all that it
/// needs, or nothing of it and an annotation that says why. A pod of a base without its agent still gets the readiness gate, so that a
/// rolling update of the base halts and does not replace pods that serve modules.
/// </remarks>
public static class PodInjector
{
    /// <summary>The injection into a created pod: only pods of a Deployment's ReplicaSet are pods of a base.</summary>
    /// <param name="findReplicaSet">The ReplicaSet of this name, in the namespace of the pod; null: it is not known yet.</param>
    public static InjectionResult InjectPod(JsonObject pod, InjectionOptions options, Func<string, ReplicaSet?>? findReplicaSet = null)
    {
        if (PodShape.FindProblem(pod) is { } problem) return new(pod, false, [problem]);
        return InjectionObstacles.OfOwner(pod, findReplicaSet) is { } obstacle
            ? WithStatus(pod, pod.DeepClone().AsObject(), false, [obstacle])
            : InjectTemplate(pod, options);
    }

    /// <summary>The injection into a pod template of a Deployment, or into a pod that is known to be a base pod.</summary>
    public static InjectionResult InjectTemplate(JsonObject pod, InjectionOptions options)
    {
        if (PodShape.FindProblem(pod) is { } problem) return new(pod, false, [problem]);
        if (HasAgent(pod)) return new(pod, true, []);

        var changed = pod.DeepClone().AsObject();
        var spec = changed.Child("spec")!;
        var (request, problems) = AgentRequest.Read(changed.Child("metadata")?.Child("annotations"), options);
        var container = FindBaseContainer(spec, request);
        var obstacles = problems.Concat(container is null ? [Missing(request)] : InjectionObstacles.Conflicts(spec, container)).ToList();
        if (request.HasGate) AddGate(spec);
        if (obstacles.Count > 0) return WithStatus(pod, changed, false, obstacles);

        List<string> warnings = [.. InjectionObstacles.Warnings(spec, container!, request)];
        if (request.AppendsJvmFlags && JvmFlags.Append(container!, request.ArkletPort) is { } notAppended) warnings.Add(notAppended);
        container!.Append("volumeMounts", AgentContainer.ReadOnly(AgentPaths.StateVolume, AgentPaths.State));
        spec.Append("initContainers", AgentContainer.Of(spec, request, options));
        spec.Append("volumes", AgentVolumes.Of(request, options));
        return WithStatus(pod, changed, true, warnings);
    }

    /// <summary>From an earlier pass or written by hand, and also if another webhook added containers after it.</summary>
    private static bool HasAgent(JsonObject pod) => pod.Child("spec")!.Items("initContainers").Any(container =>
        container.Text("name") == AgentPaths.Container && container.Text("restartPolicy") == "Always"
        && AgentContainer.RequiredVariables.All(container.Items("env").HasName));

    private static JsonObject? FindBaseContainer(JsonObject spec, AgentRequest request) =>
        spec.Items("containers").FirstOrDefault(item => request.BaseContainer is not { } name || item.Text("name") == name);

    private static string Missing(AgentRequest request) => request.BaseContainer is { } name
        ? $"annotation {InjectionKeys.BaseContainer} must name a container of spec.containers, not "
            + $"\"{OperatorText.Within(OperatorText.MaxName, name)}\""
        : "spec.containers is empty";

    private static void AddGate(JsonObject spec)
    {
        if (spec.Items("readinessGates").Any(gate => gate.Text("conditionType") == ModulesGate.ConditionType)) return;
        spec.Append("readinessGates", new JsonObject { ["conditionType"] = ModulesGate.ConditionType });
    }

    private static InjectionResult WithStatus(JsonObject before, JsonObject changed, bool isInjected, IReadOnlyList<string> problems)
    {
        var result = new InjectionResult(changed, isInjected, problems);
        changed.GetOrAddObject("metadata").GetOrAddObject("annotations")[InjectionKeys.Status] = result.Status;
        return InjectionPatch.Between(before, changed).Count == 0 ? result with { Pod = before } : result;
    }
}
