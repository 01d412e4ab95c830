using System.Text.RegularExpressions;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>
/// Parses the <c>openAPIV3Schema</c> of a CustomResourceDefinition and rejects what is not structural: every node has a
/// type, and nothing is described twice. An unsupported keyword is rejected with 501, never ignored.
/// </summary>
public sealed class SchemaParser
{
    private static readonly HashSet<string> Keywords =
    [
        "type", "format", "description", "nullable", "properties", "required", "additionalProperties", "items", "enum",
        "default", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties", "pattern",
        "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys", "x-kubernetes-validations",
        "x-kubernetes-map-type", // only for server-side apply, which is rejected
    ];

    private static readonly string[] Types = ["array", "boolean", "integer", "number", "object", "string"];

    private readonly List<FieldError> _errors = [];
    private string? _uncorrelated;

    public static (Schema Schema, IReadOnlyList<FieldError> Errors) Parse(JsonObject source, string path)
    {
        var parser = new SchemaParser();
        var schema = parser.Node(source, path);
        if (schema.Type != "object")
            parser.Invalid($"{path}.type", source["type"], "must be object at the root");
        var metadata = source.At("properties", "metadata");
        if (metadata.Fields().Any(field => field.Name is not ("type" or "properties"))
            || metadata.Fields("properties").Any(field => field.Name is not ("name" or "generateName")))
            parser.Forbidden($"{path}.properties[metadata]",
                "must not specify anything other than name and generateName, but metadata is implicitly specified");
        parser.CheckDefaults(schema, path);
        return (schema, parser._errors);
    }

    private Schema Node(JsonObject source, string path)
    {
        Reject(source, path);
        var schema = new Schema
        {
            Type = source.Text("type"),
            Format = source.Text("format"),
            Nullable = source.Flag("nullable"),
            Required = [.. source.Texts("required")],
            Enum = source["enum"] is JsonArray values ? [.. values] : [],
            Minimum = Double(source, "minimum"),
            Maximum = Double(source, "maximum"),
            MinLength = source.Number("minLength"),
            MaxLength = source.Number("maxLength"),
            MinItems = source.Number("minItems"),
            MaxItems = source.Number("maxItems"),
            MaxProperties = source.Number("maxProperties"),
            PatternText = source.Text("pattern"),
            Pattern = Pattern(source, path),
            Default = source["default"],
            PreserveUnknownFields = source.Flag("x-kubernetes-preserve-unknown-fields"),
            IntOrString = source.Flag("x-kubernetes-int-or-string"),
            ListType = source.Text("x-kubernetes-list-type"),
            ListMapKeys = [.. source.Texts("x-kubernetes-list-map-keys")],
        };
        foreach (var (name, child) in source.Fields("properties"))
            if (child is JsonObject node) schema.Properties[name] = Node(node, $"{path}.properties[{name}]");
        if (source["items"] is JsonObject items) schema.Items = Items(items, schema, path);
        else if (source["items"] is not null)
            Forbidden($"{path}.items", "items must be a schema object and not an array");
        if (source["additionalProperties"] is JsonObject additional)
            schema.AdditionalProperties = Node(additional, $"{path}.additionalProperties");
        else if (source.Flag("additionalProperties"))
            schema.AdditionalProperties = new() { PreserveUnknownFields = true };
        CheckStructure(source, schema, path);
        schema.Rules = [.. Rules(source, schema, path)];
        return schema;
    }

    /// <summary>Rules compare an item with its previous value only in lists of type map.</summary>
    private Schema Items(JsonObject source, Schema list, string path)
    {
        var outer = _uncorrelated;
        if (list.ListType != "map") _uncorrelated ??= path;
        var items = Node(source, $"{path}.items");
        _uncorrelated = outer;
        return items;
    }

    /// <summary>An anyOf of the two types beside int-or-string is customary and redundant.</summary>
    private static void Reject(JsonObject source, string path)
    {
        foreach (var (name, _) in source.Fields())
            if (!Keywords.Contains(name) && !(name == "anyOf" && source.Flag("x-kubernetes-int-or-string")))
                throw Statuses.NotImplemented($"the schema keyword {name} at {path}");
        if (source.Text("format") is { } format and not ("int32" or "int64" or "double" or "date-time" or "byte"))
            throw Statuses.NotImplemented($"the format {format} at {path}");
    }

    private void CheckStructure(JsonObject source, Schema schema, string path)
    {
        if (schema.Type is null && !schema.IntOrString && !schema.PreserveUnknownFields)
            Required($"{path}.type", path.EndsWith(".items", StringComparison.Ordinal)
                ? "must not be empty for specified array items" : "must not be empty for specified object fields");
        if (schema.Type is not null && !Types.Contains(schema.Type))
            _errors.Add(FieldError.NotSupported($"{path}.type", source["type"], Types));
        if (schema.IntOrString && schema.Type is not null)
            Forbidden($"{path}.type", "must be empty if x-kubernetes-int-or-string is true");
        if (schema.Type == "array" && schema.Items is null)
        {
            Required($"{path}.items", "must be specified");
            if (schema.ListType == "map") Required($"{path}.items", "must have a schema if x-kubernetes-list-type is map");
        }

        if (schema.Properties.Count > 0 && schema.AdditionalProperties is not null)
            Forbidden($"{path}.additionalProperties", "additionalProperties and properties are mutual exclusive");
        if (schema.ListType == "map" && schema.ListMapKeys.Count == 0)
            Required($"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map");
        if (schema.Items is not { } items) return;
        foreach (var key in schema.ListMapKeys)
        {
            if (!items.Properties.TryGetValue(key, out var field))
                Invalid($"{path}.x-kubernetes-list-map-keys", key, "entries must all be names of item properties");
            else if (field.Default is null && !items.Required.Contains(key))
                Required($"{path}.items.properties[{key}].default", "this property is in x-kubernetes-list-map-keys, so it "
                    + "must have a default or be a required property");
        }
    }

    /// <summary>A default that its schema rejects would make every object that needs it invalid.</summary>
    private void CheckDefaults(Schema schema, string path)
    {
        if (schema.Default is { } value)
        {
            if (Pruning.Unknown(value.DeepClone(), schema) is [var unknown, ..])
                Invalid($"{path}.default", value, $"must not have unknown fields: {unknown}");
            _errors.AddRange(Validation.Check(value, null, schema)
                .Select(error => error with { Field = $"{path}.default{(error.Field.Length > 0 ? $".{error.Field}" : "")}" }));
        }

        foreach (var (name, child) in schema.Properties) CheckDefaults(child, $"{path}.properties[{name}]");
        if (schema.Items is not null) CheckDefaults(schema.Items, $"{path}.items");
        if (schema.AdditionalProperties is not null)
            CheckDefaults(schema.AdditionalProperties, $"{path}.additionalProperties");
    }

    private IEnumerable<Rule> Rules(JsonObject source, Schema schema, string path)
    {
        var rules = source.Objects("x-kubernetes-validations").ToArray();
        for (var i = 0; i < rules.Length; i++)
        {
            var at = $"{path}.x-kubernetes-validations[{i}].rule";
            var other = rules[i].Select(field => field.Key).FirstOrDefault(name => name is not ("rule" or "message"));
            if (other is not null) throw Statuses.NotImplemented($"{other} of the rule at {at}");
            var parsed = default(Rule);
            try
            {
                parsed = Rule.Parse(rules[i].Text("rule") ?? "", rules[i].Text("message"), schema, at);
            }
            catch (RuleException e)
            {
                Invalid(at, InGo(rules[i]), e.Message);
            }

            if (parsed is { ComparesWithOld: true } && _uncorrelated is not null)
                Invalid(at, parsed.Text, $"oldSelf cannot be used on the uncorrelatable portion of the schema within {_uncorrelated}");
            if (parsed is not null) yield return parsed;
        }
    }

    /// <summary>Formats a validation rule as the API server does in its messages: with Go field names.</summary>
    private static JsonObject InGo(JsonObject rule) => new()
    {
        ["Rule"] = rule.Text("rule"),
        ["Message"] = rule.Text("message") ?? "",
        ["MessageExpression"] = "",
        ["Reason"] = null,
        ["FieldPath"] = "",
        ["OptionalOldSelf"] = null,
    };

    /// <summary>The .NET expression for one of RE2.</summary>
    internal static Regex Expression(string text)
    {
        var hasEnd = text.EndsWith('$') && !text.EndsWith("\\$", StringComparison.Ordinal);
        return new(hasEnd ? $"{text[..^1]}\\z" : text, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
    }

    /// <summary>
    /// The API server's expressions are RE2, which has neither look-around nor back references; the engine without
    /// backtracking rejects the same. In RE2 a final $ matches only the very end, not before a last line break.
    /// </summary>
    private Regex? Pattern(JsonObject source, string path)
    {
        if (source.Text("pattern") is not { } text) return null;
        try
        {
            return Expression(text);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            Invalid($"{path}.pattern", text, $"must be a valid regular expression, but isn't: {e.Message}");
            return null;
        }
    }

    private void Forbidden(string path, string why) => _errors.Add(FieldError.Forbidden(path, why));

    private void Required(string path, string why) => _errors.Add(FieldError.Required(path, why));

    private void Invalid(string path, JsonNode? value, string why) => _errors.Add(FieldError.Invalid(path, value, why));

    private static double? Double(JsonObject source, string name) =>
        source[name] is JsonValue value && value.TryGetValue<double>(out var number) ? number : null;
}
