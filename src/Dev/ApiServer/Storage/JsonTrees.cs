using System.Text.Encodings.Web;
using System.Text.Json;

namespace ModuleController.Dev.ApiServer.Storage;

/// <summary>Reads and builds the JSON trees of objects.</summary>
public static class JsonTrees
{
    private static readonly JsonSerializerOptions Compact =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static JsonNode? At(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var step in path) node = (node as JsonObject)?[step];
        return node;
    }

    public static string? Text(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    public static long? Number(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is not JsonValue value || value.GetValueKind() != JsonValueKind.Number ? null
        : long.TryParse(value.ToJsonString(), out var whole) ? whole : null;

    public static bool Flag(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path)?.GetValueKind() == JsonValueKind.True;

    /// <summary>The objects in a list. Other items are skipped: validation rejects them.</summary>
    public static IEnumerable<JsonObject> Objects(this JsonNode? node, params ReadOnlySpan<string> path) =>
        (node.At(path) as JsonArray)?.OfType<JsonObject>() ?? [];

    public static IEnumerable<string> Texts(this JsonNode? node, params ReadOnlySpan<string> path) =>
        (node.At(path) as JsonArray)?.Select(item => item.Text()).OfType<string>() ?? [];

    public static IEnumerable<(string Name, JsonNode? Value)> Fields(this JsonNode? node,
        params ReadOnlySpan<string> path) =>
        (node.At(path) as JsonObject)?.Select(field => (field.Key, field.Value)) ?? [];

    /// <summary>The object under a name, created if it is missing.</summary>
    public static JsonObject Child(this JsonObject node, string name)
    {
        if (node[name] is JsonObject child) return child;
        node[name] = child = [];
        return child;
    }

    /// <summary>Sets a field that is absent or null.</summary>
    public static void Default(this JsonObject node, string name, JsonNode? value)
    {
        if (node[name] is null) node[name] = value;
    }

    /// <summary>Copies a field from another object, or removes it if that one lacks it.</summary>
    public static void CopyFrom(this JsonObject node, JsonObject? other, string name)
    {
        if (other?[name] is { } value) node[name] = value.DeepClone();
        else node.Remove(name);
    }

    public static JsonObject Copy(this JsonObject node) => (JsonObject)node.DeepClone();

    public static byte[] ToUtf8(this JsonNode node) => JsonSerializer.SerializeToUtf8Bytes(node, Compact);

    public static string ToCompact(this JsonNode? node) => node?.ToJsonString(Compact) ?? "null";

    public static string ToTimestamp(this DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
