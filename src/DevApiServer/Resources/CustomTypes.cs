using System.Text.Json.Nodes;
using ModuleController.DevApiServer.Requests;
using ModuleController.DevApiServer.Storage;

namespace ModuleController.DevApiServer.Resources;

/// <summary>From a CustomResourceDefinition to the resource it defines, or to what is wrong with it.</summary>
public static class CustomTypes
{
    public static readonly string[] NamesFields =
        ["plural", "singular", "kind", "listKind", "shortNames", "categories"];

    /// <summary>Checks a definition. What this server does not do (conversion, several versions) is refused as 501.</summary>
    public static (ResourceType? Type, IReadOnlyList<FieldError> Errors) Parse(JsonObject definition, Schema metadata)
    {
        var spec = definition["spec"];
        var errors = new List<FieldError>();
        foreach (var field in (string[])["group", "scope"])
            if (string.IsNullOrEmpty(spec.Text(field))) errors.Add(FieldError.Required($"spec.{field}"));
        foreach (var field in (string[])["plural", "kind"])
            if (string.IsNullOrEmpty(spec.Text("names", field))) errors.Add(FieldError.Required($"spec.names.{field}"));
        if (spec.Text("scope") is not (null or "Namespaced" or "Cluster"))
            errors.Add(FieldError.NotSupported("spec.scope", spec.At("scope"), ["Cluster", "Namespaced"]));
        var versions = spec.Objects("versions").ToArray();
        if (versions.Length == 0)
            errors.Add(FieldError.Required("spec.versions", "must have exactly one version marked as storage version"));
        if (errors.Count > 0) return (null, errors);

        var expected = $"{spec.Text("names", "plural")}.{spec.Text("group")}";
        if (definition.Text("metadata", "name") != expected)
            errors.Add(FieldError.Invalid("metadata.name", definition.At("metadata", "name"),
                "must be spec.names.plural+\".\"+spec.group"));
        if (!Names.IsLabel(spec.Text("names", "plural")!))
            errors.Add(FieldError.Invalid("spec.names.plural", spec.At("names", "plural"), "must be a DNS-1035 label"));
        if (versions.Length > 1) throw Statuses.NotImplemented("a CustomResourceDefinition with more than one version");
        if (spec.Text("conversion", "strategy") == "Webhook") throw Statuses.NotImplemented("conversion by webhook");
        if (spec.Flag("preserveUnknownFields"))
            errors.Add(FieldError.Invalid("spec.preserveUnknownFields", true,
                "must be false in order to use defaults in the schema"));
        var version = versions[0];
        foreach (var flag in (string[])["served", "storage"])
            if (!version.Flag(flag))
                errors.Add(FieldError.Invalid($"spec.versions[0].{flag}", version[flag] ?? false,
                    "the only version must be served and stored"));
        if (version["selectableFields"] is not null) throw Statuses.NotImplemented("selectableFields");
        if (version.At("schema", "openAPIV3Schema") is not JsonObject source)
        {
            errors.Add(FieldError.Required("spec.versions[0].schema.openAPIV3Schema", "schemas are required"));
            return (null, errors);
        }

        var (schema, faults) = SchemaParser.Parse(source, "spec.versions[0].schema.openAPIV3Schema");
        errors.AddRange(faults);
        schema.Properties["apiVersion"] =
            new() { Type = "string", Description = "The versioned schema of this representation of an object." };
        schema.Properties["kind"] =
            new() { Type = "string", Description = "The resource that this object represents." };
        schema.Properties["metadata"] = metadata;
        var type = new ResourceType
        {
            Group = spec.Text("group")!,
            Version = version.Text("name") ?? "",
            Plural = spec.Text("names", "plural")!,
            Kind = spec.Text("names", "kind")!,
            Singular = spec.Text("names", "singular") ?? "",
            ListKind = spec.Text("names", "listKind") ?? $"{spec.Text("names", "kind")}List",
            IsNamespaced = spec.Text("scope") == "Namespaced",
            ShortNames = [.. spec.Texts("names", "shortNames")],
            Categories = [.. spec.Texts("names", "categories")],
            Schema = schema,
            HasStatus = version.At("subresources", "status") is not null,
            Scale = Scale(version.At("subresources", "scale"), errors),
            Columns = Columns(version, errors),
            IsCustom = true,
            HasGeneration = true,
            AllowsUnconditionalUpdate = false,
        };
        return (type, errors);
    }

    private static ScalePaths? Scale(JsonNode? scale, List<FieldError> errors)
    {
        const string At = "spec.versions[0].subresources.scale";
        if (scale is null) return null;
        string[] Path(string field, string prefix)
        {
            var text = scale.Text(field) ?? "";
            if (!text.StartsWith(prefix, StringComparison.Ordinal))
                errors.Add(FieldError.Invalid($"{At}.{field}", text, $"should be a json path under {prefix}"));
            return text.Split('.', StringSplitOptions.RemoveEmptyEntries);
        }

        var selector = scale.Text("labelSelectorPath") is null ? null : Path("labelSelectorPath", ".s");
        return new(Path("specReplicasPath", ".spec."), Path("statusReplicasPath", ".status."), selector);
    }

    private static List<Column> Columns(JsonObject version, List<FieldError> errors)
    {
        var defined = version.Objects("additionalPrinterColumns").ToArray();
        if (defined.Length == 0) return [BuiltinColumns.Name, BuiltinColumns.Age];
        var columns = new List<Column> { BuiltinColumns.Name };
        for (var i = 0; i < defined.Length; i++)
        {
            var at = $"spec.versions[0].additionalPrinterColumns[{i}]";
            var type = defined[i].Text("type") ?? "";
            if (string.IsNullOrEmpty(defined[i].Text("name"))) errors.Add(FieldError.Required($"{at}.name"));
            if (type is not ("string" or "integer" or "number" or "boolean" or "date"))
                errors.Add(FieldError.NotSupported($"{at}.type", type,
                    ["boolean", "date", "integer", "number", "string"]));
            if (JsonPath.TryParse(defined[i].Text("jsonPath") ?? "?") is not { } path)
            {
                errors.Add(FieldError.Invalid($"{at}.jsonPath", defined[i]["jsonPath"],
                    "is not a JSON path that this API server understands"));
                continue;
            }

            columns.Add(new(defined[i].Text("name") ?? "", type, (tree, now) => Cell(path.Evaluate(tree), type, now))
            {
                Description = defined[i].Text("description") ?? "",
                Format = defined[i].Text("format") ?? "",
                Priority = (int)(defined[i].Number("priority") ?? 0),
            });
        }

        return columns;
    }

    private static JsonNode? Cell(JsonNode? value, string type, DateTimeOffset now) => type switch
    {
        "date" => BuiltinColumns.Since(value.Text(), now),
        "string" when value is not null => value.Text() ?? value.ToCompact(),
        _ => value,
    };
}
