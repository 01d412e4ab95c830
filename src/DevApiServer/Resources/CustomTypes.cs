namespace ModuleController.DevApiServer.Resources;

/// <summary>From a CustomResourceDefinition to the resource it defines, or to what is wrong with it.</summary>
public static class CustomTypes
{
    private const string Version = "spec.versions[0]";

    /// <summary>Checks a definition. What this server does not do (conversion, several versions) is refused as 501.</summary>
    public static (ResourceType? Type, IReadOnlyList<FieldError> Errors) Parse(JsonObject definition, Schema metadata)
    {
        var (spec, errors) = (definition["spec"], new List<FieldError>());
        var names = spec.At("names");
        foreach (var path in (string[])["group", "scope", "names.plural", "names.kind"])
            if (string.IsNullOrEmpty(spec.Text(path.Split('.')))) errors.Add(FieldError.Required($"spec.{path}"));
        if (spec.Text("scope") is not (null or "Namespaced" or "Cluster"))
            errors.Add(FieldError.NotSupported("spec.scope", spec.At("scope"), ["Cluster", "Namespaced"]));
        var versions = spec.Objects("versions").ToArray();
        if (versions.Length == 0)
            errors.Add(FieldError.Required("spec.versions", "must have exactly one version marked as storage version"));
        if (errors.Count > 0) return (null, errors);

        if (versions.Length > 1) throw Statuses.NotImplemented("a CustomResourceDefinition with more than one version");
        if (spec.Text("conversion", "strategy") == "Webhook") throw Statuses.NotImplemented("conversion by webhook");
        if (spec.Flag("preserveUnknownFields")) throw Statuses.NotImplemented("preserveUnknownFields of a whole kind");
        var version = versions[0];
        if (version["selectableFields"] is not null) throw Statuses.NotImplemented("selectableFields");
        if (definition.Text("metadata", "name") != $"{names.Text("plural")}.{spec.Text("group")}")
            errors.Add(FieldError.Invalid("metadata.name", definition.At("metadata", "name"),
                "must be spec.names.plural+\".\"+spec.group"));
        if (!Names.IsLabel(names.Text("plural")!))
            errors.Add(FieldError.Invalid("spec.names.plural", names.At("plural"), "must be a DNS-1035 label"));
        foreach (var flag in (string[])["served", "storage"])
            if (!version.Flag(flag))
                errors.Add(FieldError.Invalid($"{Version}.{flag}", false, "the one version must be served and stored"));
        if (version.At("schema", "openAPIV3Schema") is not JsonObject source)
        {
            errors.Add(FieldError.Required($"{Version}.schema.openAPIV3Schema", "schemas are required"));
            return (null, errors);
        }

        var type = new ResourceType
        {
            Group = spec.Text("group")!,
            Version = version.Text("name") ?? "",
            Plural = names.Text("plural")!,
            Kind = names.Text("kind")!,
            Singular = names.Text("singular") ?? "",
            ListKind = names.Text("listKind") ?? $"{names.Text("kind")}List",
            IsNamespaced = spec.Text("scope") == "Namespaced",
            ShortNames = [.. names.Texts("shortNames")],
            Categories = [.. names.Texts("categories")],
            Schema = SchemaOf(source, metadata, errors),
            HasStatus = version.At("subresources", "status") is not null,
            Scale = Scale(version.At("subresources", "scale"), errors),
            Columns = [BuiltinColumns.Name, .. Columns(version, errors)],
            IsCustom = true,
            HasGeneration = true,
            AllowsUnconditionalUpdate = false,
        };
        return (type, errors);
    }

    private static Schema SchemaOf(JsonObject source, Schema metadata, List<FieldError> errors)
    {
        var (schema, faults) = SchemaParser.Parse(source, $"{Version}.schema.openAPIV3Schema");
        errors.AddRange(faults);
        schema.Source = source.Copy();
        foreach (var name in (string[])["apiVersion", "kind"])
        {
            schema.Properties[name] = new() { Type = "string" };
            schema.Source.Child("properties")[name] = new JsonObject { ["type"] = "string" };
        }

        schema.Properties["metadata"] = metadata;
        schema.Source.Child("properties")["metadata"] =
            new JsonObject { ["$ref"] = $"#/components/schemas/{metadata.Name}" };
        return schema;
    }

    private static ScalePaths? Scale(JsonNode? scale, List<FieldError> errors)
    {
        if (scale is null) return null;
        string[] Path(string field, string prefix)
        {
            var text = scale.Text(field) ?? "";
            if (!text.StartsWith(prefix, StringComparison.Ordinal))
                errors.Add(FieldError.Invalid($"{Version}.subresources.scale.{field}", text,
                    $"should be a json path under {prefix}"));
            return text.Split('.', StringSplitOptions.RemoveEmptyEntries);
        }

        var selector = scale.Text("labelSelectorPath") is null ? null : Path("labelSelectorPath", ".s");
        return new(Path("specReplicasPath", ".spec."), Path("statusReplicasPath", ".status."), selector);
    }

    private static List<Column> Columns(JsonObject version, List<FieldError> errors)
    {
        var columns = new List<Column>();
        foreach (var (defined, i) in version.Objects("additionalPrinterColumns").Select((column, i) => (column, i)))
        {
            var at = $"{Version}.additionalPrinterColumns[{i}]";
            var type = defined.Text("type") ?? "";
            if (string.IsNullOrEmpty(defined.Text("name"))) errors.Add(FieldError.Required($"{at}.name"));
            if (type is not ("string" or "integer" or "number" or "boolean" or "date"))
                errors.Add(FieldError.NotSupported($"{at}.type", type,
                    ["boolean", "date", "integer", "number", "string"]));
            if (JsonPath.TryParse(defined.Text("jsonPath") ?? "?") is not { } path)
                throw Statuses.NotImplemented($"the JSON path {defined["jsonPath"].ToCompact()} at {at}");
            columns.Add(new(defined.Text("name") ?? "", type, (tree, now) => Cell(path(tree), type, now))
            {
                Description = defined.Text("description") ?? "",
                Format = defined.Text("format") ?? "",
                Priority = (int)(defined.Number("priority") ?? 0),
            });
        }

        return columns is [] ? [BuiltinColumns.Age] : columns;
    }

    private static JsonNode? Cell(JsonNode? value, string type, DateTimeOffset now) => type switch
    {
        "date" => BuiltinColumns.Since(value.Text(), now),
        "string" when value is not null => value.Text() ?? value.ToCompact(),
        _ => value,
    };
}
