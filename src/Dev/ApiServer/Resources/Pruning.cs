namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>Removes unknown fields and returns their paths.</summary>
public static class Pruning
{
    public static IReadOnlyList<string> Unknown(JsonNode? tree, Schema schema)
    {
        var unknown = new List<string>();
        Prune(tree, schema, "", unknown);
        return unknown;
    }

    private static void Prune(JsonNode? node, Schema schema, string path, List<string> unknown)
    {
        switch (node)
        {
            case JsonArray array when schema.Items is not null:
                for (var i = 0; i < array.Count; i++) Prune(array[i], schema.Items, $"{path}[{i}]", unknown);
                break;
            case JsonObject fields when schema.Type is "object" or null:
                foreach (var (name, value) in fields.ToArray())
                {
                    var at = path.Length == 0 ? name : $"{path}.{name}";
                    if (schema.Properties.TryGetValue(name, out var child)) Prune(value, child, at, unknown);
                    else if (schema.AdditionalProperties is not null)
                        Prune(value, schema.AdditionalProperties, at, unknown);
                    else if (!schema.PreserveUnknownFields)
                    {
                        unknown.Add(at);
                        fields.Remove(name);
                    }
                }

                break;
            default:
                break;      // a scalar has no fields, and validation rejects a wrong type
        }
    }
}
