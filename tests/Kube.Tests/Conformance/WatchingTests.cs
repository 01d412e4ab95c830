using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Conformance;

public sealed class WatchingTests(ConformanceCluster cluster)
{
    [Fact]
    public async Task A_list_in_pages_is_of_one_version_and_complete()
    {
        var label = cluster.NewName("pages");
        for (var i = 0; i < 5; i++) await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(cluster.NewName(), $$$$$"""{"set": "{{{{{label}}}}}"}"""));
        var path = $"{cluster.ConfigMaps}?labelSelector=set%3D{label}&limit=2";
        var page = (await cluster.GetAsync(path)).Body;
        var version = page.Text("metadata", "resourceVersion");
        await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(cluster.NewName("zz"), $$$$$"""{"set": "{{{{{label}}}}}"}"""));
        var names = page.Objects("items").Select(item => item.Text("metadata", "name")!).ToList();
        while (page.Text("metadata", "continue") is { Length: > 0 } token)
        {
            page = (await cluster.GetAsync($"{path}&continue={Uri.EscapeDataString(token)}")).Body;
            Assert.Equal(version, page.Text("metadata", "resourceVersion"));
            names.AddRange(page.Objects("items").Select(item => item.Text("metadata", "name")!));
        }

        Assert.Equal(5, names.Distinct().Count());
    }

    [Theory]
    [InlineData("tier=a", "one")]
    [InlineData("tier!=a,set", "two,three")]
    [InlineData("tier in (a,b)", "one,two")]
    [InlineData("tier notin (a,b)", "three")]
    [InlineData("tier", "one,two")]
    [InlineData("!tier", "three")]
    public async Task Label_selectors_pick_by_equality_sets_and_presence(string selector, string expected)
    {
        var set = cluster.NewName("labels");
        foreach (var (name, tier) in ((string, string)[])[("one", "\"tier\": \"a\","), ("two", "\"tier\": \"b\","),
            ("three", "")])
            await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap($"{set}-{name}", $$$$$"""{ {{{{{tier}}}}} "set": "{{{{{set}}}}}"}"""));
        var found = await cluster.GetAsync($"{cluster.ConfigMaps}?labelSelector={Uri.EscapeDataString($"set={set},{selector}")}");
        Assert.Equal(expected.Split(',').Order(), found.Body.Objects("items")
            .Select(item => item.Text("metadata", "name")![(set.Length + 1)..]).Order());
    }

    [Fact]
    public async Task Field_selectors_pick_pods_by_phase_and_node_and_events_by_object()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Pods, Objects.Pod(name, "\"nodeName\": \"no-such-node\","));
        async Task<int> CountAsync(string path, string fields) =>
            (await cluster.GetAsync($"{path}?fieldSelector={Uri.EscapeDataString(fields)}")).Body.Objects("items")
                .Count();
        Assert.Equal(1, await CountAsync(cluster.Pods,
            $"metadata.name={name},spec.nodeName=no-such-node,status.phase=Pending"));
        Assert.Equal(0, await CountAsync(cluster.Pods, $"metadata.name={name},status.phase!=Pending"));
        var events = $"/api/v1/namespaces/{cluster.Namespace}/events";
        var about = new JsonObject
        {
            ["kind"] = "Pod",
            ["namespace"] = cluster.Namespace,
            ["name"] = name,
            ["uid"] = "u-1"
        };
        await cluster.CreateAsync(events, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = $"{name}.1" },
            ["involvedObject"] = about,
            ["reason"] = "Tested",
            ["type"] = "Normal",
        });
        Assert.Equal(1, await CountAsync(events,
            $"involvedObject.name={name},involvedObject.kind=Pod,involvedObject.uid=u-1,reason=Tested"));
        Assert.Equal(0, await CountAsync(events, $"involvedObject.name={name},involvedObject.uid=u-2"));
        await cluster.DeleteAsync($"{cluster.Pods}/{name}?gracePeriodSeconds=0");
    }

    [Fact]
    public async Task A_field_that_cannot_be_selected_is_400() =>
        Assert.Equal(400, (await cluster.GetAsync($"{cluster.Pods}?fieldSelector=spec.hostname%3Da")).Code);

    [Fact]
    public async Task A_watch_replays_from_a_version_and_follows()
    {
        var name = cluster.NewName();
        var before = (await cluster.GetAsync(cluster.ConfigMaps)).Version;
        await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(name));
        await using var watch =
            await cluster.WatchAsync($"{cluster.ConfigMaps}?resourceVersion={before}&fieldSelector=metadata.name%3D{name}");
        Assert.Equal([$"ADDED {name}"], await watch.NextAsync(1));
        await cluster.PatchAsync($"{cluster.ConfigMaps}/{name}", """{"data": {"a": "2"}}""");
        await cluster.DeleteAsync($"{cluster.ConfigMaps}/{name}");
        Assert.Equal([$"MODIFIED {name}", $"DELETED {name}"], await watch.NextAsync(2));
    }

    [Fact]
    public async Task A_watch_without_a_version_begins_with_the_current_objects()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(name));
        await using var watch = await cluster.WatchAsync($"{cluster.ConfigMaps}?fieldSelector=metadata.name%3D{name}");
        Assert.Equal([$"ADDED {name}"], await watch.NextAsync(1));
    }

    [Fact]
    public async Task A_watch_with_a_selector_adds_and_deletes_an_object_as_its_labels_change()
    {
        var (name, label) = (cluster.NewName(), cluster.NewName("shown"));
        await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(name));
        var version = (await cluster.GetAsync(cluster.ConfigMaps)).Version;
        await using var watch =
            await cluster.WatchAsync($"{cluster.ConfigMaps}?resourceVersion={version}&labelSelector={label}");
        await cluster.PatchAsync($"{cluster.ConfigMaps}/{name}", $$$$$"""{"metadata": {"labels": {"{{{{{label}}}}}": "yes"}}}""");
        await cluster.PatchAsync($"{cluster.ConfigMaps}/{name}", $$$$$"""{"metadata": {"labels": {"{{{{{label}}}}}": null}}}""");
        Assert.Equal([$"ADDED {name}", $"DELETED {name}"], await watch.NextAsync(2));
    }

    [Fact]
    public async Task A_watch_ends_at_its_timeout()
    {
        await using var watch =
            await cluster.WatchAsync(
                $"{cluster.ConfigMaps}?resourceVersion={(await cluster.GetAsync(cluster.ConfigMaps)).Version}&timeoutSeconds=1&fieldSelector=metadata.name%3Dnone");
        Assert.Null(await watch.NextAsync());
    }
}
