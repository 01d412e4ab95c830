using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModuleController.Core.Meta;

/// <summary>Objects of texts in an annotation. Anybody may have edited it: what can't be read is left out.</summary>
internal static class AnnotationJson
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The members that are texts; null: it is no object.</summary>
    public static JsonObject? Object(string? text) => Objects(text, JsonValueKind.Object) is [var item] ? item : null;

    /// <summary>Of a list. Empty: it is none.</summary>
    public static List<JsonObject> Objects(string? text) => Objects(text, JsonValueKind.Array);

    public static string? Text(JsonObject? item, string name) => item?[name]?.GetValue<string>();

    public static string Write(JsonNode item) => item.ToJsonString(Compact);

    private static List<JsonObject> Objects(string? text, JsonValueKind expected)
    {
        if (text is null) return [];
        try
        {
            using var document = JsonDocument.Parse(text, Strict);
            var root = document.RootElement;
            if (root.ValueKind != expected) return [];
            return expected == JsonValueKind.Array
                ? [.. root.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.Object).Select(Texts)] : [Texts(root)];
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return [];   // the second: half of a character
        }
    }

    private static JsonObject Texts(JsonElement item) => new(item.EnumerateObject()
        .Where(member => member.Value.ValueKind == JsonValueKind.String)
        .Select(member => KeyValuePair.Create(member.Name, (JsonNode?)member.Value.GetString())));
}
