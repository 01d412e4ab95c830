using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

public sealed class NamespaceTests(RunningCluster cluster) : IClassFixture<RunningCluster>
{
    private const string Definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

    [Fact]
    public async Task A_deleted_namespace_ends_its_pods_and_goes()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 2);
        await ns.ReadyPodsAsync(2);
        await cluster.DeleteAsync(ns.Path);
        await ns.GoneAsync(ns.Path);
        Assert.Empty(await ns.ListAsync($"{ns.Path}/pods"));
        Assert.Empty(await ns.ListAsync($"{ns.Apps}/deployments"));
    }

    [Fact]
    public async Task It_waits_for_the_finalizer_of_a_custom_resource()
    {
        var group = $"g{Guid.NewGuid().ToString()[..8]}.example.com";
        await cluster.PostAsync(Definitions, RunningCluster.Json($$"""
            {
              'metadata': {'name': 'things.{{group}}'},
              'spec': {
                'group': '{{group}}', 'scope': 'Namespaced', 'names': {'plural': 'things', 'singular': 'thing', 'kind': 'Thing'},
                'versions': [{'name': 'v1', 'served': true, 'storage': true, 'schema': {'openAPIV3Schema': {'type': 'object'} } }]
              }
            }
            """));
        var ns = await cluster.NewNamespaceAsync();
        var things = $"/apis/{group}/v1/namespaces/{ns.Name}/things";
        await Eventually.True(async () => await cluster.FindAsync(things) is not null);
        await cluster.PostAsync(things, RunningCluster.Json(
            $"{{'apiVersion': '{group}/v1', 'kind': 'Thing', 'metadata': {{'name': 'held', 'finalizers': ['example.com/hold']}}}}"));
        await cluster.DeleteAsync(ns.Path);
        await Eventually.True(async () => (await cluster.FindAsync($"{things}/held"))!["metadata"]!["deletionTimestamp"] is not null);
        Assert.Equal("Terminating", (await cluster.FindAsync(ns.Path))!["status"]!["phase"]!.GetValue<string>());
        await cluster.MergeAsync($"{things}/held", "{'metadata': {'finalizers': null}}");
        await ns.GoneAsync(ns.Path);
        await cluster.DeleteAsync($"{Definitions}/things.{group}");
        await ns.GoneAsync($"{Definitions}/things.{group}");
    }
}
