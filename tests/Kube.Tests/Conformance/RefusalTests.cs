using System.Text.Json.Nodes;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>What DevCluster does not do it says so; each line of "Does not" that a request can ask for.</summary>
public sealed class RefusalTests(ConformanceCluster cluster)
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
    public async Task Rules_other_than_self_equals_oldSelf_are_501(string rule)
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
}
