using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Conformance;

public sealed class ServingTests(ConformanceCluster cluster)
{
    // Statuses of init containers: one that has done its work, and the begin of a sidecar's.
    private const string Done = "{'state': {'terminated': {'exitCode': 0, 'reason': 'Completed'}}},";
    private const string Side = "{'restartCount': 3, 'state': {'running': {'startedAt': '2026-01-01T00:00:00Z'}},";
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
            .Single(one => one.Text("name") == "widgets");   // others come and go in this group meanwhile
        Assert.Equal(["widgetsx"], widgets.Texts("shortNames"));
    }

    [Fact]
    public async Task A_HorizontalPodAutoscaler_is_stored_unchanged()
    {
        var path = $"/apis/autoscaling/v2/namespaces/{cluster.Namespace}/horizontalpodautoscalers";
        var target = new JsonObject { ["apiVersion"] = "apps/v1", ["kind"] = "Deployment", ["name"] = "nobody" };
        var answer = await cluster.PostAsync(path, new JsonObject
        {
            ["apiVersion"] = "autoscaling/v2",
            ["kind"] = "HorizontalPodAutoscaler",
            ["metadata"] = new JsonObject { ["name"] = "kept" },
            ["spec"] = new JsonObject { ["maxReplicas"] = 3, ["minReplicas"] = 2, ["scaleTargetRef"] = target },
        });
        Assert.Equal(201, answer.Code);
        var kept = (await cluster.GetAsync($"{path}/kept")).Body;
        Assert.Equal("nobody", kept.Text("spec", "scaleTargetRef", "name"));
        Assert.Equal(2, kept.Number("spec", "minReplicas"));
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

    [Theory]
    [InlineData("", "0/2", "Pending", "0")]
    [InlineData("{'state': {'waiting': {'reason': 'PodInitializing'}}}", "0/2", "Init:0/2", "0")]
    [InlineData("{'state': {'terminated': {'exitCode': 1, 'reason': 'Error'}}}", "0/2", "Init:Error", "0")]
    [InlineData(Done + Side + "'started': false, 'ready': false}", "0/2", "Init:1/2", "3")]
    [InlineData(Done + Side + "'started': true, 'ready': true}", "1/2", "PodInitializing", "3")]
    [InlineData(Done + Side + "'started': true, 'ready': true}|main", "2/2", "Running", "4")]
    [InlineData(Done + Side + "'started': true, 'ready': false}|main", "1/2", "Running", "4")]
    public async Task Tables_of_pods_count_native_sidecars_as_containers(string init, string ready, string status, string restarts)
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Pods, Objects.Pod(name, Quoted(
            "'initContainers': [{'name': 'once', 'image': 'x:1'}, {'name': 'side', 'image': 'x:1', 'restartPolicy': 'Always'}],")));
        var isUp = init.EndsWith("|main", StringComparison.Ordinal);
        var statuses = (JsonArray)JsonNode.Parse(Quoted($"[{init.Replace("|main", "")}]"))!;
        foreach (var (one, called) in statuses.OfType<JsonObject>().Zip((string[])["once", "side"])) Fill(one, called);
        var main = Fill((JsonObject)JsonNode.Parse(Quoted(isUp
            ? "{'ready': true, 'started': true, 'restartCount': 1, 'state': {'running': {'startedAt': '2026-01-01T00:00:00Z'}}}"
            : "{'state': {'waiting': {'reason': 'PodInitializing'}}}"))!, "main");
        if (statuses.Count > 0)
        {
            await cluster.PatchAsync($"{cluster.Pods}/{name}/status", new JsonObject
            {
                ["status"] = new JsonObject
                {
                    ["phase"] = isUp ? "Running" : "Pending",
                    ["initContainerStatuses"] = statuses,
                    ["containerStatuses"] = new JsonArray(main),
                },
            }.ToJsonString());
        }

        var cells = (JsonArray)(await cluster.GetAsync($"{cluster.Pods}/{name}", Table)).Body.Objects("rows").Single()["cells"]!;
        Assert.Equal([ready, status], [cells[1].Text(), cells[2].Text()]);
        Assert.Equal(restarts, cells[3].Text());

        static string Quoted(string json) => json.Replace('\'', '"');
        static JsonObject Fill(JsonObject one, string name)
        {
            foreach (var (field, value) in ((string, JsonNode)[])
                [("name", name), ("image", "x:1"), ("imageID", ""), ("ready", false), ("restartCount", 0)])
                if (!one.ContainsKey(field)) one[field] = value;
            return one;
        }
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
    public async Task An_answer_that_is_not_JSON_is_rejected_with_406() =>
        Assert.Equal(406, (await cluster.GetAsync(cluster.Pods, "application/xml")).Code);
}
