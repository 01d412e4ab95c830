using System.Globalization;
using ModuleController.DevApiServer.Requests;

namespace ModuleController.DevApiServer.Patches;

/// <summary>JSON patch (RFC 6902): a list of operations, all of which work or none.</summary>
public static class JsonPatch
{
    public static JsonNode Apply(JsonObject target, JsonNode? patch)
    {
        if (patch is not JsonArray operations) throw Statuses.BadRequest("json patch must be an array of operations");
        JsonNode? document = target;
        foreach (var operation in operations) document = Step(document, operation as JsonObject ?? []);
        return document ?? throw Failed("remove", "the whole object");
    }

    private static JsonNode? Step(JsonNode? document, JsonObject operation)
    {
        var name = operation.Text("op") ?? "";
        var path = operation.Text("path") ?? throw Failed(name, "path is missing");
        switch (name)
        {
            case "add":
                return Add(document, path, Value(operation));
            case "remove":
                Remove(document, path);
                return document;
            case "replace":
                if (path.Length == 0) return Value(operation);
                Remove(document, path);
                return Add(document, path, Value(operation));
            case "copy" or "move":
                throw Statuses.NotImplemented($"the JSON patch operation {name}");
            case "test":
                if (!JsonNode.DeepEquals(Find(document, path), operation["value"]))
                    throw new StatusException(422, "Invalid",
                        $"the server rejected our request due to an error in our request: testing path {path} failed");
                return document;
            default:
                throw Statuses.BadRequest($"json patch knows no operation \"{name}\"");
        }
    }

    private static JsonNode? Value(JsonObject operation) =>
        operation.ContainsKey("value") ? operation["value"]?.DeepClone()
            : throw Failed(operation.Text("op"), "value is missing");

    private static string[] Steps(string path)
    {
        if (path.Length > 0 && path[0] != '/')
            throw Statuses.BadRequest($"json patch path \"{path}\" must start with /");
        return [.. path.Split('/').Skip(1)
            .Select(step => step.Replace("~1", "/", StringComparison.Ordinal)
                .Replace("~0", "~", StringComparison.Ordinal))];
    }

    private static JsonNode? Find(JsonNode? document, string path)
    {
        foreach (var step in Steps(path))
        {
            document = document switch
            {
                JsonObject fields when fields.TryGetPropertyValue(step, out var value) => value,
                JsonArray items => items[Index(items.Count, step, path)],
                _ => throw Failed("find", path),
            };
        }

        return document;
    }

    private static JsonNode? Add(JsonNode? document, string path, JsonNode? value)
    {
        if (path.Length == 0) return value;
        var (parent, last) = Parent(document, path);
        if (parent is JsonObject fields) fields[last] = value;
        else if (parent is JsonArray items)
            items.Insert(last == "-" ? items.Count : Index(items.Count + 1, last, path), value);
        else throw Failed("add", path);
        return document;
    }

    private static void Remove(JsonNode? document, string path)
    {
        var (parent, last) = Parent(document, path);
        if (parent is JsonObject fields && fields.Remove(last)) return;
        if (parent is not JsonArray items) throw Failed("remove", path);
        items.RemoveAt(Index(items.Count, last, path));
    }

    private static (JsonNode? Parent, string Last) Parent(JsonNode? document, string path)
    {
        var end = path.LastIndexOf('/');
        return (Find(document, path[..end]), Steps(path)[^1]);
    }

    private static int Index(int count, string step, string path) =>
        int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < count ? index
            : throw Failed("index", path);

    private static StatusException Failed(string? operation, string path) =>
        new(422, "Invalid", $"the server rejected our request due to an error in our request: {operation} operation does not apply: doc is missing path: {path}");
}
