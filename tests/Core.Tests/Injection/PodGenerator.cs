using System.Text.Json.Nodes;
using CsCheck;
using ModuleController.Core.Injection;

namespace ModuleController.Core.Tests.Injection;

/// <summary>Pods with and without everything that injection reads, conflicts and invalid annotations included.</summary>
internal static class PodGenerator
{
    private static readonly string[] Texts =
        ["true", "false", "yes", "", "base", "agent", "side", "1238", "70000", "10m", "1Gi", "-1", "http://proxy:3128", "Ungültig"];

    private static readonly string[] Annotations =
    [
        InjectionKeys.BaseContainer, InjectionKeys.ArkletPort, InjectionKeys.AgentImage, InjectionKeys.CpuRequest, InjectionKeys.CpuLimit,
        InjectionKeys.MemoryRequest, InjectionKeys.MemoryLimit, InjectionKeys.ReadinessGate, InjectionKeys.JvmFlags,
        InjectionKeys.ArtifactCa, InjectionKeys.ArtifactCredentials, InjectionKeys.ArtifactProxy, InjectionKeys.Status, "team/own",
    ];

    private static readonly Gen<JsonObject> Mount = OneOf("/tmp", "/data", "/var/lib/modulecontroller", "/var/lib")
        .Select(path => new JsonObject { ["name"] = "data", ["mountPath"] = path });

    private static readonly Gen<JsonObject> Variable = Gen.Select(
        OneOf("A", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "POD_UID", "CONTROLLER_ADDRESS"),
        OneOf("", "-Xmx1g", "-XX:+ExitOnOutOfMemoryError", "-Dkoupleless.arklet.http.port=1301"),
        (name, value) => new JsonObject { ["name"] = name, ["value"] = value });

    private static readonly Gen<JsonObject> Container = Gen.Select(
        OneOf("base", "base", "side", "agent"), OneOf(null, "Always"), Optional(List(Variable, 3)), Optional(List(Mount, 2)),
        (name, restart, env, mounts) => Without(new()
        {
            ["name"] = name,
            ["restartPolicy"] = restart,
            ["env"] = env,
            ["volumeMounts"] = mounts,
            ["unknown"] = 1,
        }));

    private static readonly Gen<JsonObject> Volume = OneOf("data", "data", "cache", "agent-modules", "agent-token")
        .Select(name => new JsonObject { ["name"] = name, ["emptyDir"] = new JsonObject() });

    private static readonly Gen<JsonObject> Gate = OneOf("koupleless.io/modules-ready", "other")
        .Select(type => new JsonObject { ["conditionType"] = type });

    private static readonly Gen<JsonNode?> PodSpec = Gen.Select(
        Optional(List(Container, 3)), Optional(List(Container, 2)), Optional(List(Volume, 2)), Optional(List(Gate, 2)), Gen.Bool,
        Gen.Int[-1, 1], (containers, init, volumes, gates, isHostNetwork, user) => (JsonNode?)Without(new()
        {
            ["containers"] = containers,
            ["initContainers"] = init,
            ["volumes"] = volumes,
            ["readinessGates"] = gates,
            ["hostNetwork"] = isHostNetwork,
            ["securityContext"] = user < 0 ? null : new JsonObject { ["runAsUser"] = user },
        }));

    private static readonly Gen<JsonNode?> Metadata = Gen.Select(
        Gen.Select(OneOf(Annotations), OneOf(Texts)).Array[0, 4], OneOf("ReplicaSet", "ReplicaSet", "Job", null),
        (annotations, owner) => (JsonNode?)Without(new()
        {
            ["annotations"] = annotations.Length == 0 ? null : new JsonObject(annotations.DistinctBy(item => item.Item1)
                .Select(item => KeyValuePair.Create(item.Item1!, (JsonNode?)item.Item2))),
            ["ownerReferences"] = owner is null ? null : new JsonArray(
                new JsonObject { ["apiVersion"] = "apps/v1", ["kind"] = owner, ["name"] = "x", ["controller"] = true }),
        }));

    /// <summary>As text, since a sample that fails is generated again and shrunk.</summary>
    public static Gen<string> Pods { get; } = Gen.Select(
        Metadata, PodSpec, (metadata, spec) => new JsonObject { ["metadata"] = metadata, ["spec"] = spec }.ToJsonString());

    /// <summary>Pods in which one value has another type, as in a file that somebody wrote.</summary>
    public static Gen<string> Malformed { get; } = Gen.Select(
        Pods, Gen.Int[0, 999], OneOf("null", "1", "true", "\"text\"", "[]", "{}", "[1]", "[null]", "{\"a\":null}"), (pod, which, value) =>
        {
            var document = JsonNode.Parse(pod)!;
            var places = Places(document).ToList();
            if (places.Count > 0) places[which % places.Count](JsonNode.Parse(value!));
            return document.ToJsonString();
        });

    private static IEnumerable<Action<JsonNode?>> Places(JsonNode? node) => node switch
    {
        JsonObject map => map.ToList().SelectMany(pair => Places(pair.Value).Prepend(value => map[pair.Key] = value)),
        JsonArray list => Enumerable.Range(0, list.Count).SelectMany(index => Places(list[index]).Prepend(value => list[index] = value)),
        _ => [],
    };

    private static Gen<string?> OneOf(params string?[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);

    private static Gen<JsonNode?> List(Gen<JsonObject> item, int most) =>
        item.Array[0, most].Select(items => (JsonNode?)new JsonArray([.. items.Select(one => one.DeepClone())]));

    private static Gen<JsonNode?> Optional(Gen<JsonNode?> value) =>
        Gen.Select(Gen.Int[0, 3], value, (chance, node) => chance == 0 ? null : node);

    private static JsonObject Without(JsonObject map) =>
        new(map.Where(pair => pair.Value is not null).Select(pair => KeyValuePair.Create(pair.Key, pair.Value?.DeepClone())).ToList());
}
