using System.Text.Json.Nodes;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

public sealed class DeploymentTests(RunningCluster cluster) : IClassFixture<RunningCluster>
{
    [Fact]
    public async Task A_deployment_comes_up_and_its_status_says_so()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 3);
        await ns.ReadyPodsAsync(3);

        var found = await StatusAsync(ns, "web", status => Number(status, "availableReplicas") == 3);
        Assert.Equal(3, Number(found["status"]!, "updatedReplicas"));
        Assert.Equal("True", found.Condition("Available")!["status"]!.GetValue<string>());
        Assert.Equal("NewReplicaSetAvailable", found.Condition("Progressing")!["reason"]!.GetValue<string>());
        Assert.Equal("1", found["metadata"]!["annotations"]!["deployment.kubernetes.io/revision"]!.GetValue<string>());
        var addresses = (await ns.LivePodsAsync()).Select(pod => pod["status"]!["podIP"]!.GetValue<string>()).ToList();
        Assert.Equal(3, addresses.Distinct().Count());
    }

    [Fact]
    public async Task Scaling_follows_up_and_down_to_nothing()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 1);
        await ns.ReadyPodsAsync(1);
        foreach (var replicas in (int[])[4, 2, 0])
        {
            await cluster.MergeAsync($"{ns.Apps}/deployments/web/scale", $"{{'spec': {{'replicas': {replicas}}}}}");
            await ns.ReadyPodsAsync(replicas);
        }

        await StatusAsync(ns, "web", status => Number(status, "replicas") == 0);
    }

    [Fact]
    public async Task Scaling_down_takes_the_unready_and_then_the_cheap_to_delete()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 3);
        await ns.ReadyPodsAsync(3);
        var cheap = (await ns.LivePodsAsync())[1].NameOf();
        await cluster.MergeAsync(ns.PodPath(cheap), "{'metadata': {'annotations': {'controller.kubernetes.io/pod-deletion-cost': '-5'}}}");
        // The controller reads pods from a cache. Once it has replaced a pod that was deleted later, the cache has the cost.
        var deleted = (await ns.LivePodsAsync())[0].NameOf();
        await cluster.DeleteAsync(ns.PodPath(deleted));
        await Eventually.True(async () => await ns.LivePodsAsync() is { Count: 3 } pods && pods.All(pod => pod.NameOf() != deleted));
        await ns.ReadyPodsAsync(3);
        await cluster.MergeAsync($"{ns.Apps}/deployments/web", "{'spec': {'replicas': 2}}");
        await ns.ReadyPodsAsync(2);
        Assert.DoesNotContain(cheap, (await ns.LivePodsAsync()).Select(pod => pod.NameOf()));
    }

    [Theory]
    [InlineData("{'rollingUpdate': {'maxSurge': 1, 'maxUnavailable': 0}}", 4, 3)]
    [InlineData("{'rollingUpdate': {'maxSurge': 0, 'maxUnavailable': 1}}", 3, 2)]
    [InlineData("{'rollingUpdate': {'maxSurge': 2, 'maxUnavailable': 1}}", 5, 2)]
    public async Task A_rolling_update_keeps_within_surge_and_unavailability(string strategy, int most, int fewest)
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 3, strategy);
        await ns.ReadyPodsAsync(3);
        await cluster.MergeAsync($"{ns.Apps}/deployments/web", NewTemplate("'A': '2'"));

        // Surge counts what ReplicaSets are asked for, as in Kubernetes: a pod that is about to be deleted may still be listed.
        var seen = new List<(int Asked, int Ready)>();
        await Eventually.True(async () =>
        {
            var pods = await ns.LivePodsAsync();
            var sets = await ns.ListAsync($"{ns.Apps}/replicasets");
            seen.Add((sets.Sum(set => Number(set["spec"]!, "replicas")), pods.Count(pod => pod.IsReady())));
            return pods.Count == 3 && pods.All(pod => pod.IsReady() && pod["metadata"]!["annotations"]?["A"] is not null);
        });
        Assert.All(seen, counts => Assert.True(counts.Asked <= most && counts.Ready >= fewest, $"{counts}"));
        Assert.Equal([0, 3], (await ns.ListAsync($"{ns.Apps}/replicasets")).Select(set => Number(set["spec"]!, "replicas")).Order());
    }

    [Fact]
    public async Task An_update_that_never_gets_ready_leaves_the_old_pods_that_must_stay()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 3, "{'rollingUpdate': {'maxSurge': 1, 'maxUnavailable': 1}}");
        await ns.ReadyPodsAsync(3);
        await cluster.MergeAsync(
            $"{ns.Apps}/deployments/web", "{'spec': {'template': {'spec': {'containers': [{'name': 'main', 'image': 'unknown'}]}}}}");
        await Eventually.True(async () => (await ns.LivePodsAsync())
            .Count(pod => pod.Waiting() is "ErrImagePull" or "ImagePullBackOff") == 2);
        await StatusAsync(ns, "web", status => Number(status, "availableReplicas") == 2 && Number(status, "updatedReplicas") == 2);
    }

    [Fact]
    public async Task Old_pods_that_do_not_work_stay_too_while_no_fewer_may_be_there()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 3, "{'rollingUpdate': {'maxSurge': 1, 'maxUnavailable': 0}}", "'image': 'unknown'");
        await StatusAsync(ns, "web", status => Number(status, "replicas") == 3);
        await cluster.MergeAsync($"{ns.Apps}/deployments/web", NewTemplate("'A': '2'"));
        await StatusAsync(ns, "web", status => Number(status, "updatedReplicas") == 1 && Number(status, "observedGeneration") == 2);
        Assert.Equal([1, 3], (await ns.ListAsync($"{ns.Apps}/replicasets")).Select(set => Number(set["spec"]!, "replicas")).Order());
    }

    [Fact]
    public async Task Recreate_ends_all_old_pods_before_the_first_new_one()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 2, "{'type': 'Recreate'}");
        await ns.ReadyPodsAsync(2);
        await cluster.MergeAsync($"{ns.Apps}/deployments/web", NewTemplate("'A': '2'"));
        var wereTogether = false;
        await Eventually.True(async () =>
        {
            var pods = await ns.LivePodsAsync();
            wereTogether |= pods.Select(IsNew).Distinct().Count() > 1;
            return pods.Count == 2 && pods.All(pod => IsNew(pod) && pod.IsReady());
        });
        Assert.False(wereTogether, "old and new pods together");

        static bool IsNew(JsonObject pod) => pod["metadata"]!["annotations"]?["A"] is not null;
    }

    [Fact]
    public async Task The_old_template_again_takes_its_replica_set_back_as_the_newest_revision()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 1);
        await ns.ReadyPodsAsync(1);
        var first = Assert.Single(await ns.ListAsync($"{ns.Apps}/replicasets")).NameOf();
        await cluster.MergeAsync($"{ns.Apps}/deployments/web", NewTemplate("'A': '2'"));
        await Eventually.True(async () => await RevisionAsync(ns) == "2");
        await cluster.MergeAsync($"{ns.Apps}/deployments/web", NewTemplate("'A': null"));
        await Eventually.True(async () => await RevisionAsync(ns) == "3");
        await Eventually.True(async () => Number((await cluster.FindAsync($"{ns.Apps}/replicasets/{first}"))!["spec"]!, "replicas") == 1);
        await ns.ReadyPodsAsync(1);
        Assert.Equal(2, (await ns.ListAsync($"{ns.Apps}/replicasets")).Count);
    }

    [Fact]
    public async Task A_deleted_and_an_evicted_pod_are_replaced()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 2);
        await ns.ReadyPodsAsync(2);
        var (deleted, evicted) = ((await ns.LivePodsAsync())[0], (await ns.LivePodsAsync())[1]);
        await cluster.DeleteAsync(ns.PodPath(deleted.NameOf()));
        await cluster.PostAsync(
            $"{ns.PodPath(evicted.NameOf())}/eviction",
            RunningCluster.Json($"{{'apiVersion': 'policy/v1', 'kind': 'Eviction', 'metadata': {{'name': '{evicted.NameOf()}'}}}}"));
        await ns.GoneAsync(ns.PodPath(deleted.NameOf()));
        await ns.GoneAsync(ns.PodPath(evicted.NameOf()));
        await ns.ReadyPodsAsync(2);
    }

    [Fact]
    public async Task A_pod_is_available_only_after_it_has_been_ready_for_minReadySeconds()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.DeployAsync("web", 1);
        await StatusAsync(ns, "web", status => Number(status, "availableReplicas") == 1);
        await cluster.MergeAsync($"{ns.Apps}/deployments/web", "{'spec': {'minReadySeconds': 300}}");
        await StatusAsync(ns, "web", status => Number(status, "readyReplicas") == 1 && Number(status, "availableReplicas") == 0);
        await cluster.MergeAsync($"{ns.Apps}/deployments/web", "{'spec': {'minReadySeconds': 1}}");
        await StatusAsync(ns, "web", status => Number(status, "availableReplicas") == 1);
        Assert.Single(await ns.ListAsync($"{ns.Apps}/replicasets"));
    }

    private static string NewTemplate(string annotation) =>
        $"{{'spec': {{'template': {{'metadata': {{'annotations': {{{annotation}}}}}}}}}}}";

    private static int Number(JsonNode status, string field) => status[field]?.GetValue<int>() ?? 0;

    private async Task<string?> RevisionAsync(TestNamespace ns) =>
        (await cluster.FindAsync($"{ns.Apps}/deployments/web"))!["metadata"]!["annotations"]?[
            "deployment.kubernetes.io/revision"]?.GetValue<string>();

    private Task<JsonObject> StatusAsync(TestNamespace ns, string deployment, Func<JsonNode, bool> condition) => Eventually.Some(async () =>
        await cluster.FindAsync($"{ns.Apps}/deployments/{deployment}") is { } found && found["status"] is { } status && condition(status)
            ? found : null);
}
