namespace ModuleController.DevApiServer.Resources;

/// <summary>Fills in a schema's defaults, in what the object has: a missing parent is not made for its children's sake.</summary>
public static class Defaulting
{
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
