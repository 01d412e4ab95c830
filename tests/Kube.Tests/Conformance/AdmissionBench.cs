using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>A namespace, a server of webhooks, and configurations of them that concern only this namespace.</summary>
internal sealed class AdmissionBench : IAsyncDisposable
{
    public const string Group = "/apis/admissionregistration.k8s.io/v1";

    private readonly ConformanceCluster _cluster;
    private readonly List<string> _paths = [];
    private int _markers;

    private AdmissionBench(ConformanceCluster cluster, WebhookServer server) => (_cluster, Server) = (cluster, server);

    public WebhookServer Server { get; }

    public string Namespace { get; private init; } = "";

    public string Home => $"/api/v1/namespaces/{Namespace}";

    public string ConfigMaps => $"{Home}/configmaps";

    /// <summary>The paths that were called, in order.</summary>
    public IEnumerable<string> Paths =>
        Server.Calls.Select(call => call.Path).Where(path => !path.StartsWith("/ready", StringComparison.Ordinal));

    public static async Task<AdmissionBench> StartAsync(ConformanceCluster cluster, IPAddress? address = null)
    {
        var name = $"admission-{Guid.NewGuid().ToString()[..8]}";
        var server = await WebhookServer.StartAsync(address, $"hook.{name}.svc");
        await cluster.CreateAsync("/api/v1/namespaces", new JsonObject { ["metadata"] = new JsonObject { ["name"] = name } });
        return new(cluster, server) { Namespace = name };
    }

    /// <summary>A webhook on all writes of ConfigMaps of the namespace. Fields of <paramref name="change"/> replace its own.</summary>
    public JsonObject Webhook(string path, string change = "{}", Func<JsonNode, JsonObject>? answer = null)
    {
        if (answer is not null) Server.Answer(path, request => Task.FromResult<object>(answer(request)));
        var webhook = JsonNode.Parse($$$"""
            {"name": "{{{path.Trim('/')}}}.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 10,
             "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["*"]}],
             "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "{{{Namespace}}}"}},
             "clientConfig": {"url": "https://127.0.0.1:{{{Server.Port}}}{{{path}}}", "caBundle": "{{{Server.Bundle}}}"}}
            """)!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject()) webhook[name] = value?.DeepClone();
        return webhook;
    }

    public Task MutatingAsync(params JsonObject[] webhooks) => ConfigureAsync("mutating", "", webhooks);

    public Task ValidatingAsync(params JsonObject[] webhooks) => ConfigureAsync("validating", "", webhooks);

    /// <summary>Creates a configuration, or replaces that of the same name, and waits until it is in effect.</summary>
    public async Task ConfigureAsync(string kind, string suffix, params JsonObject[] webhooks)
    {
        var (list, name, marker) = ($"{Group}/{kind}webhookconfigurations", $"{Namespace}{suffix}", $"{suffix}{++_markers}".Trim('-'));
        var ready = Webhook($"/ready{marker}", $$"""{"name": "ready.example.com", "objectSelector": {"matchLabels": {"ready": "r{{marker}}"} } }""");
        if (_paths.Remove($"{list}/{name}")) await _cluster.DeleteAsync($"{list}/{name}");
        await _cluster.CreateAsync(list, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = name },
            ["webhooks"] = new JsonArray([ready, .. webhooks]),
        });
        _paths.Add($"{list}/{name}");
        await Eventually.True(async () =>
        {
            await _cluster.PollAsync($"{ConfigMaps}?dryRun=All", ConfigMap("probe", ("ready", $"r{marker}")));
            return Server.Calls.Any(call => call.Path == $"/ready{marker}");
        });
        Server.Forget();
    }

    public static JsonObject ConfigMap(string name, params (string Name, string Value)[] labels) => new()
    {
        ["metadata"] = new JsonObject
        {
            ["name"] = name,
            ["labels"] = new JsonObject(labels.Select(label => KeyValuePair.Create(label.Name, (JsonNode?)label.Value))),
        },
        ["data"] = new JsonObject { ["a"] = "1" },
    };

    public static JsonObject Allow() => new() { ["allowed"] = true };

    public static JsonObject Deny(string status = "null") => new() { ["allowed"] = false, ["status"] = JsonNode.Parse(status) };

    /// <summary>Allows with a JSON patch.</summary>
    public static JsonObject Patch(string operations) => new()
    {
        ["allowed"] = true,
        ["patchType"] = "JSONPatch",
        ["patch"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(operations)),
    };

    public async ValueTask DisposeAsync()
    {
        foreach (var path in _paths) await _cluster.DeleteAsync(path);
        await _cluster.DeleteAsync(Home);
        await Server.DisposeAsync();
    }
}
