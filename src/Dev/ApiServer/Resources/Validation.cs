using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>Checks a tree against a schema. What has not changed is not checked again, so that an older object can live on.</summary>
public sealed class Validation
{
    private readonly List<FieldError> _errors = [];
    private readonly bool _isUpdate;

    private Validation(bool isUpdate) => _isUpdate = isUpdate;

    public static IReadOnlyList<FieldError> Check(JsonNode? node, JsonNode? old, Schema schema, string path = "")
    {
        var validation = new Validation(isUpdate: old is not null);
        validation.Visit(node, old, schema, path);
        return validation._errors;
    }

    private void Visit(JsonNode? node, JsonNode? old, Schema schema, string path)
    {
        if (old is not null && JsonNode.DeepEquals(node, old)) return;
        if (node is null ? !schema.Nullable && schema.Type is not null : !HasType(node, schema))
            _errors.Add(FieldError.WrongType(path, node, schema.IntOrString ? "integer,string" : schema.Type!, _isUpdate));
        else if (node is not null) Value(node, old, schema, path);
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

    private static bool IsInteger(JsonNode node) => node.GetValueKind() == JsonValueKind.Number
        && decimal.TryParse(node.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
        && number == decimal.Truncate(number);

    private void Value(JsonNode node, JsonNode? old, Schema schema, string path)
    {
        if (schema.Enum.Count > 0 && !schema.Enum.Any(allowed => JsonNode.DeepEquals(allowed, node)))
            _errors.Add(FieldError.NotSupported(path, node, schema.Enum.Select(one => one.Text() ?? one.ToCompact())));
        if (node is JsonObject fields) Fields(fields, old, schema, path);
        else if (node is JsonArray items) Items(items, old as JsonArray, schema, path);
        else if (node.Text() is { } text) Text(node, text, schema, path);
        else if (node.GetValueKind() == JsonValueKind.Number) Number(node, schema, path);
    }

    private void Fields(JsonObject fields, JsonNode? old, Schema schema, string path)
    {
        if (fields.Count > schema.MaxProperties) _errors.Add(FieldError.TooMany(path, fields.Count, schema.MaxProperties.Value));
        string At(string name) => path.Length == 0 ? name : $"{path}.{name}";
        foreach (var name in schema.Required)
            if (!fields.ContainsKey(name)) _errors.Add(FieldError.Required(At(name)));
        foreach (var (name, value) in fields)
            if ((schema.Properties.GetValueOrDefault(name) ?? schema.AdditionalProperties) is { } child)
                Visit(value, old.At(name), child, At(name));
    }

    private void Items(JsonArray items, JsonArray? old, Schema schema, string path)
    {
        if (items.Count < schema.MinItems) Reject(path, items, $"should have at least {schema.MinItems} items");
        if (items.Count > schema.MaxItems) Reject(path, items, $"should have at most {schema.MaxItems} items");
        var seen = new HashSet<string>();
        for (var i = 0; i < items.Count; i++)
        {
            var identity = schema.Identity(items[i]);
            if (identity is not null && !seen.Add(identity))
                _errors.Add(FieldError.Duplicate($"{path}[{i}]", schema.ListType == "map" ? Keys(items[i], schema) : items[i]));
            if (schema.Items is not null) Visit(items[i], schema.Previous(old, items[i]), schema.Items, $"{path}[{i}]");
        }
    }

    private static JsonObject Keys(JsonNode? item, Schema list) =>
        new(list.ListMapKeys.Select(key => KeyValuePair.Create(key, item.At(key)?.DeepClone())));

    private void Text(JsonNode node, string text, Schema schema, string path)
    {
        var length = text.EnumerateRunes().Count();
        if (length > schema.MaxLength) _errors.Add(FieldError.TooLong(path, schema.MaxLength.Value));
        else if (length < schema.MinLength) Reject(path, node, $"should be at least {schema.MinLength} chars long");
        else if (schema.Pattern?.IsMatch(text) is false) Reject(path, node, $"should match '{schema.PatternText}'");
        var hasFormat = schema.Format switch
        {
            "date-time" => text.Contains('T', StringComparison.Ordinal)
                && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out _),
            "byte" => Convert.TryFromBase64String(text, new byte[Encoding.UTF8.GetByteCount(text)], out _),
            _ => true,
        };
        if (!hasFormat) Reject(path, node, $"must be of type {schema.Format}: {node.ToCompact()}");
    }

    private void Number(JsonNode node, Schema schema, string path)
    {
        var number = double.Parse(node.ToJsonString(), CultureInfo.InvariantCulture);      // whatever type it was made from
        if (schema.Format == "int32" && schema.Maximum is null && (number < int.MinValue || number > int.MaxValue))
            Reject(path, node, $"must be of type int32: {node.ToCompact()}");
        if (number < schema.Minimum) Reject(path, node, $"should be greater than or equal to {schema.Minimum}");
        if (number > schema.Maximum) Reject(path, node, $"should be less than or equal to {schema.Maximum}");
    }

    private void Reject(string path, JsonNode node, string what) =>
        _errors.Add(FieldError.Invalid(path, node, $"{path} in body {what}"));
}
