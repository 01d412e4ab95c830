using System.Text.Json.Nodes;

namespace ModuleController.Core.Injection;

/// <summary>Whether what injection reads and extends has the JSON types of a pod. An API server guarantees it, a file does not.</summary>
internal static class PodShape
{
    private static readonly string[] ContainerLists = ["containers", "initContainers", "ephemeralContainers"];

    /// <summary>The first field of a wrong type; null: none.</summary>
    public static string? FindProblem(JsonObject pod) =>
        ObjectProblem(pod, "metadata") ?? ObjectProblem(pod, "spec")
        ?? (pod.Child("metadata") is { } metadata ? MetadataProblem(metadata) : null)
        ?? (pod.Child("spec") is { } spec ? SpecProblem(spec) : "spec is missing");

    private static string? MetadataProblem(JsonObject metadata) =>
        StringsProblem(metadata, "annotations") ?? ListProblem(metadata, "ownerReferences");

    private static string? SpecProblem(JsonObject spec) =>
        ObjectProblem(spec, "securityContext") ?? ListProblem(spec, "volumes") ?? ListProblem(spec, "readinessGates")
        ?? ContainerLists.Select(list => ListProblem(spec, list)).FirstOrDefault(problem => problem is not null)
        ?? ContainerLists.SelectMany(spec.Items).Select(ContainerProblem).FirstOrDefault(problem => problem is not null);

    private static string? ContainerProblem(JsonObject container) =>
        ListProblem(container, "env") ?? ListProblem(container, "envFrom") ?? ListProblem(container, "volumeMounts")
        ?? ObjectProblem(container, "securityContext");

    private static string? ObjectProblem(JsonObject parent, string name) =>
        parent[name] is null or JsonObject ? null : $"{name} is not an object";

    private static string? StringsProblem(JsonObject parent, string name) =>
        ObjectProblem(parent, name)
        ?? (parent.Child(name)?.FirstOrDefault(pair => PodJson.TextOf(pair.Value) is null) is { Key: { } key }
            ? $"{name}[{key}] is not a string: write it with quotes" : null);

    private static string? ListProblem(JsonObject parent, string name) =>
        parent[name] is null || (parent[name] is JsonArray list && list.All(item => item is JsonObject))
            ? null : $"{name} is not a list of objects";
}
