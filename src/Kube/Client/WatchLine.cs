using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Client;

/// <summary>Decodes one line of a watch. The object is deserialized directly from the bytes, without an intermediate tree.</summary>
internal static class WatchLine
{
    /// <summary>Never throws on bad input: an unreadable line is an error event.</summary>
    public static WatchEvent<T> Read<T>(in ReadOnlySequence<byte> line, JsonTypeInfo<T> info) where T : class, IResource
    {
        try
        {
            return Decode(line, info);
        }
        catch (Exception exception)
        {
            // A converter may throw anything for malformed input. Only this line is lost: the reader lists again.
            return Unreadable<T>(exception.Message);
        }
    }

    private static WatchEvent<T> Decode<T>(in ReadOnlySequence<byte> line, JsonTypeInfo<T> info) where T : class, IResource
    {
        var reader = new Utf8JsonReader(line);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return Unreadable<T>("a line is no object");
        WatchEventType? type = null;
        var early = default(Utf8JsonReader);   // at the object, where that precedes the type
        var isEarly = false;
        var result = default(WatchEvent<T>?);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                type = TypeOf(in reader);
                if (type is null) return Unreadable<T>($"unknown event type '{reader.GetString()}'");
            }
            else if (reader.ValueTextEquals("object"u8))
            {
                reader.Read();
                if (type is { } known)
                {
                    result = ReadObject(ref reader, known, info);
                    continue;
                }

                early = reader;
                isEarly = true;
                reader.Skip();
            }
            else
            {
                reader.Skip();
            }
        }

        if (result is null && type is { } late && isEarly) result = ReadObject(ref early, late, info);
        return result ?? Unreadable<T>("a line has no type or no object");
    }

    private static WatchEventType? TypeOf(in Utf8JsonReader reader) =>
        reader.ValueTextEquals("MODIFIED"u8) ? WatchEventType.Modified
        : reader.ValueTextEquals("ADDED"u8) ? WatchEventType.Added
        : reader.ValueTextEquals("DELETED"u8) ? WatchEventType.Deleted
        : reader.ValueTextEquals("BOOKMARK"u8) ? WatchEventType.Bookmark
        : reader.ValueTextEquals("ERROR"u8) ? WatchEventType.Error
        : null;

    private static WatchEvent<T> ReadObject<T>(ref Utf8JsonReader reader, WatchEventType type, JsonTypeInfo<T> info)
        where T : class, IResource
    {
        if (type == WatchEventType.Error)
            return new(type, null, null, KubeError.Parse(JsonElement.ParseValue(ref reader), 0));

        if (type == WatchEventType.Bookmark)
        {
            var bookmark = JsonElement.ParseValue(ref reader);
            return bookmark.GetProperty("metadata").GetProperty("resourceVersion").GetString() is { Length: > 0 } version
                ? new(type, null, version)
                : Unreadable<T>("a bookmark has no version");
        }

        return JsonSerializer.Deserialize(ref reader, info) is { } resource
            ? new(type, resource, resource.Metadata.ResourceVersion)
            : Unreadable<T>("the object is null");
    }

    private static WatchEvent<T> Unreadable<T>(string why) where T : class, IResource =>
        new(WatchEventType.Error, null, null, new(0, KubeError.Unreadable, $"watch of {T.Kind}: {why}"));
}
