using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>What webhooks are told.</summary>
public sealed class AdmissionReviewTests(ConformanceCluster cluster) : IAsyncLifetime
{
    private AdmissionBench _bench = null!;

    public async ValueTask InitializeAsync() => _bench = await AdmissionBench.StartAsync(cluster);

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task An_AdmissionReview_describes_the_request()
    {
        await _bench.MutatingAsync(_bench.Webhook("/m"));
        await _bench.ValidatingAsync(_bench.Webhook("/v", """{"timeoutSeconds": 3}"""));
        var created = await cluster.CreateAsync($"{_bench.ConfigMaps}?fieldManager=me", AdmissionBench.ConfigMap("one"));
        var (mutating, validating) = (Call("/m"), Call("/v"));
        Assert.Equal(("?timeout=10s", "?timeout=3s"), (mutating.Query, validating.Query));
        Assert.Equal(("AdmissionReview", "admission.k8s.io/v1"), (mutating.Review.Text("kind"), mutating.Review.Text("apiVersion")));
        Assert.Equal($$$"""
            {"kind":{"group":"","version":"v1","kind":"ConfigMap"},"resource":{"group":"","version":"v1","resource":"configmaps"},"requestKind":{"group":"","version":"v1","kind":"ConfigMap"},"requestResource":{"group":"","version":"v1","resource":"configmaps"},"name":"one","namespace":"{{{_bench.Namespace}}}","operation":"CREATE","oldObject":null,"dryRun":false,"options":{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"me"}}
            """, Rest(mutating.Request));
        Assert.Equal(Rest(mutating.Request), Rest(validating.Request));
        Assert.NotEqual(mutating.Request.Text("uid"), validating.Request.Text("uid"));
        Assert.Equal("admin", mutating.Request.Text("userInfo", "username"));
        Assert.Equal(["system:masters", "system:authenticated"], mutating.Request.Texts("userInfo", "groups"));
        Assert.Equal(Metadata(null), MetadataOf(mutating.Request["object"]));
        Assert.Equal(Metadata(created), MetadataOf(validating.Request["object"]));
        Assert.Equal(("ConfigMap", "v1"), (mutating.Request.Text("object", "kind"), mutating.Request.Text("object", "apiVersion")));
    }

    [Fact]
    public async Task A_generated_name_is_unknown_to_mutating_webhooks()
    {
        await _bench.MutatingAsync(_bench.Webhook("/m"));
        await _bench.ValidatingAsync(_bench.Webhook("/v"));
        var created = await cluster.CreateAsync(_bench.ConfigMaps, JsonNode.Parse("""{"metadata": {"generateName": "g-"}}""")!);
        Assert.Equal((null, null), Names(Call("/m")));
        var name = created.Text("metadata", "name");
        Assert.Equal((name, name), Names(Call("/v")));
        static (string?, string?) Names(WebhookCall call) => (call.Request.Text("name"), call.Request.Text("object", "metadata", "name"));
    }

    [Fact]
    public async Task An_update_shows_both_objects_and_a_deletion_the_old_one()
    {
        await cluster.CreateAsync(_bench.ConfigMaps, AdmissionBench.ConfigMap("one"));
        await _bench.ValidatingAsync(_bench.Webhook("/v"));
        await cluster.PatchAsync($"{_bench.ConfigMaps}/one", """{"data": {"b": "2"}}""");
        Assert.Equal(("UPDATE", """{"a":"1","b":"2"}""", """{"a":"1"}"""), Operation());
        Assert.Equal("""{"kind":"UpdateOptions","apiVersion":"meta.k8s.io/v1"}""", Call("/v").Request["options"].ToCompact());

        _bench.Server.Forget();
        await cluster.PutAsync($"{_bench.ConfigMaps}/one", JsonNode.Parse("""{"metadata": {"name": "one"}, "data": {"c": "3"}}""")!);
        Assert.Equal(("UPDATE", """{"c":"3"}""", """{"a":"1","b":"2"}"""), Operation());

        _bench.Server.Forget();
        await cluster.DeleteAsync($"{_bench.ConfigMaps}/one", JsonNode.Parse("""{"propagationPolicy": "Background"}""")!);
        Assert.Equal(("DELETE", "null", """{"c":"3"}"""), Operation());
        Assert.Equal("""{"kind":"DeleteOptions","apiVersion":"meta.k8s.io/v1","propagationPolicy":"Background"}""",
            Call("/v").Request["options"].ToCompact());
        Assert.True(Call("/v").Request.AsObject().TryGetPropertyValue("object", out _));

        (string?, string, string) Operation() => (Call("/v").Request.Text("operation"), Call("/v").Request.At("object", "data").ToCompact(),
            Call("/v").Request.At("oldObject", "data").ToCompact());
    }

    [Fact]
    public async Task A_dry_run_is_marked_and_asks_webhooks()
    {
        await _bench.ValidatingAsync(_bench.Webhook("/v", """{"sideEffects": "NoneOnDryRun"}""", request =>
            request.Text("name") == "denied" ? AdmissionBench.Deny() : AdmissionBench.Allow()));
        Assert.Equal(201, (await cluster.PostAsync($"{_bench.ConfigMaps}?dryRun=All", AdmissionBench.ConfigMap("one"))).Code);
        Assert.True(Call("/v").Request.Flag("dryRun"));
        Assert.Equal("""{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1","dryRun":["All"]}""", Call("/v").Request["options"].ToCompact());
        Assert.Equal(400, (await cluster.PostAsync($"{_bench.ConfigMaps}?dryRun=All", AdmissionBench.ConfigMap("denied"))).Code);
        Assert.Equal(404, (await cluster.GetAsync($"{_bench.ConfigMaps}/one")).Code);
    }

    [Fact]
    public async Task Subresources_show_objects_of_their_own()
    {
        await _bench.ValidatingAsync(_bench.Webhook("/v", """
            {"rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["pods/*", "deployments/scale"], "operations": ["*"]}]}
            """));
        var (pods, deployments) = ($"{_bench.Home}/pods", $"/apis/apps/v1/namespaces/{_bench.Namespace}/deployments");
        await cluster.CreateAsync(pods, Objects.Pod("p"));
        Assert.Equal("CREATE pods/ v1 Pod", Last());
        await cluster.PatchAsync($"{pods}/p/status", """{"status": {"message": "hi"}}""");
        Assert.Equal("UPDATE pods/status v1 Pod", Last());
        Assert.Equal("hi", Call("/v").Request.Text("object", "status", "message"));
        Assert.Equal("status", Call("/v").Request.Text("requestSubResource"));
        await cluster.PostAsync($"{pods}/p/binding", JsonNode.Parse("""{"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}""")!);
        Assert.Equal("CREATE pods/binding v1 Binding", Last());
        Assert.Equal("n", Call("/v").Request.Text("object", "target", "name"));
        await cluster.PostAsync($"{pods}/p/eviction", JsonNode.Parse("""{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}""")!);
        Assert.Equal("CREATE pods/eviction policy/v1 Eviction", Last());
        await cluster.DeleteAsync($"{pods}/p", JsonNode.Parse("""{"gracePeriodSeconds": 0}""")!);
        Assert.Equal("DELETE pods/ v1 Pod", Last());

        var deployment = Objects.Deployment("d");
        deployment["spec"]!["replicas"] = 0;
        await cluster.CreateAsync(deployments, deployment);
        var scaled = await cluster.PatchAsync($"{deployments}/d/scale", """{"spec": {"replicas": 1}}""");
        Assert.Equal(1, (int)scaled.Body["spec"]!["replicas"]!);
        Assert.Equal("UPDATE deployments/scale autoscaling/v1 Scale", Last());
        Assert.Equal("""{"replicas":1}""", Call("/v").Request.At("object", "spec").ToCompact());
        Assert.Equal("{}", Call("/v").Request.At("oldObject", "spec").ToCompact());

        string Last()
        {
            var request = Call("/v").Request;
            var (group, version) = (request.Text("kind", "group"), request.Text("kind", "version"));
            return $"{request.Text("operation")} {request.Text("resource", "resource")}/{request.Text("subResource")} "
                + $"{(group is "" ? "" : $"{group}/")}{version} {request.Text("kind", "kind")}";
        }
    }

    [Fact]
    public async Task A_webhook_can_deny_the_deletion_of_a_definition_by_its_group()
    {
        var kind = $"Thing{Guid.NewGuid().ToString("N")[..8]}";
        var plural = $"{kind.ToLowerInvariant()}s";
        var created = await cluster.CreateAsync(Objects.DefinitionsPath, Objects.Definition(plural, kind, """{"type": "object"}"""));
        var path = $"{Objects.DefinitionsPath}/{created.Text("metadata", "name")}";
        await _bench.ValidatingAsync(_bench.Webhook("/v", $$"""
            {"namespaceSelector": {}, "rules": [{"apiGroups": ["apiextensions.k8s.io"], "apiVersions": ["v1"],
             "resources": ["customresourcedefinitions"], "operations": ["DELETE"], "scope": "Cluster"}],
             "matchConditions": [{"name": "ours", "expression": "oldObject.spec.group == '{{created.Text("spec", "group")}}' && oldObject.spec.names.kind == '{{kind}}'"}]}
            """, _ => AdmissionBench.Deny("""{"code": 403, "reason": "Forbidden", "message": "still used"}""")));
        var answer = await cluster.DeleteAsync(path);
        Assert.Equal((403, "Forbidden", "admission webhook \"v.example.com\" denied the request: still used"),
            (answer.Code, answer.Reason, answer.Message));
        Assert.Equal(("DELETE", "null", kind), (Call("/v").Request.Text("operation"), Call("/v").Request["object"].ToCompact(),
            Call("/v").Request.Text("oldObject", "spec", "names", "kind")));
        Assert.Null((await cluster.GetAsync(path)).Body.At("metadata", "deletionTimestamp"));
        await _bench.ValidatingAsync();
        Assert.Equal(200, (await cluster.DeleteAsync(path)).Code);
    }

    private WebhookCall Call(string path) => _bench.Server.Calls.Last(call => call.Path == path);

    /// <summary>Of the request what is the same for every cluster and object.</summary>
    private static string Rest(JsonNode request)
    {
        var rest = request.DeepClone().AsObject();
        foreach (var name in (string[])["uid", "userInfo", "object"]) rest.Remove(name);
        return rest.ToCompact();
    }

    private (string?, string?, string?, bool) Metadata(JsonNode? created) =>
        ("one", _bench.Namespace, created.Text("metadata", "uid"), created is not null);

    private static (string?, string?, string?, bool) MetadataOf(JsonNode? tree) =>
        (tree.Text("metadata", "name"), tree.Text("metadata", "namespace"), tree.Text("metadata", "uid"),
            tree.Text("metadata", "creationTimestamp") is not null);
}
