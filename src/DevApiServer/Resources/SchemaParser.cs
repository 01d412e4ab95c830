using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ModuleController.DevApiServer.Requests;
using ModuleController.DevApiServer.Storage;

namespace ModuleController.DevApiServer.Resources;

/// <summary>
/// Reads the <c>openAPIV3Schema</c> of a CustomResourceDefinition and refuses what is not structural: every node says its
/// type, nothing is described twice, and the combinators (allOf, anyOf, oneOf, not) only add constraints.
/// </summary>
public sealed class SchemaParser
{
    private static readonly HashSet<string> Forbidden =
    [
        "$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "id", "$schema", "deprecated",
            "discriminator", "readOnly", "writeOnly",
        "xml",
    ];

    private readonly List<FieldError> _errors = [];

    public static (Schema Schema, IReadOnlyList<FieldError> Errors) Parse(JsonObject source, string path)
    {
        var parser = new SchemaParser();
        var schema = parser.Node(source, path, isStructural: true);
        if (schema.Type != "object")
            parser._errors.Add(FieldError.Invalid($"{path}.type", source["type"], "must be object at the root"));
        var metadata = source.At("properties", "metadata", "properties");
        foreach (var (name, _) in metadata.Fields())
            if (name is not ("name" or "generateName"))
                parser._errors.Add(FieldError.Forbidden($"{path}.properties[metadata].properties[{name}]",
                    "must not specify anything other than name and generateName, but metadata is implicitly specified"));
        parser.CheckDefaults(schema, path);
        return (schema, parser._errors);
    }

    private Schema Node(JsonObject source, string path, bool isStructural)
    {
        var schema = new Schema
        {
            Type = source.Text("type"),
            Format = source.Text("format"),
            Description = source.Text("description"),
            Nullable = source.Flag("nullable"),
            Required = [.. source.Texts("required")],
            Enum = source["enum"] is JsonArray values ? [.. values] : [],
            Minimum = Double(source, "minimum"),
            Maximum = Double(source, "maximum"),
            ExclusiveMinimum = source.Flag("exclusiveMinimum"),
            ExclusiveMaximum = source.Flag("exclusiveMaximum"),
            MultipleOf = Double(source, "multipleOf"),
            MinLength = source.Number("minLength"),
            MaxLength = source.Number("maxLength"),
            MinItems = source.Number("minItems"),
            MaxItems = source.Number("maxItems"),
            MinProperties = source.Number("minProperties"),
            MaxProperties = source.Number("maxProperties"),
            PatternText = source.Text("pattern"),
            Pattern = Pattern(source, path),
            Default = source["default"],
            PreserveUnknownFields = source.Flag("x-kubernetes-preserve-unknown-fields"),
            IntOrString = source.Flag("x-kubernetes-int-or-string"),
            EmbeddedResource = source.Flag("x-kubernetes-embedded-resource"),
            ListType = source.Text("x-kubernetes-list-type"),
            ListMapKeys = [.. source.Texts("x-kubernetes-list-map-keys")],
            ImmutableMessage = Rule(source, path),
            AllOf = Several(source, "allOf", path),
            AnyOf = Several(source, "anyOf", path),
            OneOf = Several(source, "oneOf", path),
            Not = source["not"] is JsonObject not ? Node(not, $"{path}.not", isStructural: false) : null,
        };
        foreach (var (name, child) in source.Fields("properties"))
            if (child is JsonObject node)
                schema.Properties[name] = Node(node, $"{path}.properties[{name}]", isStructural);
        if (source["items"] is JsonObject items) schema.Items = Node(items, $"{path}.items", isStructural);
        else if (source["items"] is not null)
            _errors.Add(FieldError.Forbidden($"{path}.items", "items must be a schema object and not an array"));
        if (source["additionalProperties"] is JsonObject additional)
            schema.AdditionalProperties = Node(additional, $"{path}.additionalProperties", isStructural);
        else if (source.Flag("additionalProperties"))
            schema.AdditionalProperties = new() { PreserveUnknownFields = true };
        CheckStructure(source, schema, path, isStructural);
        return schema;
    }

    private void CheckStructure(JsonObject source, Schema schema, string path, bool isStructural)
    {
        foreach (var name in Forbidden.Where(source.ContainsKey))
            _errors.Add(FieldError.Forbidden($"{path}.{name}", "is not allowed in a structural schema"));
        if (source.Flag("uniqueItems"))
            _errors.Add(FieldError.Forbidden($"{path}.uniqueItems",
                "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"));
        if (!isStructural)
        {
            foreach (var name in (string[])["description", "type", "default", "additionalProperties", "nullable"])
                if (source.ContainsKey(name) && !(name == "type" && path.Contains("Of[", StringComparison.Ordinal)))
                    _errors.Add(FieldError.Forbidden($"{path}.{name}", "must be empty to be structural"));
            return;
        }

        if (schema.Type is null && !schema.IntOrString && !schema.PreserveUnknownFields)
            _errors.Add(FieldError.Required($"{path}.type",
                "must not be empty for specified object fields or array items"));
        if (schema.Type is not (null or "object" or "array" or "string" or "integer" or "number" or "boolean"))
            _errors.Add(FieldError.NotSupported($"{path}.type", source["type"],
                ["array", "boolean", "integer", "number", "object", "string"]));
        if (schema.IntOrString && schema.Type is not null)
            _errors.Add(FieldError.Forbidden($"{path}.type", "must be empty if x-kubernetes-int-or-string is true"));
        if (schema.Type == "array" && schema.Items is null)
            _errors.Add(FieldError.Required($"{path}.items", "must be specified"));
        if (schema.Properties.Count > 0 && schema.AdditionalProperties is not null)
            _errors.Add(FieldError.Forbidden($"{path}.additionalProperties",
                "additionalProperties and properties are mutual exclusive"));
        if (source["additionalProperties"] is not null && !path.Contains(".properties[", StringComparison.Ordinal))
            _errors.Add(FieldError.Forbidden($"{path}.additionalProperties", "must not be used at the root"));
        if (schema.ListType == "map" && schema.ListMapKeys.Count == 0)
            _errors.Add(FieldError.Required($"{path}.x-kubernetes-list-map-keys",
                "must not be empty if x-kubernetes-list-type is map"));
        foreach (var key in schema.ListMapKeys)
            if (schema.Items?.Properties.TryGetValue(key, out var field) is not true
                || (field.Default is null && !schema.Items.Required.Contains(key)))
                _errors.Add(FieldError.Invalid($"{path}.x-kubernetes-list-map-keys", key,
                    "must name a property of the items that is required or has a default"));
    }

    /// <summary>A default that its own schema would refuse would make every object that needs it invalid.</summary>
    private void CheckDefaults(Schema schema, string path)
    {
        if (schema.Default is { } value)
        {
            if (Pruning.Unknown(value.DeepClone(), schema) is [var unknown, ..])
                _errors.Add(FieldError.Invalid($"{path}.default", value, $"must not have unknown fields: {unknown}"));
            _errors.AddRange(Validation.Check(value, null, schema, $"{path}.default"));
        }

        foreach (var (name, child) in schema.Properties) CheckDefaults(child, $"{path}.properties[{name}]");
        if (schema.Items is not null) CheckDefaults(schema.Items, $"{path}.items");
        if (schema.AdditionalProperties is not null)
            CheckDefaults(schema.AdditionalProperties, $"{path}.additionalProperties");
    }

    private Schema[] Several(JsonObject source, string name, string path) =>
        [.. source.Objects(name).Select((node, i) => Node(node, $"{path}.{name}[{i}]", isStructural: false))];

    /// <summary>Of CEL only the rule for immutable fields is understood, and no other is silently passed over.</summary>
    private static string? Rule(JsonObject source, string path)
    {
        string? message = null;
        foreach (var rule in source.Objects("x-kubernetes-validations"))
        {
            if (rule.Text("rule")?.Trim() != "self == oldSelf" || rule.ContainsKey("messageExpression")
                || rule.Flag("optionalOldSelf"))
                throw Statuses.NotImplemented($"the validation rule {rule["rule"].ToCompact()} at {path} (only \"self == oldSelf\" is)");
            message = rule.Text("message") ?? "failed rule: self == oldSelf";
        }

        return message;
    }

    /// <summary>
    /// The API server's expressions are RE2, which has neither look-around nor back references; the engine without
    /// backtracking refuses the same. A final $ means the very end there, not "or before the last line break".
    /// </summary>
    private Regex? Pattern(JsonObject source, string path)
    {
        if (source.Text("pattern") is not { } text) return null;
        try
        {
            var exact = text.EndsWith('$') && !text.EndsWith("\\$", StringComparison.Ordinal) ? $"{text[..^1]}\\z"
                : text;
            return new(exact, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            _errors.Add(FieldError.Invalid($"{path}.pattern", text,
                $"must be a valid regular expression, but isn't: {e.Message}"));
            return null;
        }
    }

    private static double? Double(JsonObject source, string name) =>
        source[name] is JsonValue value && value.TryGetValue<double>(out var number) ? number : null;
}
