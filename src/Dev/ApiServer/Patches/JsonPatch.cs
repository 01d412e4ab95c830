using System.Globalization;

namespace ModuleController.Dev.ApiServer.Patches;

/// <summary>
/// JSON patch (RFC 6902) without copy and move: a list of operations, applied all or none. As on a real server, a replacement of a
/// missing field adds it.
/// </summary>
public static class JsonPatch
{
    public static JsonNode? Apply(JsonObject target, JsonNode? patch)
    {
        if (patch is not JsonArray operations) throw Statuses.BadRequest("error decoding patch: not a list of operations");
        JsonNode? document = target;
        foreach (var operation in operations) document = Step(document, operation as JsonObject ?? []);
        return document;
    }

    private static JsonNode? Step(JsonNode? document, JsonObject operation)
    {
        var name = operation.Text("op");
        var path = operation.Text("path") ?? throw Failed();
        if (name is "copy" or "move") throw Statuses.NotImplemented($"the JSON patch operation {name}");
        if (name is not ("add" or "remove" or "replace" or "test"))
            throw Failed();
        if (name != "remove" && !operation.ContainsKey("value")) throw Failed();
        var value = operation["value"]?.DeepClone();
        var steps = StepsOf(path);
        if (name == "test")
        {
            if (JsonNode.DeepEquals(Find(document, steps), value)) return document;
            throw Failed();
        }

        if (steps is []) return name == "remove" ? null : value;
        var parent = Find(document, steps[..^1]);
        if (name == "remove" || (name == "replace" && parent is not JsonObject)) Remove(parent, steps[^1]);
        if (name is "add" or "replace") Add(parent, steps[^1], value);
        return document;
    }

    private static string[] StepsOf(string path)
    {
        if (path.Length > 0 && path[0] != '/')
            throw Statuses.BadRequest($"json patch path \"{path}\" must start with /");
        return [.. path.Split('/').Skip(1).Select(step =>
            step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];
    }

    private static JsonNode? Find(JsonNode? document, string[] steps)
    {
        foreach (var step in steps)
        {
            document = document switch
            {
                JsonObject fields when fields.TryGetPropertyValue(step, out var value) => value,
                JsonArray items => items[Index(items.Count, step)],
                _ => throw Failed(),
            };
        }

        return document;
    }

    private static void Add(JsonNode? parent, string last, JsonNode? value)
    {
        if (parent is JsonObject fields) fields[last] = value;
        else if (parent is JsonArray items)
            items.Insert(last == "-" ? items.Count : Index(items.Count + 1, last), value);
        else throw Failed();
    }

    private static void Remove(JsonNode? parent, string last)
    {
        if (parent is JsonObject fields && fields.Remove(last)) return;
        if (parent is not JsonArray items) throw Failed();
        items.RemoveAt(Index(items.Count, last));
    }

    private static int Index(int count, string step) =>
        int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < count ? index
            : throw Failed();

    /// <summary>A real server does not name the operation that failed.</summary>
    private static StatusException Failed() =>
        new(422, "Invalid", "the server rejected our request due to an error in our request", []);
}
