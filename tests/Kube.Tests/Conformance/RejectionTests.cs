using System.Text.Json.Nodes;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>What DevCluster does not do it says so; each line of "Does not" that a request can ask for.</summary>
public sealed class RejectionTests(ConformanceCluster cluster)
{
    [Fact]
    public async Task Server_side_apply_is_415()
    {
        Assert.NotNull(cluster.Host);
        var answer = await cluster.SendAsync(HttpMethod.Patch, $"{cluster.ConfigMaps}/x?fieldManager=a",
            Objects.ConfigMap("x"), "application/apply-patch+yaml");
        Assert.Equal((415, "UnsupportedMediaType"), (answer.Code, answer.Reason));
    }

    [Theory]
    [InlineData("application/yaml")]
    [InlineData("application/vnd.kubernetes.protobuf")]
    public async Task Bodies_other_than_JSON_are_415(string media)
    {
        Assert.NotNull(cluster.Host);
        Assert.Equal(415, (await cluster.SendAsync(HttpMethod.Post, cluster.ConfigMaps, Objects.ConfigMap("x"),
            media)).Code);
    }

    [Fact]
    public async Task Commands_in_pods_are_501()
    {
        Assert.NotNull(cluster.Host);
        foreach (var subresource in (string[])["exec", "attach", "portforward", "proxy"])
            Assert.Equal(501, (await cluster.GetAsync($"{cluster.Pods}/x/{subresource}")).Code);
    }

    [Theory]
    [InlineData("self > oldSelf")]
    [InlineData("self.size() < 3")]
    public async Task Rules_that_need_more_of_CEL_are_501(string rule)
    {
        Assert.NotNull(cluster.Host);
        var schema = $$$$$"""{"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-validations": [{"rule": "{{{{{rule}}}}}"}]}}}""";
        Assert.Equal(501, (await cluster.PostAsync(Objects.DefinitionsPath,
            Objects.Definition("ruled", "Ruled", schema))).Code);
    }

    [Fact]
    public async Task Definitions_with_several_versions_are_501()
    {
        Assert.NotNull(cluster.Host);
        var definition = Objects.Definition("versioned", "Versioned", """{"type": "object"}""");
        var versions = (JsonArray)definition["spec"]!["versions"]!;
        var second = versions[0]!.DeepClone();
        (second["name"], second["storage"]) = ("v2", false);
        versions.Add(second);
        Assert.Equal(501, (await cluster.PostAsync(Objects.DefinitionsPath, definition)).Code);
    }

    [Fact]
    public async Task OpenAPI_v2_is_404()
    {
        Assert.NotNull(cluster.Host);
        Assert.Equal(404, (await cluster.GetAsync("/openapi/v2")).Code);
    }

    [Theory]
    [InlineData("""{"type": "object", "properties": {"spec": {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}}}""")]
    [InlineData("""{"type": "object", "properties": {"spec": {"type": "object", "minProperties": 2}}}""")]
    [InlineData("""{"type": "object", "properties": {"spec": {"type": "string", "format": "ipv4"}}}""")]
    public async Task Schemas_with_unsupported_keywords_or_formats_are_501(string schema)
    {
        Assert.NotNull(cluster.Host);
        Assert.Equal(501, (await cluster.PostAsync(Objects.DefinitionsPath, Objects.Definition("odd", "Odd", schema))).Code);
    }

    [Fact]
    public async Task Deleting_a_collection_is_405()
    {
        Assert.NotNull(cluster.Host);
        Assert.Equal(405, (await cluster.DeleteAsync(cluster.ConfigMaps)).Code);
    }

    [Fact]
    public async Task Initial_events_of_a_watch_are_422()
    {
        Assert.NotNull(cluster.Host);
        var answer = await cluster.GetAsync(
            $"{cluster.ConfigMaps}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
        Assert.Equal((422, "Invalid"), (answer.Code, answer.Reason));
    }

    [Fact]
    public async Task The_JSON_patch_operations_copy_and_move_are_501()
    {
        Assert.NotNull(cluster.Host);
        var path = $"{cluster.ConfigMaps}/{cluster.NewName()}";
        await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(path.Split('/')[^1]));
        foreach (var operation in (string[])["copy", "move"])
        {
            var patch = $$"""[{"op": "{{operation}}", "from": "/data/a", "path": "/data/b"}]""";
            Assert.Equal(501, (await cluster.PatchAsync(path, patch, "json-patch")).Code);
        }
    }

    [Fact]
    public async Task Services_with_an_external_name_are_501()
    {
        Assert.NotNull(cluster.Host);
        var service = JsonNode.Parse("""{"metadata": {"name": "out"}, "spec": {"type": "ExternalName", "externalName": "example.com"}}""")!;
        Assert.Equal(501, (await cluster.PostAsync($"/api/v1/namespaces/{cluster.Namespace}/services", service)).Code);
    }
}
