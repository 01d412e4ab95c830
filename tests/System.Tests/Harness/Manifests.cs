using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.Controllers;
using YamlDotNet.Serialization;

namespace ModuleController.SystemTests.Harness;

/// <summary>A base Deployment as JSON, since our types leave out what only a kubelet reads.</summary>
internal static class BaseManifest
{
    public static ClusterDeployment Of(
        string ns, string name, int replicas, IReadOnlyDictionary<string, string> labels, Uri controller, string? node,
        Action<JsonObject>? change = null)
    {
        var template = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["labels"] = new JsonObject(labels.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)))
            },
            ["spec"] = new JsonObject
            {
                ["terminationGracePeriodSeconds"] = 1,
                ["nodeSelector"] = node is null ? null : new JsonObject { ["modulecontroller-test"] = node },
                ["initContainers"] = new JsonArray(new JsonObject
                {
                    ["name"] = "agent",
                    ["image"] = SimulatedImages.Agent,
                    ["restartPolicy"] = "Always",
                    ["env"] = new JsonArray(
                        Env("CONTROLLER_ADDRESS", controller.GetLeftPart(UriPartial.Authority)),
                        Field("POD_NAMESPACE", "metadata.namespace"),
                        Field("POD_NAME", "metadata.name"), Field("POD_UID", "metadata.uid"), Field("ARKLET_HOST", "status.podIP"),
                        Env("ARKLET_PORT", "1238"), Env("STATE_DIR", "/var/lib/modulecontroller"), Env("HEALTH_INTERVAL", "500ms")),
                    ["volumeMounts"] = Mounts(),
                }),
                ["containers"] = new JsonArray(new JsonObject
                {
                    ["name"] = "base",
                    ["image"] = SimulatedImages.Base,
                    ["readinessProbe"] = new JsonObject
                    {
                        ["httpGet"] = new JsonObject { ["port"] = 8080, ["path"] = "/actuator/health/readiness" },
                        ["periodSeconds"] = 1,
                        // Ready is what it is for; that a busy machine answers late is no news.
                        ["timeoutSeconds"] = 30,
                    },
                    ["volumeMounts"] = Mounts(),
                }),
                ["volumes"] = new JsonArray(new JsonObject { ["name"] = "state", ["emptyDir"] = new JsonObject() }),
            },
        };
        change?.Invoke(template);
        return new()
        {
            Metadata = new() { Name = name, Namespace = ns },
            Spec = new()
            {
                Replicas = replicas,
                Selector = new() { MatchLabels = new Dictionary<string, string> { ["app"] = name } },
                Template = JsonSerializer.SerializeToElement(template),
            },
        };
    }

    private static JsonArray Mounts() =>
        new(new JsonObject { ["name"] = "state", ["mountPath"] = "/var/lib/modulecontroller" });

    private static JsonObject Env(string name, string value) => new() { ["name"] = name, ["value"] = value };

    private static JsonObject Field(string name, string path) => new()
    {
        ["name"] = name,
        ["valueFrom"] = new JsonObject { ["fieldRef"] = new JsonObject { ["fieldPath"] = path } },
    };
}

/// <summary>What the repository has as YAML.</summary>
internal static class Manifests
{
    public static string Root { get; } = FindRoot();

    public static async Task ApplyCrdsAsync(ApiServerHost server, string folder, CancellationToken cancellation)
    {
        using var http = server.CreateClient();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Root, folder), "module*.yaml"))
        {
            using var response = await http.PostAsJsonAsync(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", Read(await File.ReadAllTextAsync(file, cancellation)),
                cancellation);
            Assert.True(response.IsSuccessStatusCode, $"{file}: {await response.Content.ReadAsStringAsync(cancellation)}");
        }
    }

    public static JsonObject Read(string yaml)
    {
        var tree = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build().Deserialize<object>(yaml);
        return Convert(tree)!.AsObject();
    }

    private static JsonNode? Convert(object? value) => value switch
    {
        null => null,
        IDictionary<object, object> map => new JsonObject(map.Select(pair => KeyValuePair.Create((string)pair.Key, Convert(pair.Value)))),
        IList<object> list => new JsonArray([.. list.Select(Convert)]),
        _ => JsonSerializer.SerializeToNode(value),
    };

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "ModuleController.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("run the tests inside the repository");
        return folder;
    }
}
