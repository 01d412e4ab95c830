using System.Text.Json;

namespace ModuleController.DevApiServer.Resources;

/// <summary>One thing that is wrong with one field, as a cause in a Status names it.</summary>
public sealed record FieldError(string Reason, string Field, string Message)
{
    public static FieldError Required(string field, string detail = "") =>
        new("FieldValueRequired", field, detail.Length == 0 ? "Required value" : $"Required value: {detail}");

    public static FieldError Invalid(string field, JsonNode? value, string detail) =>
        new("FieldValueInvalid", field, $"Invalid value: {value.ToCompact()}: {detail}");

    public static FieldError WrongType(string field, JsonNode? value, string type) =>
        new("FieldValueTypeInvalid", field,
            $"Invalid value: \"{TypeName(value)}\": {field} in body must be of type {type}: \"{TypeName(value)}\"");

    public static FieldError NotSupported(string field, JsonNode? value, IEnumerable<string> supported) =>
        new("FieldValueNotSupported", field,
            $"Unsupported value: {value.ToCompact()}: supported values: {string.Join(", ", supported.Select(one => $"\"{one}\""))}");

    public static FieldError Forbidden(string field, string detail) =>
        new("FieldValueForbidden", field, $"Forbidden: {detail}");

    public static FieldError Duplicate(string field, JsonNode? value) =>
        new("FieldValueDuplicate", field, $"Duplicate value: {value.ToCompact()}");

    public static FieldError TooLong(string field, long limit) =>
        new("FieldValueTooLong", field, $"Too long: may not be more than {limit} bytes");

    public JsonObject ToCause() => new() { ["reason"] = Reason, ["message"] = Message, ["field"] = Field };

    public override string ToString() => $"{(Field.Length == 0 ? "<nil>" : Field)}: {Message}";

    private static string TypeName(JsonNode? value) => value?.GetValueKind() switch
    {
        JsonValueKind.Number => value.Number() is null ? "number" : "integer",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        var kind => kind?.ToString().ToLowerInvariant() ?? "null",
    };
}
