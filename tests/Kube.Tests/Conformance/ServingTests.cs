using System.Text.Json.Nodes;
using ModuleController.DevApiServer.Storage;

namespace ModuleController.Kube.Tests.Conformance;

public sealed class ServingTests(ConformanceCluster cluster)
{
    private const string Table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

    [Fact]
    public async Task Discovery_lists_groups_and_resources_with_their_subresources()
    {
        Assert.Equal("1", (await cluster.GetAsync("/version")).Body.Text("major"));
        Assert.Contains("apps", (await cluster.GetAsync("/apis")).Body.Objects("groups")
            .Select(group => group.Text("name")));
        var resources = (await cluster.GetAsync("/apis/apps/v1")).Body.Objects("resources")
            .Select(one => one.Text("name")).ToArray();
        Assert.Contains("deployments", resources);
        Assert.Contains("deployments/scale", resources);
        var widgets = (await cluster.GetAsync($"/apis/{ConformanceCluster.Group}/v1")).Body.Objects("resources")
            .First();
        Assert.Equal(["widgetsx"], widgets.Texts("shortNames"));
    }

    [Fact]
    public async Task An_unknown_path_or_resource_is_404_with_a_Status()
    {
        foreach (var path in (string[])["/apis/none.example", "/apis/apps/v9", "/api/v1/nothings",
            $"{cluster.Deployments}/x/nothing/more"])
        {
            var answer = await cluster.GetAsync(path);
            Assert.Equal(404, answer.Code);
        }
    }

    [Fact]
    public async Task A_method_that_a_resource_does_not_have_is_405()
    {
        Assert.Equal(405, (await cluster.PostAsync($"{cluster.ConfigMaps}/x", new JsonObject())).Code);
        Assert.Equal(405, (await cluster.GetAsync("/apis/authentication.k8s.io/v1/tokenreviews")).Code);
    }

    [Fact]
    public async Task OpenAPI_v3_describes_each_group_and_offers_field_validation()
    {
        var index = await cluster.GetAsync("/openapi/v3");
        var url = index.Body.Text("paths", $"apis/{ConformanceCluster.Group}/v1", "serverRelativeURL")!;
        var document = (await cluster.GetAsync(url)).Body;
        var patch = document.At("paths",
            $"/apis/{ConformanceCluster.Group}/v1/namespaces/{{namespace}}/widgets/{{name}}", "patch");
        Assert.Contains("fieldValidation", patch.Objects("parameters").Select(one => one.Text("name")));
        var schema = document.Fields("components", "schemas")
            .Single(one => one.Value.Objects("x-kubernetes-group-version-kind")
                .Any(kind => kind.Text("kind") == "Widget"));
        Assert.Equal(10, schema.Value.Number("properties", "spec", "properties", "size", "maximum"));
        Assert.Equal(404, (await cluster.GetAsync("/openapi/v2-none")).Code);
    }

    [Fact]
    public async Task Requests_are_counted_by_verb_resource_and_code()
    {
        await cluster.GetAsync($"{cluster.ConfigMaps}/not-there");
        var metrics = (await cluster.GetAsync("/metrics", "text/plain")).Text;
        Assert.Contains(metrics.Split('\n'), line =>
            line.StartsWith("apiserver_request_total{", StringComparison.Ordinal)
            && line.Contains("resource=\"configmaps\"") && line.Contains("verb=\"GET\"")
                && line.Contains("code=\"404\""));
    }

    [Fact]
    public async Task Lists_gets_and_watches_are_tables_on_request()
    {
        var name = cluster.NewName();
        var created = await cluster.CreateAsync(cluster.Pods, Objects.Pod(name));
        var list = (await cluster.GetAsync($"{cluster.Pods}?fieldSelector=metadata.name%3D{name}", Table)).Body;
        Assert.Equal("Table", list.Text("kind"));
        Assert.Equal(["Name", "Ready", "Status", "Restarts", "Age"],
            list.Objects("columnDefinitions").Where(column => column.Number("priority") is null or 0)
                .Select(column => column.Text("name")));
        Assert.Equal([name, "0/1", "Pending"], list.Objects("rows").Single().Texts("cells").Take(3));
        var one = (await cluster.GetAsync($"{cluster.Pods}/{name}", Table)).Body;
        Assert.Equal(name, one.Objects("rows").Single().Text("object", "metadata", "name"));
        await using var watch = await cluster.WatchAsync($"{cluster.Pods}?fieldSelector=metadata.name%3D{name}", Table);
        Assert.Equal("Table", (await watch.NextAsync()).Text("object", "kind"));
        Assert.NotNull(created);
    }

    [Fact]
    public async Task Tables_of_custom_resources_have_their_printer_columns()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Widgets, Objects.Widget(name, """{"size": 4, "parts": [{"id": "light"}, {"id": "heavy", "weight": 9}]}"""));
        var table = (await cluster.GetAsync($"{cluster.Widgets}/{name}", Table)).Body;
        Assert.Equal(["Name", "Size", "Heavy", "Age"], table.Objects("columnDefinitions")
            .Select(column => column.Text("name")));
        var cells = (JsonArray)table.Objects("rows").Single()["cells"]!;
        Assert.Equal(4, cells[1].Number());
        Assert.Equal(9, cells[2].Number());
    }

    [Fact]
    public async Task An_answer_that_is_not_JSON_is_refused_with_406() =>
        Assert.Equal(406, (await cluster.GetAsync(cluster.Pods, "application/xml")).Code);
}
