using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>What webhooks do to writes.</summary>
public sealed class AdmissionTests(ConformanceCluster cluster) : IAsyncLifetime
{
    private AdmissionBench _bench = null!;

    public async ValueTask InitializeAsync() => _bench = await AdmissionBench.StartAsync(cluster);

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Mutating_webhooks_change_an_object_before_validating_ones_see_it()
    {
        await _bench.ValidatingAsync(_bench.Webhook("/v"));
        await _bench.MutatingAsync(_bench.Webhook("/m", answer: Adding("m")));
        var created = await cluster.CreateAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one"));
        Assert.Equal("1", created.Text("data", "m"));
        Assert.Equal(["/m", "/v"], _bench.Paths);
        Assert.Equal(["/m", "/v"], await PathsOfAsync(() => cluster.PatchAsync($"{_bench.ConfigMaps}/one", """{"data": {"b": "2"}}""")));
        Assert.Equal(["/m", "/v"], await PathsOfAsync(() => cluster.PatchAsync($"{_bench.ConfigMaps}/one", "{}")));
        Assert.Equal(["/m", "/v"], await PathsOfAsync(() => cluster.PostAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one"))));
        Assert.Equal(["/m"], await PathsOfAsync(async () => Assert.Equal(409, (await cluster.PutAsync($"{_bench.ConfigMaps}/one",
            JsonNode.Parse("""{"metadata": {"name": "one", "resourceVersion": "1"}, "data": {"b": "1"}}""")!)).Code)));
        Assert.Equal(["/m", "/v"], await PathsOfAsync(() => cluster.DeleteAsync($"{_bench.ConfigMaps}/one")));
        Assert.Empty(await PathsOfAsync(() => cluster.DeleteAsync($"{_bench.ConfigMaps}/one")));
        Assert.Empty(await PathsOfAsync(() => cluster.PatchAsync($"{_bench.ConfigMaps}/one", "{}")));
    }

    [Fact]
    public async Task Mutating_webhooks_are_called_in_the_order_of_the_names_of_their_configurations()
    {
        await _bench.ConfigureAsync("mutating", "-b",
            _bench.Webhook("/b1", answer: Adding("b1")), _bench.Webhook("/b2", answer: Adding("b2")));
        await _bench.ConfigureAsync("mutating", "-a", _bench.Webhook("/a", answer: Adding("a1")));
        var created = await cluster.CreateAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one"));
        Assert.Equal(["/a", "/b1", "/b2"], _bench.Paths);
        Assert.Equal("""{"a":"1","a1":"1","b1":"2","b2":"3"}""", created["data"]!.ToJsonString());
    }

    [Fact]
    public async Task A_webhook_with_the_policy_IfNeeded_is_called_again_after_a_later_change()
    {
        const string Again = """{"reinvocationPolicy": "IfNeeded"}""";
        await _bench.MutatingAsync(_bench.Webhook("/a", Again, Adding("a1")), _bench.Webhook("/b", answer: Adding("b1")),
            _bench.Webhook("/c", Again));
        var created = await cluster.CreateAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one"));
        Assert.Equal(["/a", "/b", "/c", "/a", "/c"], _bench.Paths);
        Assert.Equal("""{"a":"1","a1":"3","b1":"2"}""", created["data"]!.ToJsonString());

        await _bench.MutatingAsync(_bench.Webhook("/b", answer: Adding("b1")), _bench.Webhook("/a", Again));
        await cluster.CreateAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("two"));
        Assert.Equal(["/b", "/a"], _bench.Paths);
    }

    [Fact]
    public async Task What_a_webhook_changes_is_defaulted_pruned_and_validated()
    {
        var widgets = $$"""
            {"rules": [{"apiGroups": ["{{ConformanceCluster.Group}}"], "apiVersions": ["v1"], "resources": ["widgets"], "operations": ["CREATE"]}]}
            """;
        var operations = """[{"op": "add", "path": "/spec", "value": {"size": 2, "parts": [{"id": "a"}]}}]""";
        await _bench.MutatingAsync(_bench.Webhook("/w", widgets, _ => AdmissionBench.Patch(operations)),
            _bench.Webhook("/p", answer: request => AdmissionBench.Patch(request.Text("name") == "label"
                ? """[{"op": "add", "path": "/metadata/labels", "value": {"a": "!!"}}]"""
                : """[{"op": "add", "path": "/spec", "value": {"b": 1}}]""")));
        var path = $"/apis/{ConformanceCluster.Group}/v1/namespaces/{_bench.Namespace}/widgets";
        var widget = await cluster.CreateAsync(path, Objects.Widget("one"));
        Assert.Equal("slow", widget.Text("spec", "mode"));
        Assert.Equal(1, (int)widget["spec"]!["parts"]![0]!["weight"]!);
        operations = """[{"op": "replace", "path": "/spec/size", "value": 11}]""";
        var answer = await cluster.PostAsync(path, Objects.Widget("two"));
        Assert.Equal((422, "spec.size"), (answer.Code, Assert.Single(answer.Fields)));

        var pruned = await cluster.PostAsync($"{_bench.ConfigMaps}?fieldValidation=Strict", AdmissionBench.ConfigMap("one"));
        Assert.Equal((201, null), (pruned.Code, pruned.Body["spec"]));
        Assert.False(pruned.Headers.Contains("Warning"));
        Assert.Equal((422, "Invalid"), await CodeAsync(AdmissionBench.ConfigMap("label")));
        Assert.Equal((400, "BadRequest"), await CodeAsync(AdmissionBench.ConfigMap("strict"), "?fieldValidation=Strict", unknown: true));
        Assert.DoesNotContain(_bench.Server.Calls, call => call.Request.Text("name") == "strict");
    }

    [Theory]
    [InlineData("""[{"op": "add", "path": "/spec/x", "value": "1"}]""")]
    [InlineData("""[{"op": "remove", "path": "/data/missing"}]""")]
    [InlineData("""[{"op": "test", "path": "/data/a", "value": "2"}]""")]
    [InlineData("""[{"op": "add", "path": "/data", "value": "text"}]""")]
    [InlineData("""[{"op": "wrong", "path": "/data", "value": "text"}]""")]
    public async Task A_patch_that_does_not_apply_is_500_whatever_the_failure_policy(string operations)
    {
        await _bench.MutatingAsync(_bench.Webhook("/m", """{"failurePolicy": "Ignore"}""", _ => AdmissionBench.Patch(operations)));
        Assert.Equal((500, "InternalError"), await CodeAsync(AdmissionBench.ConfigMap("one")));
    }

    [Fact]
    public async Task A_patch_may_replace_a_field_that_is_missing()
    {
        await _bench.MutatingAsync(_bench.Webhook("/m", answer: _ =>
            AdmissionBench.Patch("""[{"op": "replace", "path": "/data/b", "value": "2"}]""")));
        var created = await cluster.CreateAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one"));
        Assert.Equal("""{"a":"1","b":"2"}""", created["data"]!.ToJsonString());
    }

    [Fact]
    public async Task A_denial_has_the_code_reason_and_message_of_the_webhook()
    {
        var status = "null";
        await _bench.ValidatingAsync(_bench.Webhook("/v", """{"failurePolicy": "Ignore"}""", _ => AdmissionBench.Deny(status)));
        async Task DeniedAsync(string sent, string rest)
        {
            status = sent;
            var answer = await cluster.PostAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one"));
            Assert.Equal($$$"""{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",{{{rest}}}}""", answer.Body.ToCompact());
            Assert.Equal((int)answer.Body["code"]!, answer.Code);
        }

        const string Denied = "\"message\":\"admission webhook \\\"v.example.com\\\" denied the request";
        await DeniedAsync("null", $"{Denied} without explanation\",\"code\":400");
        await DeniedAsync("""{"message": "no"}""", $"{Denied}: no\",\"code\":400");
        await DeniedAsync("""{"reason": "Forbidden"}""", $"{Denied}: Forbidden\",\"reason\":\"Forbidden\",\"code\":400");
        await DeniedAsync("""{"code": 200, "message": "no", "status": "Success"}""", $"{Denied}: no\",\"code\":400");
        await DeniedAsync("""{"code": 422, "reason": "Invalid", "message": "no", "details": {"causes": [{"field": "spec"}]}}""",
            $"{Denied}: no\",\"reason\":\"Invalid\",\"details\":{{\"causes\":[{{\"field\":\"spec\"}}]}},\"code\":422");
    }

    [Fact]
    public async Task Warnings_of_webhooks_are_warnings_of_the_answer()
    {
        await _bench.MutatingAsync(_bench.Webhook("/m", answer: _ => Warning(true, "the \"first\"", "two\nlines", "second")));
        await _bench.ValidatingAsync(_bench.Webhook("/v", answer: request => Warning(request.Text("name") == "one", "second", "third")));
        foreach (var (name, code) in ((string, int)[])[("one", 201), ("two", 400)])
        {
            var answer = await cluster.PostAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap(name));
            Assert.Equal(code, answer.Code);
            Assert.Equal(["299 - \"the \\\"first\\\"\"", "299 - \"second\"", "299 - \"third\""], answer.Headers.GetValues("Warning"));
        }
    }

    [Fact]
    public async Task A_webhook_is_called_again_when_another_write_comes_in_between()
    {
        await cluster.CreateAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one"));
        var (asked, decided) = (new TaskCompletionSource(), new TaskCompletionSource());
        _bench.Server.Answer("/v", async request =>
        {
            asked.TrySetResult();
            if (request.Text("object", "data", "slow") is not null) await decided.Task;
            return AdmissionBench.Allow();
        });
        await _bench.ValidatingAsync(_bench.Webhook("/v"));
        asked = new();
        var slow = cluster.PatchAsync($"{_bench.ConfigMaps}/one", """{"data": {"slow": "1"}}""");
        await Eventually.Ends(asked.Task);
        var quick = await cluster.PatchAsync($"{_bench.ConfigMaps}/one", """{"data": {"quick": "1"}}""");
        Assert.Equal(200, quick.Code);
        Assert.False(slow.IsCompleted);
        decided.SetResult();
        Assert.Equal("""{"a":"1","quick":"1","slow":"1"}""", (await slow).Body["data"]!.ToJsonString());
        Assert.Equal([null, null, "1"], _bench.Server.Calls.Select(call => call.Request.Text("oldObject", "data", "quick")));
    }

    [Fact]
    public async Task No_webhook_is_called_for_configurations_of_webhooks()
    {
        await _bench.ValidatingAsync(_bench.Webhook("/v", $$"""
            {"rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]}], "namespaceSelector": {},
             "objectSelector": {"matchLabels": {"bench": "{{_bench.Namespace}}"} } }
            """, _ => AdmissionBench.Deny()));
        Assert.Equal(400, (await cluster.PostAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one", ("bench", _bench.Namespace)))).Code);
        var other = new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = $"{_bench.Namespace}-other", ["labels"] = new JsonObject { ["bench"] = _bench.Namespace } },
        };
        var created = await cluster.PostAsync($"{AdmissionBench.Group}/mutatingwebhookconfigurations", other);
        var deleted = await cluster.DeleteAsync($"{AdmissionBench.Group}/mutatingwebhookconfigurations/{_bench.Namespace}-other");
        Assert.Equal((201, 200), (created.Code, deleted.Code));
    }

    /// <summary>Adds a key with the number of the others.</summary>
    private static Func<JsonNode, JsonObject> Adding(string key) => request => request["object"] is null ? AdmissionBench.Allow()
        : AdmissionBench.Patch($$"""[{"op": "add", "path": "/data/{{key}}", "value": "{{request.At("object", "data")!.AsObject().Count}}"}]""");

    private static JsonObject Warning(bool isAllowed, params string[] warnings) =>
        new() { ["allowed"] = isAllowed, ["warnings"] = new JsonArray([.. warnings.Select(one => (JsonNode)one)]) };

    private async Task<IEnumerable<string>> PathsOfAsync(Func<Task> send)
    {
        _bench.Server.Forget();
        await send();
        return _bench.Paths;
    }

    private async Task<(int Code, string? Reason)> CodeAsync(JsonObject body, string query = "", bool unknown = false)
    {
        if (unknown) body["unknown"] = true;
        var answer = await cluster.PostAsync($"{_bench.ConfigMaps}{query}", body);
        return (answer.Code, answer.Reason);
    }
}
