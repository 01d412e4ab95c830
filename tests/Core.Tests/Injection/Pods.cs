using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Injection;

namespace ModuleController.Core.Tests.Injection;

/// <summary>Pods of a ReplicaSet, as an API server passes them to a webhook.</summary>
internal static class Pods
{
    public static InjectionOptions Options { get; } = new();

    public static JsonObject Base(Action<JsonObject>? change = null, params (string Name, string Value)[] annotations)
    {
        var pod = Parse("""
            {
              "apiVersion": "v1", "kind": "Pod",
              "metadata": {
                "generateName": "base-5d9c7b-", "labels": { "app": "base", "koupleless.io/inject": "true" }, "annotations": {},
                "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "base-5d9c7b", "controller": true }]
              },
              "spec": { "containers": [{ "name": "base", "image": "your.example/base:1" }, { "name": "proxy", "image": "proxy:1" }] }
            }
            """);
        foreach (var (name, value) in annotations) pod["metadata"]!["annotations"]![name] = value;
        change?.Invoke(pod["spec"]!.AsObject());
        return pod;
    }

    public static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    public static InjectionResult Inject(JsonObject pod, ReplicaSet? replicaSet = null) =>
        PodInjector.InjectPod(pod, Options, _ => replicaSet);

    public static JsonObject Injected(JsonObject pod)
    {
        var result = Inject(pod);
        Assert.Empty(result.Problems);
        Assert.True(result.IsInjected);
        return result.Pod;
    }

    public static JsonObject Agent(JsonObject pod) =>
        pod["spec"]!["initContainers"]!.AsArray().Single(container => (string?)container!["name"] == "agent")!.AsObject();

    public static string? Variable(JsonObject container, string name) =>
        (string?)container["env"]?.AsArray().SingleOrDefault(variable => (string?)variable!["name"] == name)?["value"];

    public static string? Status(JsonObject pod) => (string?)pod["metadata"]?["annotations"]?["koupleless.io/injection-status"];

    public static bool HasGate(JsonObject pod) => pod["spec"]!["readinessGates"] is JsonArray gates
        && gates.Any(gate => (string?)gate!["conditionType"] == "koupleless.io/modules-ready");

    /// <summary>The pod has no agent, its annotation says why, and apart from that and the gate nothing changed.</summary>
    public static void AssertNotInjected(JsonObject pod, string problem, bool hasGate = true, ReplicaSet? replicaSet = null)
    {
        var result = Inject(pod, replicaSet);

        Assert.False(result.IsInjected);
        Assert.Equal([problem], result.Problems);
        Assert.Equal($"not injected: {problem}", Status(result.Pod));
        Assert.Equal(hasGate, HasGate(result.Pod));
        Assert.Equal(
            hasGate ? ["/metadata/annotations/koupleless.io~1injection-status", "/spec/readinessGates"]
                : ["/metadata/annotations/koupleless.io~1injection-status"],
            JsonDifference.Between(pod, result.Pod).Select(change => (string?)change!["path"]));
        Assert.Same(result.Pod, Inject(result.Pod, replicaSet).Pod);
    }
}
