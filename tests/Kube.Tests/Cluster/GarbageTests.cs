using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

/// <summary>Deletion by owner, with ConfigMaps as owners and owned.</summary>
public sealed class GarbageTests(RunningCluster cluster) : IClassFixture<RunningCluster>
{
    [Fact]
    public async Task What_a_deleted_owner_owned_goes_in_the_background()
    {
        var ns = await cluster.NewNamespaceAsync();
        await MakeAsync(ns, "owner");
        await MakeAsync(ns, "child", "owner");
        await MakeAsync(ns, "grandchild", "child");
        await MakeAsync(ns, "other");
        await cluster.DeleteAsync(At(ns, "owner"), "{'propagationPolicy': 'Background'}");
        await ns.GoneAsync(At(ns, "owner"));
        await ns.GoneAsync(At(ns, "grandchild"));
        await ns.GoneAsync(At(ns, "child"));
        Assert.NotNull(await cluster.FindAsync(At(ns, "other")));
    }

    [Fact]
    public async Task In_the_foreground_an_owner_waits_for_those_who_block()
    {
        var ns = await cluster.NewNamespaceAsync();
        await MakeAsync(ns, "owner");
        await MakeAsync(ns, "child", "owner");
        await cluster.MergeAsync(At(ns, "child"), "{'metadata': {'finalizers': ['example.com/hold']}}");
        await cluster.DeleteAsync(At(ns, "owner"), "{'propagationPolicy': 'Foreground'}");
        await Eventually.True(async () => (await cluster.FindAsync(At(ns, "child")))?["metadata"]!["deletionTimestamp"] is not null);
        Assert.NotNull(await cluster.FindAsync(At(ns, "owner")));
        await cluster.MergeAsync(At(ns, "child"), "{'metadata': {'finalizers': null}}");
        await ns.GoneAsync(At(ns, "owner"));
        Assert.Null(await cluster.FindAsync(At(ns, "child")));
    }

    [Fact]
    public async Task Orphans_stay_and_forget_their_owner()
    {
        var ns = await cluster.NewNamespaceAsync();
        await MakeAsync(ns, "owner");
        await MakeAsync(ns, "child", "owner");
        await cluster.DeleteAsync(At(ns, "owner"), "{'propagationPolicy': 'Orphan'}");
        await ns.GoneAsync(At(ns, "owner"));
        var child = await cluster.FindAsync(At(ns, "child"));
        Assert.Null(child!["metadata"]!["deletionTimestamp"]);
        Assert.Empty(child["metadata"]!["ownerReferences"]?.AsArray() ?? []);
    }

    [Fact]
    public async Task An_object_goes_with_the_last_of_its_owners()
    {
        var ns = await cluster.NewNamespaceAsync();
        await MakeAsync(ns, "one");
        await MakeAsync(ns, "two");
        await MakeAsync(ns, "child", "one", "two");
        await cluster.DeleteAsync(At(ns, "one"));
        await Eventually.True(async () =>
            (await cluster.FindAsync(At(ns, "child")))!["metadata"]!["ownerReferences"]!.AsArray().Count == 1);
        await cluster.DeleteAsync(At(ns, "two"));
        await ns.GoneAsync(At(ns, "child"));
    }

    [Fact]
    public async Task An_object_whose_owner_never_was_goes_too()
    {
        var ns = await cluster.NewNamespaceAsync();
        await cluster.PostAsync($"{ns.Path}/configmaps", RunningCluster.Json(
            "{'metadata': {'name': 'late', 'ownerReferences': [{'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'never', 'uid': 'none'}]}}"));
        await ns.GoneAsync(At(ns, "late"));
    }

    [Fact]
    public async Task A_deleted_deployment_takes_its_pods_along()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 2);
        await ns.ReadyPodsAsync(2);
        await cluster.DeleteAsync($"{ns.Apps}/deployments/web", "{'propagationPolicy': 'Foreground'}");
        await ns.GoneAsync($"{ns.Apps}/deployments/web");
        Assert.Empty(await ns.ListAsync($"{ns.Apps}/replicasets"));
        Assert.Empty(await ns.ListAsync($"{ns.Path}/pods"));
    }

    private static string At(TestNamespace ns, string name) => $"{ns.Path}/configmaps/{name}";

    private async Task MakeAsync(TestNamespace ns, string name, params string[] owners)
    {
        var references = new List<string>();
        foreach (var owner in owners)
        {
            var uid = (await cluster.FindAsync(At(ns, owner)))!.UidOf();
            references.Add($"{{'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': '{owner}', 'uid': '{uid}', 'blockOwnerDeletion': true}}");
        }

        await cluster.PostAsync(
            $"{ns.Path}/configmaps",
            RunningCluster.Json($"{{'metadata': {{'name': '{name}', 'ownerReferences': [{string.Join(',', references)}]}}}}"));
    }
}
