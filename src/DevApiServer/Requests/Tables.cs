using System.Globalization;
using ModuleController.DevApiServer.Resources;

namespace ModuleController.DevApiServer.Requests;

/// <summary>Objects as rows, the form in which kubectl asks for what it prints.</summary>
public static class Tables
{
    public static JsonObject Of(ApiRequest request, IEnumerable<StoredObject> objects, JsonObject metadata,
        DateTimeOffset now) => new()
        {
            ["kind"] = "Table",
            ["apiVersion"] = "meta.k8s.io/v1",
            ["metadata"] = metadata,
            ["columnDefinitions"] = new JsonArray([.. request.Type.Columns.Select(Definition)]),
            ["rows"] = new JsonArray([.. objects.Select(stored => Row(request, stored.Tree, now))]),
        };

    public static JsonObject Of(ApiRequest request, StoredObject stored, DateTimeOffset now) =>
        Of(request, [stored], new() { ["resourceVersion"] = stored.Revision.ToString(CultureInfo.InvariantCulture) },
            now);

    private static JsonObject Definition(Column column) => new()
    {
        ["name"] = column.Name,
        ["type"] = column.Type,
        ["format"] = column.Format,
        ["description"] = column.Description,
        ["priority"] = column.Priority,
    };

    private static JsonObject Row(ApiRequest request, JsonObject tree, DateTimeOffset now)
    {
        var row = new JsonObject
        {
            ["cells"] =
            new JsonArray([.. request.Type.Columns.Select(column => column.Cell(tree, now))])
        };
        switch (request.Query("includeObject"))
        {
            case "" or "Metadata":
                row["object"] = new JsonObject
                {
                    ["kind"] = "PartialObjectMetadata",
                    ["apiVersion"] = "meta.k8s.io/v1",
                    ["metadata"] = tree["metadata"]?.DeepClone(),
                };
                break;
            case "Object":
                row["object"] = tree.DeepClone();
                break;
            case "None":
                break;
            case var other:
                throw Statuses.BadRequest($"invalid includeObject value: \"{other}\"");
        }

        return row;
    }
}
