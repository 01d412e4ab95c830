using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.DevApiServer.Storage;

namespace ModuleController.DevApiServer.Resources;

/// <summary>Checks a tree against a schema, and against its former self where the schema says that it may not change.</summary>
public sealed class Validation
{
    private readonly List<FieldError> _errors = [];

    public static IReadOnlyList<FieldError> Check(JsonNode? node, JsonNode? old, Schema schema, string path = "")
    {
        var validation = new Validation();
        validation.Visit(node, old, schema, path);
        return validation._errors;
    }

    private void Visit(JsonNode? node, JsonNode? old, Schema schema, string path)
    {
        if (node is null)
        {
            if (!schema.Nullable && schema.Type is not null) _errors.Add(FieldError.WrongType(path, null, schema.Type));
            return;
        }

        if (!HasType(node, schema))
        {
            _errors.Add(FieldError.WrongType(path, node, schema.IntOrString ? "integer,string" : schema.Type ?? ""));
            return;
        }

        if (schema.Enum.Count > 0 && !schema.Enum.Any(allowed => JsonNode.DeepEquals(allowed, node)))
            _errors.Add(FieldError.NotSupported(path, node, schema.Enum.Select(one => one.Text() ?? one.ToCompact())));
        if (schema.ImmutableMessage is not null && old is not null && !JsonNode.DeepEquals(old, node))
            _errors.Add(FieldError.Invalid(path, node, schema.ImmutableMessage));

        switch (node)
        {
            case JsonObject fields:
                Fields(fields, old as JsonObject, schema, path);
                break;
            case JsonArray items:
                Items(items, old as JsonArray, schema, path);
                break;
            case JsonValue value when value.TryGetValue<string>(out var text):
                Text(node, text, schema, path);
                break;
            case JsonValue when node.GetValueKind() == JsonValueKind.Number:
                Number(node, schema, path);
                break;
            default:
                break;
        }

        Combinations(node, schema, path);
    }

    private static bool HasType(JsonNode node, Schema schema)
    {
        var kind = node.GetValueKind();
        if (schema.IntOrString) return kind == JsonValueKind.String || IsInteger(node);
        return schema.Type switch
        {
            "object" => kind == JsonValueKind.Object,
            "array" => kind == JsonValueKind.Array,
            "string" => kind == JsonValueKind.String,
            "boolean" => kind is JsonValueKind.True or JsonValueKind.False,
            "number" => kind == JsonValueKind.Number,
            "integer" => IsInteger(node),
            _ => true,
        };
    }

    private static bool IsInteger(JsonNode node) =>
        node.GetValueKind() == JsonValueKind.Number
        && decimal.TryParse(node.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && number == decimal.Truncate(number);

    private void Fields(JsonObject fields, JsonObject? old, Schema schema, string path)
    {
        foreach (var name in schema.Required)
            if (!fields.ContainsKey(name)) _errors.Add(FieldError.Required(Join(path, name)));
        Limit(fields.Count, schema.MinProperties, schema.MaxProperties, path, "properties", fields);
        foreach (var (name, value) in fields)
            if ((schema.Properties.GetValueOrDefault(name) ?? schema.AdditionalProperties) is { } child)
                Visit(value, old?[name], child, Join(path, name));
    }

    private void Items(JsonArray items, JsonArray? old, Schema schema, string path)
    {
        Limit(items.Count, schema.MinItems, schema.MaxItems, path, "items", items);
        var seen = new HashSet<string>();
        for (var i = 0; i < items.Count; i++)
        {
            var identity = schema.ListType switch
            {
                "map" => Identity(items[i], schema),
                "set" => items[i].ToCompact(),
                _ => null,
            };
            if (identity is not null && !seen.Add(identity))
                _errors.Add(FieldError.Duplicate($"{path}[{i}]", items[i]));
            // Only in a list of type map does an item have a former self; positions say nothing.
            var before = schema.ListType == "map" ? old?.FirstOrDefault(item => Identity(item, schema) == identity)
                : null;
            if (schema.Items is not null) Visit(items[i], before, schema.Items, $"{path}[{i}]");
        }
    }

    private static string Identity(JsonNode? item, Schema schema) =>
        string.Join('|', schema.ListMapKeys.Select(key => item.At(key).ToCompact()));

    private void Text(JsonNode node, string text, Schema schema, string path)
    {
        var length = text.EnumerateRunes().Count();
        if (length > schema.MaxLength) _errors.Add(FieldError.TooLong(path, schema.MaxLength.Value));
        if (length < schema.MinLength)
            _errors.Add(FieldError.Invalid(path, node,
                $"{path} in body should be at least {schema.MinLength} chars long"));
        if (schema.Pattern?.IsMatch(text) is false)
            _errors.Add(FieldError.Invalid(path, node, $"{path} in body should match '{schema.PatternText}'"));
        if (!HasFormat(text, schema.Format))
            _errors.Add(FieldError.Invalid(path, node,
                $"{path} in body must be of type {schema.Format}: {node.ToCompact()}"));
    }

    private static bool HasFormat(string text, string? format) => format switch
    {
        "date-time" => text.Contains('T', StringComparison.Ordinal)
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out _),
        "date" => DateOnly.TryParseExact(text, "yyyy-MM-dd", out _),
        "uri" => Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out var uri)
            && (uri.IsAbsoluteUri || text.StartsWith('/')),
        "ipv4" => IPAddress.TryParse(text, out var v4)
            && v4.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork,
        "ipv6" => IPAddress.TryParse(text, out var v6)
            && v6.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6,
        "uuid" => Guid.TryParseExact(text, "D", out _),
        "byte" => Convert.TryFromBase64String(text, new byte[Encoding.UTF8.GetByteCount(text)], out _),
        _ => true,      // as the real one does with a format that it does not know
    };

    private void Number(JsonNode node, Schema schema, string path)
    {
        var number = double.Parse(node.ToJsonString(), CultureInfo.InvariantCulture);      // whatever type it was made from
        if (schema.Format == "int32" && (number < int.MinValue || number > int.MaxValue))
            _errors.Add(FieldError.Invalid(path, node, $"{path} in body must be of type int32: {node.ToCompact()}"));
        if (number < schema.Minimum || (schema.ExclusiveMinimum && number <= schema.Minimum))
            _errors.Add(FieldError.Invalid(path, node, $"{path} in body should be greater than {(schema.ExclusiveMinimum ? "" : "or equal to ")}{schema.Minimum}"));
        if (number > schema.Maximum || (schema.ExclusiveMaximum && number >= schema.Maximum))
            _errors.Add(FieldError.Invalid(path, node, $"{path} in body should be less than {(schema.ExclusiveMaximum ? "" : "or equal to ")}{schema.Maximum}"));
        if (schema.MultipleOf is { } factor && Math.Abs(number / factor - Math.Round(number / factor)) > 1e-9)
            _errors.Add(FieldError.Invalid(path, node, $"{path} in body should be a multiple of {factor}"));
    }

    private void Combinations(JsonNode node, Schema schema, string path)
    {
        bool Holds(Schema part) => Check(node, null, part, path).Count == 0;
        foreach (var part in schema.AllOf) Visit(node, null, part, path);
        if (schema.AnyOf.Count > 0 && !schema.AnyOf.Any(Holds))
            _errors.Add(FieldError.Invalid(path, node, $"{path} in body must validate at least one schema (anyOf)"));
        if (schema.OneOf.Count > 0 && schema.OneOf.Count(Holds) != 1)
            _errors.Add(FieldError.Invalid(path, node,
                $"{path} in body must validate one and only one schema (oneOf)"));
        if (schema.Not is not null && Holds(schema.Not))
            _errors.Add(FieldError.Invalid(path, node, $"{path} in body must not validate the schema (not)"));
    }

    private void Limit(int count, long? least, long? most, string path, string what, JsonNode node)
    {
        if (count < least)
            _errors.Add(FieldError.Invalid(path, node, $"{path} in body should have at least {least} {what}"));
        if (count > most)
            _errors.Add(FieldError.Invalid(path, node, $"{path} in body should have at most {most} {what}"));
    }

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
