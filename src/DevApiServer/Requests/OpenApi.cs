using System.Text.Json.Nodes;
using ModuleController.DevApiServer.Resources;

namespace ModuleController.DevApiServer.Requests;

/// <summary>OpenAPI v3, a document per group and version: what kubectl's apply, explain and strict validation read of it.</summary>
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
            foreach (var (path, item) in Paths(type)) paths[path] = item;
            var name = ComponentName(type);
            AddComponents(components, type.Schema);
            var schema = Write(type.Schema, isTop: true);
            schema["x-kubernetes-group-version-kind"] = new JsonArray(Kind(type));
            components[name] = schema;
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

    private static IEnumerable<(string Path, JsonObject Item)> Paths(ResourceType type)
    {
        var all = type.IsNamespaced ? $"/{type.Root}/namespaces/{{namespace}}/{type.Plural}"
            : $"/{type.Root}/{type.Plural}";
        if (type.IsNamespaced)
            yield return ($"/{type.Root}/{type.Plural}", new() { ["get"] = Operation(type, "list") });
        yield return (all, new()
        {
            ["get"] = Operation(type, "list"),
            ["post"] = Operation(type, "post", "fieldValidation", "dryRun")
        });
        if (type.IsOnlyCreated) yield break;
        yield return ($"{all}/{{name}}", new()
        {
            ["get"] = Operation(type, "get"),
            ["put"] = Operation(type, "put", "fieldValidation", "dryRun"),
            ["patch"] = Operation(type, "patch", "fieldValidation", "dryRun"),
            ["delete"] = Operation(type, "delete", "dryRun"),
        });
    }

    private static JsonObject Operation(ResourceType type, string action, params string[] parameters)
    {
        var schema = new JsonObject { ["$ref"] = $"#/components/schemas/{ComponentName(type)}" };
        return new()
        {
            ["operationId"] = $"{action}{type.Group}{type.Version}{type.Kind}",
            ["parameters"] = new JsonArray([.. parameters.Select(name =>
                new JsonObject { ["name"] = name, ["in"] = "query",
                    ["schema"] = new JsonObject { ["type"] = "string" } })]),
            ["responses"] = new JsonObject
            {
                ["200"] = new JsonObject
                {
                    ["description"] = "OK",
                    ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = schema } },
                },
            },
            ["x-kubernetes-action"] = action,
            ["x-kubernetes-group-version-kind"] = Kind(type),
        };
    }

    /// <summary>The named schemas that a type refers to, however deep; some refer to themselves.</summary>
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

    private static JsonObject Write(Schema schema, bool isTop = false)
    {
        if (schema.Name is not null && !isTop) return new() { ["$ref"] = $"#/components/schemas/{schema.Name}" };
        var json = new JsonObject();
        void Put(string name, JsonNode? value)
        {
            if (value is not null) json[name] = value;
        }

        Put("description", schema.Description);
        Put("type", schema.IntOrString ? null : schema.Type);
        Put("format", schema.Format);
        Put("pattern", schema.PatternText);
        Put("minimum", schema.Minimum);
        Put("maximum", schema.Maximum);
        Put("minLength", schema.MinLength);
        Put("maxLength", schema.MaxLength);
        Put("minItems", schema.MinItems);
        Put("maxItems", schema.MaxItems);
        Put("default", schema.Default?.DeepClone());
        Put("items", schema.Items is null ? null : Write(schema.Items));
        Put("additionalProperties", schema.AdditionalProperties is null ? null : Write(schema.AdditionalProperties));
        Put("x-kubernetes-list-type", schema.ListType);
        if (schema.Enum.Count > 0) json["enum"] = new JsonArray([.. schema.Enum.Select(one => one?.DeepClone())]);
        if (schema.Required.Count > 0)
            json["required"] = new JsonArray([.. schema.Required.Select(one => (JsonNode)one)]);
        if (schema.ListMapKeys.Count > 0)
            json["x-kubernetes-list-map-keys"] = new JsonArray([.. schema.ListMapKeys.Select(one => (JsonNode)one)]);
        if (schema.Nullable) json["nullable"] = true;
        if (schema.IntOrString) json["x-kubernetes-int-or-string"] = true;
        if (schema.PreserveUnknownFields) json["x-kubernetes-preserve-unknown-fields"] = true;
        if (schema.Properties.Count == 0) return json;
        var properties = new JsonObject();
        foreach (var (name, child) in schema.Properties) properties[name] = Write(child);
        json["properties"] = properties;
        return json;
    }
}
