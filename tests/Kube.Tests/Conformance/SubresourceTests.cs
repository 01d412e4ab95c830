using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Conformance;

public sealed class SubresourceTests(ConformanceCluster cluster)
{
    [Fact]
    public async Task A_Deployment_scales_through_its_subresource()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Deployments, Objects.Deployment(name));
        var scale = await cluster.GetAsync($"{cluster.Deployments}/{name}/scale");
        Assert.Equal((null, $"app={name}"),
            (scale.Body.At("spec", "replicas"), scale.Body.Text("status", "selector")));      // a zero is left out
        var scaled = await cluster.PatchAsync($"{cluster.Deployments}/{name}/scale", """{"spec": {"replicas": 2}}""");
        Assert.Equal(2, scaled.Body.Number("spec", "replicas"));
        Assert.Equal(2, (await cluster.GetAsync($"{cluster.Deployments}/{name}")).Body.Number("spec", "replicas"));
        await cluster.DeleteAsync($"{cluster.Deployments}/{name}");
    }

    [Fact]
    public async Task A_pod_is_bound_to_a_node_once()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Pods, Objects.Pod(name));
        JsonNode Binding(string node) => JsonNode.Parse($$$$$"""
            {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "{{{{{name}}}}}"}, "target": {"kind": "Node", "name": "{{{{{node}}}}}"}}
            """)!;
        Assert.Equal(201, (await cluster.PostAsync($"{cluster.Pods}/{name}/binding", Binding("no-such-node"))).Code);
        Assert.Equal("no-such-node", (await cluster.GetAsync($"{cluster.Pods}/{name}")).Body.Text("spec", "nodeName"));
        Assert.Equal(409, (await cluster.PostAsync($"{cluster.Pods}/{name}/binding", Binding("other"))).Code);
        await cluster.DeleteAsync($"{cluster.Pods}/{name}?gracePeriodSeconds=0");
    }

    [Fact]
    public async Task An_eviction_deletes_the_pod()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Pods, Objects.Pod(name));
        var body = JsonNode.Parse($$$$$"""{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "{{{{{name}}}}}", "namespace": "{{{{{cluster.Namespace}}}}}"}}""")!;
        Assert.Equal(201, (await cluster.PostAsync($"{cluster.Pods}/{name}/eviction", body)).Code);
        Assert.Equal(404, (await cluster.GetAsync($"{cluster.Pods}/{name}")).Code);
    }

    [Fact]
    public async Task A_token_names_its_account_and_pod_and_ends_with_the_pod()
    {
        var name = cluster.NewName();
        var pod = await cluster.CreateAsync(cluster.Pods, Objects.Pod(name));
        var ask = JsonNode.Parse($$$$$"""
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["modules"], "expirationSeconds": 600,
             "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "{{{{{name}}}}}", "uid": "{{{{{pod.Text("metadata", "uid")}}}}}"}}}
            """)!;
        var token = (await cluster.CreateAsync($"/api/v1/namespaces/{cluster.Namespace}/serviceaccounts/default/token",
            ask)).Text("status", "token")!;
        var status = await ReviewAsync(token, "modules");
        Assert.True(status.Flag("authenticated"));
        Assert.Equal($"system:serviceaccount:{cluster.Namespace}:default", status.Text("user", "username"));
        Assert.Equal([name], status.Texts("user", "extra", "authentication.kubernetes.io/pod-name"));
        Assert.Equal([pod.Text("metadata", "uid")!],
            status.Texts("user", "extra", "authentication.kubernetes.io/pod-uid"));
        Assert.False((await ReviewAsync(token, "others")).Flag("authenticated"));
        Assert.False((await ReviewAsync($"{token}x", "modules")).Flag("authenticated"));
        await cluster.DeleteAsync($"{cluster.Pods}/{name}");
        // A server may go on accepting it for up to a minute.
        await Eventually.True(async () =>
            !JsonNode.Parse(await cluster.PollAsync(Reviews, ReviewOf(token, "modules"))).Flag("status", "authenticated"));
    }

    private const string Reviews = "/apis/authentication.k8s.io/v1/tokenreviews";

    private async Task<JsonNode?> ReviewAsync(string token, string audience) =>
        (await cluster.CreateAsync(Reviews, ReviewOf(token, audience)))["status"];

    private static JsonObject ReviewOf(string token, string audience) => new()
    {
        ["apiVersion"] = "authentication.k8s.io/v1",
        ["kind"] = "TokenReview",
        ["spec"] = new JsonObject { ["token"] = token, ["audiences"] = new JsonArray(audience) },
    };
}
