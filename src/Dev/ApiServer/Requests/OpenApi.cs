namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>OpenAPI v3, a document per group and version, with what kubectl's apply, explain and strict validation read.</summary>
public static class OpenApi
{
    public static JsonObject Index(ResourceRegistry registry)
    {
        var paths = new JsonObject();
        foreach (var root in registry.All.Select(type => type.Root).Distinct())
            paths[root] = new JsonObject { ["serverRelativeURL"] = $"/openapi/v3/{root}?hash={registry.Revision}" };
        return new() { ["paths"] = paths };
    }

    public static JsonObject Document(ResourceRegistry registry, string root)
    {
        var types = registry.All.Where(type => type.Root == root).ToArray();
        if (types.Length == 0) throw Statuses.NoSuchPath();
        var paths = new JsonObject();
        var components = new JsonObject();
        foreach (var type in types)
        {
            var (path, patch) = Patch(type);
            if (!type.IsOnlyCreated) paths[path] = patch;
            AddComponents(components, type.Schema);
            var schema = type.Schema.Source?.Copy() ?? Write(type.Schema, isTop: true);
            schema["x-kubernetes-group-version-kind"] = new JsonArray(Kind(type));
            components[ComponentName(type)] = schema;
        }

        return new()
        {
            ["openapi"] = "3.0.0",
            ["info"] = new JsonObject { ["title"] = "Kubernetes", ["version"] = "v1.32.0" },
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = components },
        };
    }

    private static string ComponentName(ResourceType type) =>
        type.Schema.Name ?? $"{string.Join('.', type.Group.Split('.').Reverse())}.{type.Version}.{type.Kind}";

    private static JsonObject Kind(ResourceType type) =>
        new() { ["group"] = type.Group, ["version"] = type.Version, ["kind"] = type.Kind };

    /// <summary>kubectl reads only the parameters of PATCH.</summary>
    private static (string Path, JsonObject Item) Patch(ResourceType type)
    {
        var scope = type.IsNamespaced ? "namespaces/{namespace}/" : "";
        var parameters = ((string[])["dryRun", "fieldValidation"]).Select(name => (JsonNode)new JsonObject
        {
            ["name"] = name,
            ["in"] = "query",
            ["schema"] = new JsonObject { ["type"] = "string" },
        });
        var operation = new JsonObject
        {
            ["parameters"] = new JsonArray([.. parameters]),
            ["responses"] = new JsonObject(),
            ["x-kubernetes-action"] = "patch",
            ["x-kubernetes-group-version-kind"] = Kind(type),
        };
        return ($"/{type.Root}/{scope}{type.Plural}/{{name}}", new() { ["patch"] = operation });
    }

    /// <summary>The named schemas that a type refers to, directly or not; some refer to themselves.</summary>
    private static void AddComponents(JsonObject components, Schema schema)
    {
        foreach (var child in schema.Properties.Values.Append(schema.Items).Append(schema.AdditionalProperties)
            .OfType<Schema>())
        {
            if (child.Name is not null)
            {
                if (components.ContainsKey(child.Name)) continue;
                components[child.Name] = Write(child, isTop: true);
            }

            AddComponents(components, child);
        }
    }

    /// <summary>The schema of a built-in type; that of a custom resource is served as written.</summary>
    private static JsonObject Write(Schema schema, bool isTop = false)
    {
        if (schema.Name is not null && !isTop) return new() { ["$ref"] = $"#/components/schemas/{schema.Name}" };
        var json = new JsonObject();
        void Put(string name, JsonNode? value)
        {
            if (value is not null) json[name] = value;
        }

        Put("type", schema.IntOrString ? null : schema.Type);
        Put("format", schema.Format);
        Put("items", schema.Items is null ? null : Write(schema.Items));
        Put("additionalProperties", schema.AdditionalProperties is null ? null : Write(schema.AdditionalProperties));
        if (schema.IntOrString) json["x-kubernetes-int-or-string"] = true;
        if (schema.PreserveUnknownFields) json["x-kubernetes-preserve-unknown-fields"] = true;
        if (schema.Properties.Count == 0) return json;
        var properties = new JsonObject();
        foreach (var (name, child) in schema.Properties) properties[name] = Write(child);
        json["properties"] = properties;
        return json;
    }
}
