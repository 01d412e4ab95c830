using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModuleController.Core.Injection;

/// <summary>Reads and extends the JSON of a pod whose shape <see cref="PodShape"/> has checked.</summary>
internal static class PodJson
{
    public static string? TextOf(JsonNode? node) => node?.GetValueKind() == JsonValueKind.String ? (string?)node : null;

    public static string? Text(this JsonObject parent, string name) => TextOf(parent[name]);

    public static bool IsTrue(this JsonObject parent, string name) => parent[name]?.GetValueKind() == JsonValueKind.True;

    public static JsonObject? Child(this JsonObject parent, string name) => parent[name] as JsonObject;

    public static IEnumerable<JsonObject> Items(this JsonObject parent, string name) =>
        parent[name] is JsonArray list ? list.OfType<JsonObject>() : [];

    public static bool HasName(this IEnumerable<JsonObject> items, string name) => items.Any(item => item.Text("name") == name);

    public static JsonObject GetOrAddObject(this JsonObject parent, string name)
    {
        if (parent[name] is JsonObject existing) return existing;
        var added = new JsonObject();
        parent[name] = added;
        return added;
    }

    public static void Append(this JsonObject parent, string name, params IEnumerable<JsonObject> items)
    {
        foreach (var item in items)
        {
            if (parent[name] is not JsonArray list) parent[name] = list = [];
            list.Add((JsonNode)item);
        }
    }
}
