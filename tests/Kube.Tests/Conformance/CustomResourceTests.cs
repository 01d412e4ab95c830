using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Conformance;

public sealed class CustomResourceTests(ConformanceCluster cluster)
{
    [Fact]
    public async Task A_definition_that_is_not_structural_is_422()
    {
        foreach (var (schema, field) in ((string, string)[])
        [
            ("""{"type": "object", "properties": {"spec": {"properties": {"a": {"type": "string"}}}}}""", "properties[spec].type"),
            ("""{"type": "object", "properties": {"spec": {"type": "array"}}}""", "properties[spec].items"),
            ("""{"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}}}""",
                "properties[spec].additionalProperties"),
            ("""{"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "integer", "default": "x"}}}}}""", "properties[a].default"),
        ])
        {
            var answer = await cluster.PostAsync(Objects.DefinitionsPath,
                Objects.Definition("crooked", "Crooked", schema));
            Assert.Equal(422, answer.Code);
            Assert.Contains(answer.Fields, one => one.Contains(field));
        }
    }

    [Theory]
    [InlineData("""{"size": 0}""", "spec.size")]
    [InlineData("""{"size": 11}""", "spec.size")]
    [InlineData("""{"size": "three"}""", "spec.size")]
    [InlineData("""{}""", "spec.size")]
    [InlineData("""{"size": 1, "mode": "idle"}""", "spec.mode")]
    [InlineData("""{"size": 1, "name": "UPPER"}""", "spec.name")]
    [InlineData("""{"size": 1, "name": "muchtoolong"}""", "spec.name")]
    [InlineData("""{"size": 1, "limit": true}""", "spec.limit")]
    [InlineData("""{"size": 1, "replicas": -1}""", ".spec.replicas")]
    [InlineData("""{"size": 1, "parts": [{"id": "a"}, {"id": "a"}]}""", "spec.parts[1]")]
    public async Task What_the_schema_forbids_is_422_and_named(string spec, string field)
    {
        var answer = await cluster.PostAsync(cluster.Widgets, Objects.Widget(cluster.NewName(), spec));
        Assert.Equal((422, "Invalid"), (answer.Code, answer.Reason));
        Assert.Contains(field, answer.Fields);
    }

    [Fact]
    public async Task What_the_schema_does_not_know_is_pruned()
    {
        var widget = await cluster.CreateAsync(cluster.Widgets, Objects.Widget(cluster.NewName(),
            """{"size": 1, "limit": "50%", "free": {"any": {"thing": [1]}}, "template": {"color": "red", "metadata": {"labels": {"a": "b"}}}}"""));
        Assert.Equal("""{"color":"red","metadata":{}}""", widget.At("spec", "template").ToCompact());
        Assert.Equal("""{"any":{"thing":[1]}}""", widget.At("spec", "free").ToCompact());
        Assert.Equal("50%", widget.Text("spec", "limit"));
    }

    [Fact]
    public async Task Defaults_of_the_schema_are_filled_in()
    {
        var widget = await cluster.CreateAsync(cluster.Widgets, Objects.Widget(cluster.NewName(), """{"size": 1, "parts": [{"id": "a"}]}"""));
        Assert.Equal("slow", widget.Text("spec", "mode"));
        Assert.Equal(1, widget.Objects("spec", "parts").Single().Number("weight"));
        Assert.Null(widget.At("spec", "free"));
    }

    [Fact]
    public async Task A_field_with_the_rule_self_equals_oldSelf_cannot_change()
    {
        var path = await NewWidgetAsync("""{"size": 1, "home": "here"}""");
        var answer = await cluster.PatchAsync(path, """{"spec": {"home": "there"}}""");
        Assert.Equal(422, answer.Code);
        Assert.Contains("home cannot be changed", answer.Message);
        Assert.Equal(200, (await cluster.PatchAsync(path, """{"spec": {"size": 2}}""")).Code);
    }

    [Fact]
    public async Task A_rule_compares_an_object_with_its_previous_state()
    {
        var path = await NewWidgetAsync("""{"size": 1}""");
        Assert.Equal(200, (await cluster.PatchAsync(path, """{"spec": {"once": "a"}}""")).Code);
        Assert.Equal(200, (await cluster.PatchAsync(path, """{"spec": {"once": "a", "size": 2}}""")).Code);
        foreach (var patch in (string[])["""{"spec": {"once": "b"}}""", """{"spec": {"once": null}}"""])
        {
            var answer = await cluster.PatchAsync(path, patch);
            Assert.Equal(422, answer.Code);
            Assert.Contains("once is set once", answer.Message);
            Assert.Equal(["spec"], answer.Fields);
        }
    }

    [Fact]
    public async Task The_status_changes_through_its_subresource_alone()
    {
        var path = await NewWidgetAsync("""{"size": 1}""");
        Assert.Null((await cluster.PatchAsync(path, """{"status": {"phase": "Done"}}""")).Body["status"]);
        var reported = await cluster.PatchAsync($"{path}/status", """{"spec": {"size": 9}, "metadata": {"labels": {"a": "b"}}, "status": {"phase": "Done"}}""");
        Assert.Equal("Done", reported.Body.Text("status", "phase"));
        Assert.Equal(1, reported.Body.Number("spec", "size"));
        Assert.Null(reported.Body.At("metadata", "labels"));
    }

    [Fact]
    public async Task Scale_reads_and_sets_the_fields_that_the_definition_names()
    {
        var path = await NewWidgetAsync("""{"size": 1, "replicas": 2}""");
        await cluster.PatchAsync($"{path}/status", """{"status": {"replicas": 1, "selector": "a=b"}}""");
        var scale = (await cluster.GetAsync($"{path}/scale")).Body;
        Assert.Equal(("autoscaling/v1", 2L, 1L, "a=b"),
            (scale.Text("apiVersion"), scale.Number("spec", "replicas"), scale.Number("status", "replicas"),
                scale.Text("status", "selector")));
        scale["spec"]!["replicas"] = 5;
        Assert.Equal(200, (await cluster.PutAsync($"{path}/scale", scale)).Code);
        Assert.Equal(5, (await cluster.GetAsync(path)).Body.Number("spec", "replicas"));
        Assert.Equal(200, (await cluster.PatchAsync($"{path}/scale", """{"spec": {"replicas": 6}}""")).Code);
        Assert.Equal(6, (await cluster.GetAsync(path)).Body.Number("spec", "replicas"));
        Assert.Equal(409, (await cluster.PutAsync($"{path}/scale", scale)).Code);
        Assert.Equal(422, (await cluster.PatchAsync($"{path}/scale", """{"spec": {"replicas": -1}}""")).Code);
    }

    [Fact]
    public async Task An_update_of_a_custom_resource_must_name_its_version()
    {
        var path = await NewWidgetAsync("""{"size": 1}""");
        var answer = await cluster.PutAsync(path, Objects.Widget(path.Split('/')[^1]));
        Assert.Equal(422, answer.Code);
        Assert.Contains("metadata.resourceVersion", answer.Fields);
    }

    [Fact]
    public async Task Deleting_a_definition_deletes_its_objects_and_ends_its_paths()
    {
        await cluster.CreateAsync(Objects.DefinitionsPath,
            Objects.Definition("gadgets", "Gadget", Objects.WidgetSchema));
        await cluster.EstablishedAsync("gadgets");
        var path = cluster.Widgets.Replace("widgets", "gadgets");
        var gadget = Objects.Widget("one");
        gadget["kind"] = "Gadget";
        gadget["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        await cluster.CreateAsync(path, gadget);
        await using var watch =
            await cluster.WatchAsync($"{Objects.DefinitionsPath}?fieldSelector=metadata.name%3Dgadgets.{ConformanceCluster.Group}");
        await cluster.DeleteAsync($"{Objects.DefinitionsPath}/gadgets.{ConformanceCluster.Group}");
        await using var marked = await cluster.WatchAsync($"{path}?fieldSelector=metadata.name%3Done");
        while ((await marked.NextAsync())!["object"].Text("metadata", "deletionTimestamp") is null)
        {
        }

        await cluster.PatchAsync($"{path}/one", """{"metadata": {"finalizers": null}}""");
        while ((await watch.NextAsync()).Text("type") != "DELETED")
        {
        }

        // The server goes on answering for a moment.
        await Eventually.True(async () => await cluster.PollAsync(path) == 404);
    }

    private async Task<string> NewWidgetAsync(string spec)
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Widgets, Objects.Widget(name, spec));
        return $"{cluster.Widgets}/{name}";
    }
}
