using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Conformance;

public sealed class QuotaTests(ConformanceCluster cluster) : IAsyncLifetime
{
    private string Namespace { get; } = $"quota-{Guid.NewGuid().ToString()[..8]}";

    private string Home => $"/api/v1/namespaces/{Namespace}";

    private string Deployments => $"/apis/apps/v1/namespaces/{Namespace}/deployments";

    private const string Count = "count/deployments.apps";

    public async ValueTask InitializeAsync() => await cluster.CreateAsync("/api/v1/namespaces",
        new JsonObject { ["metadata"] = new JsonObject { ["name"] = Namespace } });

    public async ValueTask DisposeAsync() => await cluster.DeleteAsync($"/api/v1/namespaces/{Namespace}");

    [Fact]
    public async Task More_objects_than_a_quota_allows_are_403()
    {
        await LimitAsync(new() { [Count] = "1", ["services"] = "5" });
        await cluster.CreateAsync(Deployments, Objects.Deployment("one"));
        var answer = await cluster.PostAsync(Deployments, Objects.Deployment("two"));
        Assert.Equal(JsonNode.Parse($$$"""
            {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
             "message":"deployments.apps \"two\" is forbidden: exceeded quota: q, requested: {{{Count}}}=1, used: {{{Count}}}=1, limited: {{{Count}}}=1",
             "reason":"Forbidden","details":{"name":"two","group":"apps","kind":"deployments"},"code":403}
            """)!.ToJsonString(), answer.Body.ToJsonString());
        Assert.Equal(403, (await cluster.PostAsync(Deployments, Objects.Deployment("one"))).Code);
        await UsedAsync(Count, "1");

        await cluster.DeleteAsync($"{Deployments}/one");
        await UsedAsync(Count, "0");
        await cluster.CreateAsync(Deployments, Objects.Deployment("two"));
    }

    [Fact]
    public async Task More_node_ports_than_a_quota_allows_are_403()
    {
        await LimitAsync(new() { ["services.nodeports"] = "1", ["services"] = "3" });
        await cluster.CreateAsync($"{Home}/services", Service("one", "NodePort", 80));
        var answer = await cluster.PostAsync($"{Home}/services", Service("two", "NodePort", 80));
        Assert.Equal(
            (403, "services \"two\" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, "
                + "limited: services.nodeports=1"),
            (answer.Code, answer.Message));
        await UsedAsync("services.nodeports", "1");
        await UsedAsync("services", "1");
    }

    [Fact]
    public async Task A_Service_that_becomes_one_with_node_ports_counts_them()
    {
        await LimitAsync(new() { ["services.nodeports"] = "1" });
        await cluster.CreateAsync($"{Home}/services", Service("one", "ClusterIP", 80, 81));
        var answer = await cluster.PatchAsync($"{Home}/services/one", """{"spec": {"type": "NodePort"}}""");
        Assert.Equal(
            (403, "services \"one\" is forbidden: exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, "
                + "limited: services.nodeports=1"),
            (answer.Code, answer.Message));
    }

    [Fact]
    public async Task Pods_that_have_ended_count_as_objects_but_not_as_pods()
    {
        await LimitAsync(new() { ["pods"] = "1", ["count/pods"] = "2" });
        await cluster.CreateAsync($"{Home}/pods", Objects.Pod("one"));
        Assert.Equal("pods \"two\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1",
            (await cluster.PostAsync($"{Home}/pods", Objects.Pod("two"))).Message);
        Assert.Equal(200, (await cluster.PatchAsync($"{Home}/pods/one/status", """{"status": {"phase": "Succeeded"}}""")).Code);
        await UsedAsync("pods", "0");
        await UsedAsync("count/pods", "1");
        await cluster.CreateAsync($"{Home}/pods", Objects.Pod("two"));
    }

    /// <summary>Creates the quota and waits until it counts.</summary>
    private async Task LimitAsync(JsonObject hard)
    {
        await cluster.CreateAsync($"{Home}/resourcequotas", new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "q" },
            ["spec"] = new JsonObject { ["hard"] = hard.DeepClone() },
        });
        foreach (var (name, _) in hard) await UsedAsync(name, "0");
    }

    private async Task UsedAsync(string name, string used)
    {
        var quota = default(JsonNode);
        await Eventually.True(
            async () => (quota = (await cluster.GetAsync($"{Home}/resourcequotas/q")).Body).Text("status", "used", name) == used,
            () => Task.FromResult($"{name}: {quota}"));
    }

    private static JsonNode Service(string name, string type, params int[] ports) => new JsonObject
    {
        ["metadata"] = new JsonObject { ["name"] = name },
        ["spec"] = new JsonObject
        {
            ["type"] = type,
            ["ports"] = new JsonArray([.. ports.Select(port => new JsonObject { ["name"] = $"p{port}", ["port"] = port })]),
        },
    };
}
