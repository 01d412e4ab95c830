using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>Configurations of webhooks as objects.</summary>
public sealed class WebhookConfigurationTests(ConformanceCluster cluster) : IAsyncLifetime
{
    private const string Kind = "ValidatingWebhookConfiguration.admissionregistration.k8s.io";

    private readonly string _name = $"webhooks-{Guid.NewGuid().ToString()[..8]}";

    private static string List => $"{AdmissionBench.Group}/validatingwebhookconfigurations";

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await cluster.DeleteAsync($"{List}/{_name}");
        await cluster.DeleteAsync($"{List.Replace("validating", "mutating", StringComparison.Ordinal)}/{_name}");
    }

    [Fact]
    public async Task A_webhook_configuration_has_defaults_and_a_generation()
    {
        var created = await cluster.CreateAsync(List, Configuration("""
            {"clientConfig": {"service": {"name": "a", "namespace": "b"}}, "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}]}
            """));
        Assert.Equal("Fail Equivalent 10", $"{Field("failurePolicy")} {Field("matchPolicy")} {Field("timeoutSeconds")}");
        Assert.Equal(("{}", "{}", "443", "\"*\""), (Field("namespaceSelector").ToCompact(), Field("objectSelector").ToCompact(),
            Field("clientConfig").At("service", "port").ToCompact(), Field("rules")![0]!["scope"].ToCompact()));
        Assert.Equal(1, (int)created["metadata"]!["generation"]!);
        JsonNode? Field(string name) => created["webhooks"]![0]![name];

        var put = await cluster.PutAsync($"{List}/{_name}", Configuration("{}"));
        Assert.Equal((422, "metadata.resourceVersion"), (put.Code, Assert.Single(put.Fields)));
        var patched = await cluster.PatchAsync($"{List}/{_name}", """{"webhooks": [{"name": "a.example.com", "timeoutSeconds": 3}]}""",
            "strategic-merge-patch");
        Assert.Equal((2, 3, "CREATE"), ((int)patched.Body["metadata"]!["generation"]!, (int)patched.Body["webhooks"]![0]!["timeoutSeconds"]!,
            patched.Body["webhooks"]![0]!["rules"]![0]!["operations"]![0].Text()));
        var table = await cluster.GetAsync($"{List}/{_name}", "application/json;as=Table;v=v1;g=meta.k8s.io");
        Assert.Equal(1, (int)table.Body["rows"]![0]!["cells"]![1]!);
    }

    [Theory]
    [InlineData("""{"name": "short"}""", """name: Invalid value: "short": should be a domain with at least three segments separated by dots""")]
    [InlineData("""{"name": ""}""", "name: Required value")]
    [InlineData("""{"clientConfig": {}}""", "clientConfig: Required value: exactly one of url or service is required")]
    [InlineData("""{"clientConfig": {"url": "https://a", "service": {"name": "a", "namespace": "b"}}}""",
        "clientConfig: Required value: exactly one of url or service is required")]
    [InlineData("""{"clientConfig": {"url": "http://a"}}""",
        """clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]""")]
    [InlineData("""{"clientConfig": {"url": "https://a?b=1"}}""",
        """clientConfig.url: Invalid value: "b=1": query parameters are not permitted in the URL""")]
    [InlineData("""{"clientConfig": {"url": "https://a#b"}}""", """clientConfig.url: Invalid value: "b": fragments are not permitted in the URL""")]
    [InlineData("""{"clientConfig": {"url": "https://u:p@a"}}""",
        """clientConfig.url: Invalid value: "u:p": user information is not permitted in the URL""")]
    [InlineData("""{"clientConfig": {"url": "https:///x"}}""",
        """clientConfig.url: Invalid value: "": host must be specified; desired format: https://host[/path]""")]
    [InlineData("""{"clientConfig": {"service": {"name": "a", "namespace": "b", "port": 70000}}}""",
        "clientConfig.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive")]
    [InlineData("""{"clientConfig": {"service": {"name": "a", "namespace": "b", "path": "//x"}}}""",
        """clientConfig.service.path: Invalid value: "//x": segment[0] may not be empty""")]
    [InlineData("""{"timeoutSeconds": 0}""", "timeoutSeconds: Invalid value: 0: the timeout value must be between 1 and 30 seconds")]
    [InlineData("""{"timeoutSeconds": 31}""", "timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds")]
    [InlineData("""{"sideEffects": null}""", "sideEffects: Required value: must specify one of None, NoneOnDryRun")]
    [InlineData("""{"sideEffects": "Some"}""", """sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun" """)]
    [InlineData("""{"failurePolicy": "X"}""", """failurePolicy: Unsupported value: "X": supported values: "Fail", "Ignore" """)]
    [InlineData("""{"matchPolicy": "X"}""", """matchPolicy: Unsupported value: "X": supported values: "Equivalent", "Exact" """)]
    [InlineData("""{"admissionReviewVersions": []}""", "admissionReviewVersions: Required value: must specify one of v1, v1beta1")]
    [InlineData("""{"admissionReviewVersions": ["v2"]}""",
        """admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1""")]
    [InlineData("""{"admissionReviewVersions": ["v1", "v1"]}""", """admissionReviewVersions[1]: Invalid value: "v1": duplicate version""")]
    [InlineData("""{"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "X"}]}}""",
        """namespaceSelector.matchExpressions[0].operator: Invalid value: "X": not a valid selector operator""")]
    [InlineData("""{"objectSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}""",
        "objectSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'")]
    [InlineData("""{"matchConditions": [{"name": "a", "expression": "1"}]}""",
        """matchConditions[0].expression: Invalid value: "1": must evaluate to bool but got int""")]
    [InlineData("""{"matchConditions": [{"name": "a", "expression": "object.a"}]}""",
        """matchConditions[0].expression: Invalid value: "object.a": must evaluate to bool but got dyn""")]
    [InlineData("""{"matchConditions": [{"name": "a", "expression": ""}]}""", "matchConditions[0].expression: Required value")]
    [InlineData("""{"matchConditions": [{"name": "", "expression": "true"}]}""", "matchConditions[0].name: Required value")]
    [InlineData("""{"matchConditions": [{"name": "a", "expression": "true"}, {"name": "a", "expression": "true"}]}""",
        """matchConditions[1].name: Duplicate value: "a" """)]
    [InlineData("""{"matchConditions": [{"name": "a", "expression": "foo == 1"}]}""",
        "matchConditions[0].expression: Invalid value: \"foo == 1\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo == 1\n | ^")]
    [InlineData("""{"matchConditions": [{"name": "a", "expression": "request.nope == 'x'"}]}""",
        "matchConditions[0].expression: Invalid value: \"request.nope == 'x'\": compilation failed: ERROR: <input>:1:8: undefined field 'nope'\n | request.nope == 'x'\n | .......^")]
    public async Task A_webhook_that_breaks_a_rule_is_422(string change, string problem)
    {
        var answer = await cluster.PostAsync(List, Configuration(change));
        Assert.Equal((422, $"{Kind} \"{_name}\" is invalid: webhooks[0].{problem.Trim()}"), (answer.Code, answer.Message));
    }

    [Theory]
    [InlineData("""{"operations": []}""", "operations: Required value")]
    [InlineData("""{"operations": ["X"]}""",
        """operations[0]: Unsupported value: "X": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE" """)]
    [InlineData("""{"operations": ["*", "CREATE"]}""",
        """operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations""")]
    [InlineData("""{"apiGroups": []}""", "apiGroups: Required value")]
    [InlineData("""{"apiGroups": ["*", "a"]}""", """apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other API groups""")]
    [InlineData("""{"apiVersions": [""]}""", "apiVersions[0]: Required value")]
    [InlineData("""{"resources": []}""", "resources: Required value")]
    [InlineData("""{"resources": ["*", "pods"]}""",
        """resources: Invalid value: ["*","pods"]: if '*' is present, must not specify other resources without subresources""")]
    [InlineData("""{"resources": ["*/*", "pods"]}""", """resources: Invalid value: ["*/*","pods"]: if '*/*' is present, must not specify other resources""")]
    [InlineData("""{"resources": ["pods/*", "pods/status"]}""",
        """resources[1]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status""")]
    [InlineData("""{"scope": "X"}""", """scope: Unsupported value: "X": supported values: "*", "Cluster", "Namespaced" """)]
    public async Task A_rule_of_a_webhook_that_breaks_a_rule_is_422(string change, string problem)
    {
        var rule = JsonNode.Parse("""{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}""")!;
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject()) rule[name] = value?.DeepClone();
        var answer = await cluster.PostAsync(List, Configuration(new JsonObject { ["rules"] = new JsonArray(rule) }.ToJsonString()));
        Assert.Equal((422, $"{Kind} \"{_name}\" is invalid: webhooks[0].rules[0].{problem.Trim()}"), (answer.Code, answer.Message));
    }

    [Fact]
    public async Task The_names_of_the_webhooks_of_a_configuration_are_unique()
    {
        var configuration = Configuration("{}");
        configuration["webhooks"]!.AsArray().Add(configuration["webhooks"]![0]!.DeepClone());
        var answer = await cluster.PostAsync(List, configuration);
        Assert.Equal($"{Kind} \"{_name}\" is invalid: webhooks[1].name: Duplicate value: \"a.example.com\"", answer.Message);
        var mutating = await cluster.PostAsync(List.Replace("validating", "mutating", StringComparison.Ordinal),
            Configuration("""{"reinvocationPolicy": "X"}"""));
        Assert.Equal($"Mutating{Kind["Validating".Length..]} \"{_name}\" is invalid: webhooks[0].reinvocationPolicy: Unsupported value: \"X\": "
            + "supported values: \"IfNeeded\", \"Never\"", mutating.Message);
    }

    private JsonObject Configuration(string change)
    {
        var webhook = JsonNode.Parse("""
            {"name": "a.example.com", "clientConfig": {"url": "https://127.0.0.1:1/x"}, "sideEffects": "None", "admissionReviewVersions": ["v1"]}
            """)!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject()) webhook[name] = value?.DeepClone();
        return new() { ["metadata"] = new JsonObject { ["name"] = _name }, ["webhooks"] = new JsonArray(webhook) };
    }
}
