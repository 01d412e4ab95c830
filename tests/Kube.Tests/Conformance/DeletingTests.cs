using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Conformance;

public sealed class DeletingTests(ConformanceCluster cluster)
{
    [Fact]
    public async Task Deleting_with_another_uid_is_409()
    {
        var name = cluster.NewName();
        var created = await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(name));
        var other = await cluster.DeleteAsync($"{cluster.ConfigMaps}/{name}",
            Objects.Preconditions(Guid.NewGuid().ToString()));
        Assert.Equal((409, "Conflict"), (other.Code, other.Reason));
        var right = await cluster.DeleteAsync($"{cluster.ConfigMaps}/{name}",
            Objects.Preconditions(created.Text("metadata", "uid")!));
        Assert.Equal((200, "Success"), (right.Code, right.Body.Text("status")));
        Assert.Equal(404, (await cluster.GetAsync($"{cluster.ConfigMaps}/{name}")).Code);
    }

    [Fact]
    public async Task A_finalizer_holds_an_object_and_its_removal_deletes_it()
    {
        var path = await HeldAsync();
        var marked = await cluster.DeleteAsync(path);
        Assert.Equal(200, marked.Code);
        Assert.NotNull(marked.Body.Text("metadata", "deletionTimestamp"));
        Assert.Equal(200, (await cluster.GetAsync(path)).Code);
        await cluster.PatchAsync(path, """{"metadata": {"finalizers": null}}""");
        Assert.Equal(404, (await cluster.GetAsync(path)).Code);
    }

    [Fact]
    public async Task The_patch_that_removes_the_last_finalizer_answers_with_the_version_before_the_deletion()
    {
        var path = await HeldAsync();
        var marked = await cluster.DeleteAsync(path);
        var name = marked.Body.Text("metadata", "name");
        await using var watch = await cluster.WatchAsync(
            $"{cluster.ConfigMaps}?resourceVersion={marked.Version}&fieldSelector=metadata.name%3D{name}");
        var released = await cluster.PatchAsync(path, """{"metadata": {"finalizers": null}}""");
        Assert.Equal((200, marked.Version), (released.Code, released.Version));
        Assert.NotNull(released.Body.Text("metadata", "deletionTimestamp"));
        var deleted = await watch.NextAsync();
        Assert.Equal("DELETED", deleted.Text("type"));
        Assert.NotEqual(marked.Version, deleted.Text("object", "metadata", "resourceVersion"));
    }

    [Fact]
    public async Task A_terminating_object_accepts_no_new_finalizer()
    {
        var path = await HeldAsync();
        await cluster.DeleteAsync(path);
        var answer = await cluster.PatchAsync(path, """{"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}""");
        Assert.Equal(422, answer.Code);
        Assert.Contains("metadata.finalizers", answer.Fields);
        await cluster.PatchAsync(path, """{"metadata": {"finalizers": null}}""");
    }

    [Theory]
    [InlineData("Foreground", "foregroundDeletion")]
    [InlineData("Orphan", "orphan")]
    public async Task The_propagation_policy_becomes_a_finalizer(string policy, string finalizer)
    {
        var path = await HeldAsync();
        var marked = await cluster.DeleteAsync($"{path}?propagationPolicy={policy}");
        Assert.Contains(finalizer, marked.Body.Texts("metadata", "finalizers"));
        await cluster.PatchAsync(path, """{"metadata": {"finalizers": null}}""");
    }

    [Fact]
    public async Task A_pod_on_a_node_stays_for_its_grace_period()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Pods,
            Objects.Pod(name, "\"nodeName\": \"no-such-node\", \"terminationGracePeriodSeconds\": 20,"));
        var marked = await cluster.DeleteAsync($"{cluster.Pods}/{name}");
        Assert.Equal(20, marked.Body.Number("metadata", "deletionGracePeriodSeconds"));
        Assert.Equal(200, (await cluster.GetAsync($"{cluster.Pods}/{name}")).Code);
        await cluster.DeleteAsync($"{cluster.Pods}/{name}?gracePeriodSeconds=0");
        Assert.Equal(404, (await cluster.GetAsync($"{cluster.Pods}/{name}")).Code);
    }

    [Fact]
    public async Task A_pod_without_a_node_is_deleted_immediately()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Pods, Objects.Pod(name));
        await cluster.DeleteAsync($"{cluster.Pods}/{name}");
        Assert.Equal(404, (await cluster.GetAsync($"{cluster.Pods}/{name}")).Code);
    }

    private async Task<string> HeldAsync()
    {
        var held = Objects.ConfigMap(cluster.NewName());
        held["metadata"]!["finalizers"] = new System.Text.Json.Nodes.JsonArray("example.com/hold");
        return $"{cluster.ConfigMaps}/{(await cluster.CreateAsync(cluster.ConfigMaps, held)).Text("metadata", "name")}";
    }
}
