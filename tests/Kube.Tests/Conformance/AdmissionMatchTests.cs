using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>Which requests webhooks are called for.</summary>
public sealed class AdmissionMatchTests(ConformanceCluster cluster) : IAsyncLifetime
{
    private AdmissionBench _bench = null!;

    public async ValueTask InitializeAsync() => _bench = await AdmissionBench.StartAsync(cluster);

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Rules_name_groups_versions_resources_operations_and_a_scope()
    {
        await _bench.ValidatingAsync(
            Rule("/all", "*", "*", "*", "*"), Rule("/core", "", "v1", "configmaps", "CREATE", "UPDATE"), Rule("/v2", "*", "v2", "*", "*"),
            Rule("/delete", "", "*", "configmaps", "DELETE"), Rule("/pods", "", "v1", "pods", "*"), Rule("/sub", "", "v1", "pods/*", "*"),
            Rule("/status", "*", "*", "*/status", "*"), Rule("/every", "*", "*", "*/*", "*"), Rule("/apps", "apps", "v1", "deployments", "*"),
            Scope(Rule("/inside", "", "*", "*", "*"), "Namespaced"), Scope(Rule("/outside", "", "*", "*", "*"), "Cluster"));
        var pods = $"{_bench.Home}/pods";
        await CalledAsync("/all /core /every /inside", () => cluster.PostAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one")));
        await CalledAsync("/all /core /every /inside", () => cluster.PatchAsync($"{_bench.ConfigMaps}/one", "{}"));
        await CalledAsync("/all /delete /every /inside", () => cluster.DeleteAsync($"{_bench.ConfigMaps}/one"));
        await CalledAsync("/all /every /inside /pods /sub", () => cluster.PostAsync(pods, Objects.Pod("p")));
        await CalledAsync("/every /status /sub", () => cluster.PatchAsync($"{pods}/p/status", """{"status": {"message": "a"}}"""));
        await CalledAsync("/all /every /outside", () => cluster.PatchAsync(_bench.Home, "{}"));
    }

    [Fact]
    public async Task A_namespace_selector_concerns_the_labels_of_the_namespace_and_of_namespaces_themselves()
    {
        var name = $"{_bench.Namespace}-2";
        var label = $$"""{"matchLabels": {"bench": "{{name}}"}, "matchExpressions": [{"key": "off", "operator": "DoesNotExist"}]}""";
        await _bench.ValidatingAsync(_bench.Webhook("/v", $$"""
            {"namespaceSelector": {{label}}, "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps", "namespaces"], "operations": ["*"]}]}
            """));
        var path = $"/api/v1/namespaces/{name}";
        var metadata = JsonNode.Parse($$$"""{"metadata": {"name": "{{{name}}}", "labels": {"bench": "{{{name}}}"} } }""")!;
        await CalledAsync("/v", () => cluster.CreateAsync("/api/v1/namespaces", metadata));
        Assert.Equal((name, name), (Request.Text("name"), Request.Text("namespace")));
        await CalledAsync("/v", () => cluster.CreateAsync($"{path}/configmaps", AdmissionBench.ConfigMap("one")));
        await CalledAsync("", () => cluster.CreateAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one")));
        await CalledAsync("", () => cluster.PatchAsync(path, """{"metadata": {"labels": {"off": "1"}}}"""));
        await CalledAsync("", () => cluster.DeleteAsync(path));
    }

    [Fact]
    public async Task An_object_selector_concerns_the_new_or_the_old_object()
    {
        await _bench.ValidatingAsync(
            _bench.Webhook("/on", """{"objectSelector": {"matchLabels": {"l": "on"}}}"""),
            _bench.Webhook("/in", """{"objectSelector": {"matchExpressions": [{"key": "l", "operator": "In", "values": ["a", "off"]}]}}"""),
            _bench.Webhook("/notin", """{"objectSelector": {"matchExpressions": [{"key": "l", "operator": "NotIn", "values": ["on", "off"]}]}}"""),
            _bench.Webhook("/exists", """{"objectSelector": {"matchExpressions": [{"key": "l", "operator": "Exists"}]}}"""));
        var path = $"{_bench.ConfigMaps}/one";
        await CalledAsync("/exists /on", () => cluster.CreateAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one", ("l", "on"))));
        await CalledAsync("/exists /in /on", () => cluster.PatchAsync(path, """{"metadata": {"labels": {"l": "off"}}}"""));
        await CalledAsync("/exists /in /notin", () => cluster.PatchAsync(path, """{"metadata": {"labels": {"l": null}}}"""));
        await CalledAsync("/notin", () => cluster.DeleteAsync(path));
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("request.userInfo.username != 'admin'", false)]
    [InlineData("!has(object.metadata.deletionTimestamp) && has(object.data.a) && !has(object.data.b)", true)]
    [InlineData("object.data.a == '1' && object.data['a'] == \"1\" && object.data.a != '2' && object.data.a < '2'", true)]
    [InlineData("object.data.a == 1", false)]
    [InlineData("oldObject == null || oldObject.data.a != object.data.a", true)]
    [InlineData("object.?spec.?x != oldObject.?spec.?x", false)]
    [InlineData("object.?data.?a != oldObject.?data.?a", true)]
    [InlineData("object.?spec.?x == optional.none() && object.?data.?a.orValue('') == '1' && object.data[?'b'].orValue('no') == 'no'", true)]
    [InlineData("object.?metadata.?deletionTimestamp.hasValue()", false)]
    [InlineData("'a' in object.data && request.operation in ['CREATE', 'UPDATE']", true)]
    [InlineData("has(object.metadata.annotations) && 'x' in object.metadata.annotations", false)]
    [InlineData("request.userInfo.groups.exists(g, g == 'system:masters') && request.userInfo.groups.all(g, g.startsWith('system:'))", true)]
    [InlineData("object.data.all(k, object.data[k] == '1') && size(object.data) == 1 && object.data.size() >= 1", true)]
    [InlineData("object.data.a.matches('^[0-9]$') && 'x1y'.contains('1') && 'x1y'.endsWith('y') && 'a' + 'b' == 'ab' && 1 + 1 == 2", true)]
    [InlineData("oldObject == null ? 1.5 > 1 : false", true)]
    [InlineData(@"'it\'s' == ""it's"" && r'\d' == '\\d' && -1 < 0", true)]
    [InlineData("request.name == 'one' && request.kind.kind == 'ConfigMap' && request.resource.resource == 'configmaps' && !request.dryRun", true)]
    [InlineData("request.options.kind == 'CreateOptions' && !has(request.subResource)", true)]
    public async Task A_match_condition_of_CEL_decides(string expression, bool isCalled)
    {
        await ConditionsAsync("Fail", expression);
        await CalledAsync(isCalled ? "/v" : "", () => cluster.CreateAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one")));
    }

    [Fact]
    public async Task A_match_condition_without_a_value_is_403_unless_failures_are_ignored_or_another_is_false()
    {
        const string Wrong = "expression 'object.spec.x == 1' resulted in error: no such key: spec";
        var answer = await SendAsync("Fail", "object.spec.x == 1");
        Assert.Equal((403, "Forbidden", $"configmaps \"one\" is forbidden: {Wrong}"), (answer.Code, answer.Reason, answer.Message));
        answer = await SendAsync("Fail", "object.spec.x == 1", "object.data.a < 2");
        Assert.Equal($"configmaps \"one\" is forbidden: [{Wrong}, expression 'object.data.a < 2' resulted in error: no such overload]",
            answer.Message);
        Assert.Equal(201, (await SendAsync("Ignore", "object.spec.x == 1")).Code);
        await cluster.DeleteAsync($"{_bench.ConfigMaps}/one");
        Assert.Equal(201, (await SendAsync("Fail", "object.spec.x == 1", "false")).Code);
        Assert.Empty(_bench.Paths);
    }

    private JsonNode Request => _bench.Server.Calls[^1].Request;

    private JsonObject Rule(string path, string group, string version, string resource, params string[] operations) =>
        _bench.Webhook(path, $$"""
            {"rules": [{"apiGroups": ["{{group}}"], "apiVersions": ["{{version}}"], "resources": ["{{resource}}"],
             "operations": ["{{string.Join("\", \"", operations)}}"]}]}
            """);

    private static JsonObject Scope(JsonObject webhook, string scope)
    {
        webhook["rules"]![0]!["scope"] = scope;
        return webhook;
    }

    private async Task CalledAsync(string paths, Func<Task> send)
    {
        _bench.Server.Forget();
        await send();
        Assert.Equal(paths, string.Join(' ', _bench.Paths.Order(StringComparer.Ordinal)));
    }

    /// <summary>A webhook with conditions, which do not concern the objects that the bench waits with.</summary>
    private Task ConditionsAsync(string policy, params string[] expressions)
    {
        var webhook = _bench.Webhook("/v", $$"""
            {"failurePolicy": "{{policy}}", "objectSelector": {"matchExpressions": [{"key": "ready", "operator": "DoesNotExist"}]} }
            """);
        webhook["matchConditions"] = new JsonArray([.. expressions.Select((expression, index) =>
            new JsonObject { ["name"] = $"c{index}", ["expression"] = expression })]);
        return _bench.ValidatingAsync(webhook);
    }

    private async Task<Answer> SendAsync(string policy, params string[] expressions)
    {
        await ConditionsAsync(policy, expressions);
        return await cluster.PostAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one"));
    }
}
