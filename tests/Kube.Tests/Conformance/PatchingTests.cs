using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Conformance;

public sealed class PatchingTests(ConformanceCluster cluster)
{
    [Fact]
    public async Task A_merge_patch_merges_objects_removes_with_null_and_replaces_lists()
    {
        var path = await NewDeploymentAsync();
        var patched = await cluster.PatchAsync(path, """{"metadata": {"labels": {"a": "b", "c": "d"}}}""");
        Assert.Equal("b", patched.Body.Text("metadata", "labels", "a"));
        patched = await cluster.PatchAsync(path, """
            {"metadata": {"labels": {"a": null}}, "spec": {"template": {"spec": {"containers": [{"name": "only", "image": "x:1"}]}}}}
            """);
        Assert.Null(patched.Body.Text("metadata", "labels", "a"));
        Assert.Equal("d", patched.Body.Text("metadata", "labels", "c"));
        Assert.Equal(["only"], Containers(patched));
    }

    [Fact]
    public async Task A_strategic_merge_patch_merges_lists_by_key()
    {
        var path = await NewDeploymentAsync();
        var patched = await cluster.PatchAsync(path, """
            {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "x:2", "env": [{"name": "B", "value": "2"}]}]}}}}
            """, "strategic-merge-patch");
        Assert.Equal(["main", "side"], Containers(patched));
        var main = patched.Body.Objects("spec", "template", "spec", "containers").First();
        Assert.Equal("x:2", main.Text("image"));
        Assert.Equal(["A", "B"], main.Objects("env").Select(one => one.Text("name")!).Order());
    }

    [Fact]
    public async Task A_strategic_merge_patch_deletes_replaces_and_orders_by_directive()
    {
        var path = await NewDeploymentAsync();
        var reordered = await cluster.PatchAsync(path, """
            {"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "side"}, {"name": "main"}], "containers": [{"name": "main", "image": "x:3"}]}}}}
            """, "strategic-merge-patch");
        Assert.Equal(["side", "main"], Containers(reordered));
        var deleted = await cluster.PatchAsync(path, """
            {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}, "template": {"spec": {"containers": [{"name": "side", "$patch": "delete"}]}}}}
            """, "strategic-merge-patch");
        Assert.Equal(["main"], Containers(deleted));
        Assert.Null(deleted.Body.At("spec", "strategy", "rollingUpdate"));
    }

    [Fact]
    public async Task A_strategic_status_patch_keeps_conditions_of_other_types()
    {
        var path = $"{cluster.Pods}/{(await cluster.CreateAsync(cluster.Pods, Objects.Pod(cluster.NewName()))).Text("metadata", "name")}";
        await cluster.PatchAsync($"{path}/status", """{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}""", "strategic-merge-patch");
        var patched = await cluster.PatchAsync($"{path}/status", """{"status": {"conditions": [{"type": "example.com/gate", "status": "True"}]}}""", "strategic-merge-patch");
        Assert.Superset(new HashSet<string> { "Ready", "example.com/gate" },
            patched.Body.Objects("status", "conditions").Select(one => one.Text("type")!).ToHashSet());
    }

    [Fact]
    public async Task A_JSON_patch_is_applied_completely_or_not_at_all()
    {
        var path = await NewDeploymentAsync();
        var done = await cluster.PatchAsync(path, """
            [{"op": "test", "path": "/spec/replicas", "value": 0}, {"op": "add", "path": "/metadata/annotations", "value": {"a/b": "c"}},
             {"op": "remove", "path": "/spec/template/spec/containers/1"}]
            """, "json-patch");
        Assert.Equal(["main"], Containers(done));
        Assert.Equal("c", done.Body.Text("metadata", "annotations", "a/b"));
        var refused = await cluster.PatchAsync(path, """
            [{"op": "replace", "path": "/metadata/annotations/a~1b", "value": "d"}, {"op": "test", "path": "/spec/replicas", "value": 7}]
            """, "json-patch");
        Assert.Equal(422, refused.Code);
        Assert.Equal("c", (await cluster.GetAsync(path)).Body.Text("metadata", "annotations", "a/b"));
    }

    [Fact]
    public async Task A_patch_with_another_version_is_409()
    {
        var path = await NewDeploymentAsync();
        var answer = await cluster.PatchAsync(path, """{"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}}""");
        Assert.Equal((409, "Conflict"), (answer.Code, answer.Reason));
    }

    [Fact]
    public async Task A_patch_with_another_uid_is_422()
    {
        var other = $$$$$"""{"metadata": {"uid": "{{{{{Guid.NewGuid()}}}}}", "labels": {"a": "b"}}}""";
        var answer = await cluster.PatchAsync(await NewDeploymentAsync(), other);
        Assert.Equal(422, answer.Code);
        Assert.Contains("metadata.uid", answer.Fields);
    }

    [Fact]
    public async Task A_status_patch_of_a_custom_resource_checks_the_version_but_not_the_uid()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Widgets, Objects.Widget(name));
        var path = $"{cluster.Widgets}/{name}/status";
        var patched = await cluster.PatchAsync(path, $$$$$"""{"metadata": {"uid": "{{{{{Guid.NewGuid()}}}}}"}, "status": {"phase": "Done"}}""");
        Assert.Equal((200, "Done"), (patched.Code, patched.Body.Text("status", "phase")));
        Assert.Equal(409, (await cluster.PatchAsync(path, """{"metadata": {"resourceVersion": "1"}, "status": {"phase": "Late"}}""")).Code);
    }

    [Fact]
    public async Task A_custom_resource_rejects_strategic_merge_with_415()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Widgets, Objects.Widget(name));
        Assert.Equal(415, (await cluster.PatchAsync($"{cluster.Widgets}/{name}", "{}", "strategic-merge-patch")).Code);
    }

    private async Task<string> NewDeploymentAsync()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Deployments, Objects.Deployment(name));
        return $"{cluster.Deployments}/{name}";
    }

    private static IEnumerable<string> Containers(Answer answer)
    {
        Assert.True(answer.Code == 200, answer.Text);
        return answer.Body.Objects("spec", "template", "spec", "containers").Select(one => one.Text("name")!);
    }
}
