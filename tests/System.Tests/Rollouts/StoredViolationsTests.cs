using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>
/// What the CRDs accepted before they had a rule for it is stored, and then the CRDs of today are applied. The object stays usable:
/// only what changes has to be valid.
/// </summary>
public sealed class StoredViolationsTests : IAsyncLifetime
{
    private const string Kinds = "/apis/koupleless.io/v1alpha1/namespaces/default";
    private const string Template = "spec.template.spec.module";
    private const string Strategy = "spec.operationStrategy";

    private ApiServerHost _host = null!;
    private HttpClient _http = null!;

    /// <summary>A field, the value that is stored, and the message of today for the same value; null: it is valid today.</summary>
    public static TheoryData<string, string, string?> Violations => new()
    {
        { $"{Template}.md5", "'abc'", "must be 32 hexadecimal digits, or empty" },
        { $"{Template}.md5", $"'{new string('a', 64)}'", "may not be more than 32 bytes" },
        { $"{Template}.url", $"'http://repo/{new string('张', 1000)}'", null },
        { $"{Template}.url", $"'http://repo/{new string('张', 2000)}'", null },
        { $"{Strategy}.installTimeoutSeconds", "100000", "less than or equal to 86400" },
        { $"{Strategy}.trafficDrainSeconds", "100000", "less than or equal to 86400" },
        { "spec.hooks", $"{{'preInstall':{{'port':80,'path':'/{new string('张', 1000)}'}}}}", "must be a path of at most 1024 bytes" },
        { "spec.template.metadata.labels", "{'owner':'张三'}", "must be a label value" },
        { "spec.template.metadata.labels", "{'owner':'a b'}", "must be a label value" },
        { "spec.template.metadata.labels", $"{{'owner':'{new string('x', 64)}'}}", "may not be more than 63 bytes" },
        { "spec.template.metadata.annotations", "{'no key':'x'}", "must have only annotation keys" },
    };

    public async ValueTask InitializeAsync()
    {
        _host = await ApiServerHost.StartAsync(new(), TestContext.Current.CancellationToken);
        _http = _host.CreateClient();
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _host.DisposeAsync();
    }

    [Theory, MemberData(nameof(Violations))]
    public async Task It_can_still_be_scaled_upgraded_and_deleted(string field, string value, string? message)
    {
        foreach (var definition in CrdFiles.WithoutLimits)
            await SendAsync(HttpStatusCode.Created, HttpMethod.Post, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
        await CreateAsync(HttpStatusCode.Created, "moduledeployments", Deployment("orders", field, value));
        var replicaSet = Deployment("orders-1", field, value);
        replicaSet["spec"] = Only(replicaSet["spec"]!, "template", "operationStrategy", "replicas");
        await CreateAsync(HttpStatusCode.Created, "modulereplicasets", replicaSet);
        var module = Deployment("orders-1-0", field, value);
        module["spec"] = Only(module["spec"]!["template"]!["spec"]!, "module");
        await CreateAsync(HttpStatusCode.Created, "modules", module);

        await CrdFiles.ReplaceAsync(_http, CrdFiles.Current);

        // New objects have to be valid.
        var answer = await CreateAsync(message is null
            ? HttpStatusCode.Created : HttpStatusCode.UnprocessableEntity, "moduledeployments", Deployment("new", field, value));
        if (message is not null) Assert.Contains(message, answer, StringComparison.Ordinal);

        // By a user.
        await PatchAsync($"{Kinds}/moduledeployments/orders/scale", """{"spec":{"replicas":1}}""");
        await PatchAsync($"{Kinds}/moduledeployments/orders", """{"spec":{"replicas":1},"metadata":{"labels":{"team":"x"}}}""");
        await PatchAsync($"{Kinds}/moduledeployments/orders", """{"spec":{"template":{"spec":{"module":{"version":"2.0.0"}}}}}""");
        // By the controller.
        await PatchAsync($"{Kinds}/moduledeployments/orders", """{"metadata":{"finalizers":["koupleless.io/module-deployment"]}}""");
        await PatchAsync($"{Kinds}/moduledeployments/orders/status", """{"status":{"replicas":1,"selector":"a=b"}}""");
        await PatchAsync($"{Kinds}/modulereplicasets/orders-1", """{"spec":{"replicas":0},"metadata":{"annotations":{"koupleless.io/completed-at":"x"}}}""");
        await PatchAsync($"{Kinds}/modulereplicasets/orders-1/status", """{"status":{"replicas":1}}""");
        await PatchAsync($"{Kinds}/modules/orders-1-0", """{"spec":{"podName":"base-0","podUid":"u-0"},"metadata":{"finalizers":["koupleless.io/module"]}}""");
        await PatchAsync($"{Kinds}/modules/orders-1-0/status", """{"status":{"status":"Failed","message":"x"}}""");
        // Corrected: back to what is valid.
        await PatchAsync($"{Kinds}/moduledeployments/orders", Valid(field));

        foreach (var path in (string[])["moduledeployments/orders", "modulereplicasets/orders-1", "modules/orders-1-0"])
        {
            await SendAsync(HttpStatusCode.OK, HttpMethod.Delete, $"{Kinds}/{path}");
            if (path != "modulereplicasets/orders-1") await PatchAsync($"{Kinds}/{path}", """{"metadata":{"finalizers":null}}""");
            await SendAsync(HttpStatusCode.NotFound, HttpMethod.Get, $"{Kinds}/{path}");
        }
    }

    private static string Valid(string field) => field switch
    {
        $"{Template}.md5" => """{"spec":{"template":{"spec":{"module":{"md5":""}}}}}""",
        $"{Template}.url" => """{"spec":{"template":{"spec":{"module":{"url":"http://repo/orders.jar"}}}}}""",
        "spec.template.metadata.labels" => """{"spec":{"template":{"metadata":{"labels":{"owner":"x"}}}}}""",
        "spec.template.metadata.annotations" => """{"spec":{"template":{"metadata":{"annotations":null}}}}""",
        "spec.hooks" => """{"spec":{"hooks":null}}""",
        _ => """{"spec":{"operationStrategy":{"installTimeoutSeconds":300,"trafficDrainSeconds":5}}}""",
    };

    private static JsonObject Deployment(string name, string field, string value)
    {
        var manifest = JsonNode.Parse($$$$"""
            {"metadata":{"name":"{{{{name}}}}"},
             "spec":{"baseDeploymentName":"base","replicas":2,
               "template":{"metadata":{},"spec":{"module":{"name":"orders","version":"1.0.0","url":"http://repo/orders.jar"}}},
               "operationStrategy":{}}}
            """)!.AsObject();
        var path = field.Split('.');
        path[..^1].Aggregate((JsonNode)manifest, (node, step) => node[step]!)[path[^1]] = JsonNode.Parse(value.Replace('\'', '"'));
        return manifest;
    }

    private static JsonObject Only(JsonNode node, params string[] fields) =>
        new(fields.Where(field => node[field] is not null)
            .Select(field => KeyValuePair.Create(field, (JsonNode?)node[field]!.DeepClone())));

    private Task<string> CreateAsync(HttpStatusCode expected, string kind, JsonObject body)
    {
        body["apiVersion"] = "koupleless.io/v1alpha1";
        body["kind"] = kind switch { "moduledeployments" => "ModuleDeployment", "modules" => "Module", _ => "ModuleReplicaSet" };
        return SendAsync(expected, HttpMethod.Post, $"{Kinds}/{kind}", body);
    }

    private Task PatchAsync(string path, string patch) => PatchAsync(path, JsonNode.Parse(patch)!);

    private Task PatchAsync(string path, JsonNode patch) =>
        SendAsync(HttpStatusCode.OK, HttpMethod.Patch, path, patch, "application/merge-patch+json");

    private async Task<string> SendAsync(HttpStatusCode expected, HttpMethod method, string path, JsonNode? body = null,
        string type = "application/json")
    {
        using var content = body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, type);
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = content };
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == expected, $"{method} {path}: {text}");
        return JsonNode.Parse(text)?["message"]?.GetValue<string>() ?? text;
    }
}
