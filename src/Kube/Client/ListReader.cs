using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Client;

/// <summary>Reads a list in one pass over its bytes. One object that our type cannot hold does not spoil the others.</summary>
internal static class ListReader
{
    public static ResourceList<T> Read<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> info)
    {
        var reader = new Utf8JsonReader(json);
        var items = new List<T>();
        var unreadable = new List<UnreadableItem>();
        var (version, next) = ("", default(string));
        Expect(ref reader, JsonTokenType.StartObject);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("items"u8)) ReadItems(ref reader, info, items, unreadable);
            else if (reader.ValueTextEquals("metadata"u8)) (version, next) = ReadListMeta(ref reader);
            else reader.Skip();
        }

        return new(items, version, next, unreadable);
    }

    private static void ReadItems<T>(
        ref Utf8JsonReader reader, JsonTypeInfo<T> info, List<T> items, List<UnreadableItem> unreadable)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null) return;
        if (reader.TokenType != JsonTokenType.StartArray) throw new JsonException("items is no array");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var start = reader;
            try
            {
                items.Add(JsonSerializer.Deserialize(ref reader, info) ?? throw new JsonException("null is no object"));
            }
            catch (Exception exception)
            {
                // Whatever a converter makes of strange input, only this item is lost. The reader is a struct: from the copy
                // the item is read once more, as a tree, for its name; where the JSON itself is broken, this throws again.
                reader = start;
                var item = JsonElement.ParseValue(ref reader);
                unreadable.Add(new(KeyOf(item), exception.Message));
            }
        }
    }

    private static (string Version, string? Continue) ReadListMeta(ref Utf8JsonReader reader)
    {
        reader.Read();
        var meta = JsonElement.ParseValue(ref reader);
        return (Text(meta, "resourceVersion"), Text(meta, "continue") is { Length: > 0 } token ? token : null);
    }

    private static ObjectKey KeyOf(JsonElement item) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty("metadata", out var meta)
            ? new(Text(meta, "namespace"), Text(meta, "name"))
            : new("", "");

    private static string Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value)
            && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token)
    {
        if (!reader.Read() || reader.TokenType != token) throw new JsonException($"invalid list: expected {token}, not {reader.TokenType}");
    }
}
