namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>Converts a CustomResourceDefinition to the resource that it defines, or to errors.</summary>
public static class CustomTypes
{
    // For a single version a real server names these fields as if they were in the spec itself.
    private const string SchemaPath = "spec.validation.openAPIV3Schema";
    private const string ScalePath = "spec.subresources.scale";
    private const string ColumnsPath = "spec.additionalPrinterColumns";

    /// <summary>Checks a definition. Unsupported features (conversion, several versions) are rejected with 501.</summary>
    public static (ResourceType? Type, IReadOnlyList<FieldError> Errors) Parse(JsonObject definition, Schema metadata)
    {
        var (spec, errors) = (definition["spec"], new List<FieldError>());
        var names = spec.At("names");
        var isNamed = definition.Text("metadata", "name") == $"{names.Text("plural")}.{spec.Text("group")}";
        if (!isNamed)
            errors.Add(FieldError.Invalid("metadata.name", definition.At("metadata", "name"),
                "must be spec.names.plural+\".\"+spec.group"));
        foreach (var path in (string[])["group", "scope", "names.plural", "names.singular", "names.kind", "names.listKind"])
            if (string.IsNullOrEmpty(spec.Text(path.Split('.')))) errors.Add(FieldError.Required($"spec.{path}"));
        CheckNames(names, errors);
        if (spec.Flag("preserveUnknownFields"))
            errors.Add(FieldError.Invalid("spec.preserveUnknownFields", true, "cannot set to true, set "
                + "x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"));
        if (spec.Text("scope") is not (null or "Namespaced" or "Cluster"))
            errors.Add(FieldError.NotSupported("spec.scope", spec.At("scope"), ["Cluster", "Namespaced"]));
        var versions = spec.Objects("versions").ToArray();
        if (versions.Length == 0)
            errors.Add(FieldError.Required("spec.versions", "must have exactly one version marked as storage version"));
        if (errors.Count > 0) return (null, errors);

        if (versions.Length > 1) throw Statuses.NotImplemented("a CustomResourceDefinition with more than one version");
        if (spec.Text("conversion", "strategy") == "Webhook") throw Statuses.NotImplemented("conversion by webhook");
        var version = versions[0];
        if (version["selectableFields"] is not null) throw Statuses.NotImplemented("selectableFields");
        if (!version.Flag("served")) throw Statuses.NotImplemented("a version that is not served");
        if (!version.Flag("storage"))
        {
            errors.Add(FieldError.Invalid("spec.versions", new JsonArray(InGo(version)),
                "must have exactly one version marked as storage version"));
            errors.Add(FieldError.Invalid("status.storedVersions", null, "must have at least one stored version"));
        }

        if (version.At("schema", "openAPIV3Schema") is not JsonObject source)
        {
            errors.Add(FieldError.Required("spec.versions[0].schema.openAPIV3Schema"));
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

    private static void CheckNames(JsonNode? names, List<FieldError> errors)
    {
        foreach (var field in (string[])["plural", "singular", "kind", "listKind"])
        {
            var (name, isKind) = (names.Text(field), field is "kind" or "listKind");
            if (!string.IsNullOrEmpty(name) && !Names.IsServiceName(isKind ? name.ToLowerInvariant() : name))
                errors.Add(FieldError.Invalid($"spec.names.{field}", name,
                    $"{(isKind ? "may have mixed case, but should otherwise match: " : "")}{Names.ServiceRule}"));
        }
    }

    /// <summary>A version as a real server writes it, without its schema and columns.</summary>
    private static JsonObject InGo(JsonObject version) => new()
    {
        ["Name"] = version.Text("name"),
        ["Served"] = version.Flag("served"),
        ["Storage"] = version.Flag("storage"),
        ["Deprecated"] = false,
        ["DeprecationWarning"] = null,
        ["Schema"] = null,
        ["Subresources"] = null,
        ["AdditionalPrinterColumns"] = null,
        ["SelectableFields"] = null,
    };

    private static Schema SchemaOf(JsonObject source, Schema metadata, List<FieldError> errors)
    {
        var (schema, faults) = SchemaParser.Parse(source, SchemaPath);
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
                errors.Add(FieldError.Invalid($"{ScalePath}.{field}", text, $"should be a json path under {prefix.TrimEnd('.')}"));
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
            var at = $"{ColumnsPath}[{i}]";
            var type = defined.Text("type") ?? "";
            if (string.IsNullOrEmpty(defined.Text("name"))) errors.Add(FieldError.Required($"{at}.name"));
            if (type is not ("string" or "integer" or "number" or "boolean" or "date"))
                errors.Add(FieldError.Invalid($"{at}.type", type, "must be one of boolean,date,integer,number,string"));
            if (string.IsNullOrEmpty(defined.Text("jsonPath")))
            {
                errors.Add(FieldError.Required($"{at}.JSONPath"));
                continue;
            }

            if (JsonPath.TryParse(defined.Text("jsonPath")!) is not { } path)
                throw Statuses.NotImplemented($"the JSON path {defined["jsonPath"].ToCompact()} at {at}");
            columns.Add(new(defined.Text("name") ?? "", type, (tree, now) => Cell(path(tree), type, now))
            {
                Description = defined.Text("description")
                    ?? $"Custom resource definition column (in JSONPath format): {defined.Text("jsonPath")}",
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
