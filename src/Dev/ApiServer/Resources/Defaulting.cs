namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>Fills in a schema's defaults. A missing parent is not created for its children's defaults.</summary>
public static class Defaulting
{
    /// <summary>Removes each null of a field that may not be null, unless a default replaces it.</summary>
    public static void DropNulls(JsonNode? node, Schema schema)
    {
        foreach (var item in node as JsonArray ?? [])
            if (schema.Items is not null) DropNulls(item, schema.Items);
        foreach (var (name, value) in node.Fields().ToArray())
        {
            if ((schema.Properties.GetValueOrDefault(name) ?? schema.AdditionalProperties) is not { } child) continue;
            if (value is not null) DropNulls(value, child);
            else if (!child.Nullable && child.Default is null) node!.AsObject().Remove(name);
        }
    }

    public static void Apply(JsonNode? node, Schema schema)
    {
        switch (node)
        {
            case JsonArray array when schema.Items is not null:
                foreach (var item in array) Apply(item, schema.Items);
                break;
            case JsonObject fields:
                foreach (var (name, child) in schema.Properties)
                {
                    var isNullWhereNoneMayBe = fields.ContainsKey(name) && fields[name] is null && !child.Nullable;
                    if (child.Default is not null && (!fields.ContainsKey(name) || isNullWhereNoneMayBe))
                        fields[name] = child.Default.DeepClone();
                    Apply(fields[name], child);
                }

                if (schema.AdditionalProperties is null) break;
                foreach (var (name, value) in fields)
                    if (!schema.Properties.ContainsKey(name)) Apply(value, schema.AdditionalProperties);
                break;
            default:
                break;
        }
    }
}
