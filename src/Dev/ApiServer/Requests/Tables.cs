namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Objects as table rows, which kubectl prints.</summary>
public static class Tables
{
    public static JsonObject Of(
        ApiRequest request, IEnumerable<StoredObject> objects, JsonObject metadata, DateTimeOffset now) => new()
        {
            ["kind"] = "Table",
            ["apiVersion"] = "meta.k8s.io/v1",
            ["metadata"] = metadata,
            ["columnDefinitions"] = new JsonArray([.. request.Type.Columns.Select(column => new JsonObject
            {
                ["name"] = column.Name,
                ["type"] = column.Type,
                ["format"] = column.Format,
                ["description"] = column.Description,
                ["priority"] = column.Priority,
            })]),
            ["rows"] = new JsonArray([.. objects.Select(stored => new JsonObject
            {
                ["cells"] = new JsonArray([.. request.Type.Columns.Select(column => column.Cell(stored.Tree, now))]),
                ["object"] = ObjectOf(request, stored.Tree),
            })]),
        };

    public static JsonObject Of(ApiRequest request, StoredObject stored, DateTimeOffset now) =>
        Of(request, [stored], new() { ["resourceVersion"] = $"{stored.Revision}" }, now);

    private static JsonNode? ObjectOf(ApiRequest request, JsonObject tree) => request.Query("includeObject") switch
    {
        "" or "Metadata" => new JsonObject
        {
            ["kind"] = "PartialObjectMetadata",
            ["apiVersion"] = "meta.k8s.io/v1",
            ["metadata"] = tree["metadata"]?.DeepClone(),
        },
        "Object" => tree.DeepClone(),
        "None" => null,
        var other => throw Statuses.BadRequest($"invalid includeObject value: \"{other}\""),
    };
}
