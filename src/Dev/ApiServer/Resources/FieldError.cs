using System.Text.Json;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>A problem with one field: a cause in a Status.</summary>
public sealed record FieldError(string Reason, string Field, string Message)
{
    public bool IsDuplicate => Reason == "FieldValueDuplicate";

    public static FieldError Required(string field, string detail = "") =>
        new("FieldValueRequired", field, detail.Length == 0 ? "Required value" : $"Required value: {detail}");

    public static FieldError Invalid(string field, JsonNode? value, string detail) =>
        new("FieldValueInvalid", field, $"Invalid value: {value.ToCompact()}: {detail}");

    /// <summary>For updates a real server's message has only the last part of the field.</summary>
    public static FieldError WrongType(string field, JsonNode? value, string type, bool isUpdate = false) =>
        new("FieldValueTypeInvalid", field, $"Invalid value: \"{TypeName(value)}\": "
            + $"{(isUpdate ? field[(field.LastIndexOf('.') + 1)..] : field)} in body must be of type {type}: \"{TypeName(value)}\"");

    public static FieldError NotSupported(string field, JsonNode? value, IEnumerable<string> supported) =>
        new("FieldValueNotSupported", field,
            $"Unsupported value: {value.ToCompact()}: supported values: {string.Join(", ", supported.Select(one => $"\"{one}\""))}");

    public static FieldError Forbidden(string field, string detail) =>
        new("FieldValueForbidden", field, $"Forbidden: {detail}");

    public static FieldError Duplicate(string field, JsonNode? value) =>
        new("FieldValueDuplicate", field, $"Duplicate value: {value.ToCompact()}");

    public static FieldError TooLong(string field, long limit) =>
        new("FieldValueTooLong", field, $"Too long: may not be more than {limit} bytes");

    public static FieldError TooMany(string field, int count, long limit) =>
        new("FieldValueTooMany", field, $"Too many: {count}: must have at most {limit} items");

    private string Name => Field.Length == 0 ? "<nil>" : Field;

    public JsonObject ToCause() => new() { ["reason"] = Reason, ["message"] = Message, ["field"] = Name };

    public override string ToString() => $"{Name}: {Message}";

    private static string TypeName(JsonNode? value) => value?.GetValueKind() switch
    {
        JsonValueKind.Number => value.Number() is null ? "number" : "integer",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        var kind => kind?.ToString().ToLowerInvariant() ?? "null",
    };
}
