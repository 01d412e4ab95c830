using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Tests.Crds;

/// <summary>Compares the table of limits with the schemas: each field, its limits and the words of its message.</summary>
public class FieldLimitsTests
{
    private static readonly ModuleHook Hook = new();

    /// <summary>Every field with a rule is present.</summary>
    private static readonly ModuleDeploymentSpec Full = new()
    {
        Replicas = 1,
        Hooks = new() { PreInstall = Hook, PostInstall = Hook, PreUninstall = Hook, PostUninstall = Hook },
        OperationStrategy = new()
        {
            MaxUnavailable = new IntOrPercent(1, false),
            ServiceStrategy = new() { TargetPort = new PortOrName(1) }
        },
    };

    public static TheoryData<string, string> Places
    {
        get
        {
            var places = new TheoryData<string, string>();
            foreach (var ruled in ModuleRules.Fields(Full))
            {
                places.Add("ModuleDeployment", ruled.Path);
                if (ruled.Path.StartsWith("spec.template.", StringComparison.Ordinal))
                {
                    places.Add("ModuleReplicaSet", ruled.Path);
                    places.Add("ModuleTemplate", ruled.Path["spec.".Length..]);
                }

                if (ruled.Path.StartsWith("spec.operationStrategy.", StringComparison.Ordinal)) places.Add("ModuleReplicaSet", ruled.Path);
                if (ruled.Path.StartsWith(ModuleRules.ModulePath, StringComparison.Ordinal))
                    places.Add("Module", ruled.Path.Replace("template.spec.", "", StringComparison.Ordinal));
            }

            return places;
        }
    }

    [Theory, MemberData(nameof(Places))]
    public void A_field_of_a_schema_has_the_limits_of_the_table(string kind, string path)
    {
        var rule = ModuleRules.Fields(Full).Single(field => IsAt(field.Path, path)).Rule;
        var schema = Crd.All[kind].Field(path);
        switch (rule)
        {
            case FieldRule.Text text:
                CheckText(text, schema, "self");
                break;
            case FieldRule.Number number:
                CheckNumber(number, schema);
                break;
            case FieldRule.NumberOrText both:
                CheckNumber(both.OfNumber, schema);
                Assert.Equal(both.OfText.MaxLength, (int?)schema["maxLength"]);
                Assert.Equal([($"type(self) == int || self.matches(r'{both.OfText.Pattern}')", both.Must)], RulesOf(schema));
                break;
            case FieldRule.Choice choice:
                Assert.Equal(choice.Values, schema["enum"]!.AsArray().Select(value => (string?)value));
                break;
            case FieldRule.Map map:
                Assert.Equal(map.MaxEntries, (int?)schema["maxProperties"]);
                Assert.Equal([($"self.all(key, size(key) <= {map.OfKey.MaxLength} && key.matches(r'{map.OfKey.Pattern}'))", map.Must)],
                    RulesOf(schema));
                if (map.OfValue is { } value) CheckText(value, schema["additionalProperties"]!.AsObject(), "self");
                break;
            default:
                Assert.Fail($"{rule} is of an unknown kind");
                break;
        }
    }

    [Fact]
    public void Every_field_of_a_spec_whose_values_can_be_wrong_is_in_the_table()
    {
        var known = ModuleRules.Fields(Full).Select(field => field.Path).ToHashSet();
        var leaves = Crd.All["ModuleDeployment"].Fields().Where(field => field.Path.StartsWith("spec.", StringComparison.Ordinal)
            && (string?)field.Schema["type"] is not ("object" or "array" or "boolean")
            // Kept for version 1, and read by nobody.
            && !field.Path.StartsWith("spec.template.spec.selector", StringComparison.Ordinal)
            && !field.Path.EndsWith("{}", StringComparison.Ordinal));

        Assert.Empty(leaves.Select(field => field.Path).Except(known));
    }

    private static bool IsAt(string field, string path) =>
        field == path || field == $"spec.{path}" || field == path.Replace("spec.module", ModuleRules.ModulePath, StringComparison.Ordinal);

    private static void CheckText(FieldRule.Text rule, JsonObject schema, string self)
    {
        Assert.Equal(rule.MaxLength, (int?)schema["maxLength"]);
        Assert.Equal(rule.IsRequired ? 1 : null, (int?)schema["minLength"]);
        if (rule.Pattern is null) Assert.Empty(RulesOf(schema));
        else Assert.Equal([($"{self}.matches(r'{rule.Pattern}'){Bytes(rule)}", rule.Must)], RulesOf(schema));
    }

    // Only where the pattern allows more than ASCII do bytes and characters differ.
    private static string Bytes(FieldRule.Text rule) =>
        rule.Pattern!.Contains(@"\p{", StringComparison.Ordinal) ? $" && size(bytes(self)) <= {rule.MaxLength}" : "";

    private static void CheckNumber(FieldRule.Number rule, JsonObject schema) =>
        Assert.Equal((rule.Minimum, rule.Maximum), ((int?)schema["minimum"], (int?)schema["maximum"]));

    private static IEnumerable<(string, string)> RulesOf(JsonObject schema) => (schema["x-kubernetes-validations"]?.AsArray() ?? [])
        .Select(rule => ((string)rule!["rule"]!, (string)rule["message"]!))
        .Where(rule => !rule.Item1.Contains("oldSelf", StringComparison.Ordinal));
}
