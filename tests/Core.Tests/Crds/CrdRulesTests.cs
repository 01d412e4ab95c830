using System.Text.Json.Nodes;

namespace ModuleController.Core.Tests.Crds;

public class CrdRulesTests
{
    [Fact]
    public void The_four_kinds_are_there_with_the_names_of_version_1()
    {
        var names = Crd.All.Values.Select(crd => (
            (string)crd.Document["metadata"]!["name"]!, crd.Kind, string.Join(",", crd.Names["shortNames"]?.AsArray() ?? [])));

        Assert.Equal(
            [
                ("moduledeployments.koupleless.io", "ModuleDeployment", "mddeploy"),
                ("modulereplicasets.koupleless.io", "ModuleReplicaSet", "mdrs"),
                ("modules.koupleless.io", "Module", "md"),
                ("moduletemplates.koupleless.io", "ModuleTemplate", ""),
            ],
            names.Order());
        Assert.All(Crd.All.Values, crd =>
        {
            Assert.Equal("koupleless.io", (string?)crd.Document["spec"]!["group"]);
            Assert.Equal("v1alpha1", (string?)crd.Version["name"]);
            Assert.Equal("Namespaced", (string?)crd.Document["spec"]!["scope"]);
            Assert.Equal($"{crd.Names["plural"]}.koupleless.io", (string?)crd.Document["metadata"]!["name"]);
            Assert.Contains("koupleless", crd.Names["categories"]!.AsArray().Select(category => (string?)category));
        });
    }

    [Fact]
    public void Rules_about_a_change_are_on_what_is_immutable_or_set_once_alone()
    {
        var rules = Crd.All.Values.SelectMany(crd => crd.Fields().SelectMany(field =>
            (field.Schema["x-kubernetes-validations"]?.AsArray() ?? [])
                .Select(rule => (crd.Kind, field.Path, Rule: (string)rule!["rule"]!))))
            .Where(rule => rule.Rule.Contains("oldSelf", StringComparison.Ordinal));

        Assert.Equal(
            [
                ("Module", "spec", "!has(oldSelf.podUid) || (has(self.podUid) && self.podUid == oldSelf.podUid)"),
                ("ModuleDeployment", "spec.baseDeploymentName", "self == oldSelf"),
                ("ModuleDeployment", "spec.template.spec.module.name", "self == oldSelf"),
            ],
            rules.Order());
    }

    /// <summary>The API server would show the expression in its message. Each rule has a message of its own instead.</summary>
    [Theory, MemberData(nameof(Crd.Kinds), MemberType = typeof(Crd))]
    public void No_message_shows_a_regular_expression(string kind) =>
        Assert.All(Crd.All[kind].Fields(), field =>
        {
            Assert.False(field.Schema.ContainsKey("pattern"), $"{field.Path} has a pattern");
            Assert.All(field.Schema["x-kubernetes-validations"]?.AsArray() ?? [], rule =>
                Assert.DoesNotMatch(@"[\^\\\[\]{}]", (string?)rule!["message"] ?? "[no message]"));
        });

    [Theory, MemberData(nameof(Crd.Kinds), MemberType = typeof(Crd))]
    public void Every_field_says_what_it_is_for(string kind) =>
        Assert.All(
            Crd.All[kind].Fields()
                .Where(field => field.Path != "metadata" && !field.Path.EndsWith('}')
                && !field.Path.EndsWith("values[]", StringComparison.Ordinal)),
            field => Assert.False(string.IsNullOrWhiteSpace((string?)field.Schema["description"]), $"{field.Path} has no description"));

    /// <summary>
    /// An absent field has a meaning for the controller (maxUnavailable, required, replicas …). The exceptions: scripts of version 1
    /// poll confirmBatchNum for 0, and a Module shows Pending before its first status is written.
    /// </summary>
    [Fact]
    public void Only_confirmBatchNum_and_the_status_of_a_Module_have_a_default() =>
        Assert.Equal(
            [("spec.confirmBatchNum", "0"), ("status", """{"status":"Pending"}""")],
            Crd.All.Values.SelectMany(crd => crd.Fields()).Where(field => field.Schema.ContainsKey("default"))
                .Select(field => (field.Path, field.Schema["default"]!.ToJsonString())));

    /// <summary>A real API server rejects a definition that says more of the metadata: only name and generateName may be
    /// restricted.</summary>
    [Theory, MemberData(nameof(Crd.Kinds), MemberType = typeof(Crd))]
    public void The_metadata_of_a_kind_has_only_its_type(string kind) =>
        Assert.Equal(["type"], Crd.All[kind].Fields().Single(field => field.Path == "metadata").Schema.Select(property => property.Key));

    [Theory, MemberData(nameof(Crd.Kinds), MemberType = typeof(Crd))]
    public void Schemas_are_structural(string kind) =>
        Assert.All(Crd.All[kind].Fields(), field =>
        {
            var (path, schema) = field;
            Assert.True(schema.ContainsKey("type") ^ schema.ContainsKey("x-kubernetes-int-or-string"), $"{path} has no type");
            Assert.False(schema.ContainsKey("properties") && schema.ContainsKey("additionalProperties"), $"{path} is an object and a map");
            Assert.Equal((string?)schema["type"] == "array", schema.ContainsKey("items"));
            // a bare object would be emptied by pruning; only the metadata of the object itself is exempt
            if ((string?)schema["type"] == "object" && path != "metadata")
                Assert.True(schema.ContainsKey("properties") || schema.ContainsKey("additionalProperties"), $"{path} would be emptied");
            Assert.All(schema["required"]?.AsArray() ?? [], name =>
                Assert.True(schema["properties"]!.AsObject().ContainsKey((string)name!), $"{path} has no {name}"));
        });

    /// <summary>A number that does not fit would make the object unreadable for the controller.</summary>
    [Theory, MemberData(nameof(Crd.Kinds), MemberType = typeof(Crd))]
    public void Integers_of_a_spec_have_limits(string kind) =>
        Assert.All(
            Crd.All[kind].Fields().Where(field => field.Path.StartsWith("spec.", StringComparison.Ordinal)
                && ((string?)field.Schema["type"] == "integer" || field.Schema.ContainsKey("x-kubernetes-int-or-string"))),
            field => Assert.True(field.Schema.ContainsKey("minimum") && (long?)field.Schema["maximum"] <= int.MaxValue, field.Path));

    [Fact]
    public void Operators_see_the_columns_they_need()
    {
        Assert.Equal(
            ["Desired", "Updated", "Available", "Progress", "Version", "Age"], NarrowColumns("ModuleDeployment"));
        Assert.Equal(["Desired", "Current", "Available", "Version", "Age"], NarrowColumns("ModuleReplicaSet"));
        Assert.Equal(["Version", "Pod", "Status", "Reason", "Attempts", "Age"], NarrowColumns("Module"));
        Assert.Equal(["Module", "Version", "Age"], NarrowColumns("ModuleTemplate"));
        Assert.Contains("IP", Crd.All["Module"].Columns);
        Assert.Contains("Message", Crd.All["ModuleDeployment"].Columns);
    }

    [Theory, MemberData(nameof(Crd.Kinds), MemberType = typeof(Crd))]
    public void Columns_show_fields_that_exist(string kind)
    {
        var crd = Crd.All[kind];
        var plain = crd.Version["additionalPrinterColumns"]!.AsArray()
            .Select(column => (string)column!["jsonPath"]!)
            .Where(path => !path.StartsWith(".metadata.", StringComparison.Ordinal));

        Assert.All(plain, path => Assert.NotNull(crd.Field(path.Split("[?")[0].TrimStart('.'))));
    }

    [Fact]
    public void Status_and_scale_are_subresources()
    {
        Assert.Equal(
            """{"status":{},"scale":{"specReplicasPath":".spec.scaleReplicas","statusReplicasPath":".status.replicas","labelSelectorPath":".status.selector"}}""",
            Crd.All["ModuleDeployment"].Version["subresources"]!.ToJsonString());
        Assert.Equal(
            """{"status":{},"scale":{"specReplicasPath":".spec.replicas","statusReplicasPath":".status.replicas","labelSelectorPath":".status.selector"}}""",
            Crd.All["ModuleReplicaSet"].Version["subresources"]!.ToJsonString());
        Assert.Equal("""{"status":{}}""", Crd.All["Module"].Version["subresources"]!.ToJsonString());
        Assert.False(Crd.All["ModuleTemplate"].Version.ContainsKey("subresources"));
    }

    [Fact]
    public void A_module_reads_the_same_in_every_kind()
    {
        var module = Crd.All["Module"].Field("spec.module");

        Assert.True(JsonNode.DeepEquals(module, Crd.All["ModuleReplicaSet"].Field("spec.template.spec.module")));
        Assert.True(JsonNode.DeepEquals(module, Crd.All["ModuleTemplate"].Field("template.spec.module")));
        Assert.Equal(
            module["properties"]!.AsObject().Select(property => property.Key),
            Crd.All["ModuleDeployment"].Field("spec.template.spec.module")["properties"]!.AsObject().Select(property => property.Key));
        Assert.True(JsonNode.DeepEquals(
            Crd.All["ModuleDeployment"].Field("spec.operationStrategy"), Crd.All["ModuleReplicaSet"].Field("spec.operationStrategy")));
    }

    private static IEnumerable<string> NarrowColumns(string kind) => Crd.All[kind].Version["additionalPrinterColumns"]!.AsArray()
        .Where(column => column!["priority"] is null).Select(column => (string)column!["name"]!);
}
