namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Makes an object that was sent, or changed by a webhook, one of its kind.</summary>
internal static class Decoding
{
    /// <summary>Drops what a webhook added that the schema does not have, without a word.</summary>
    public static JsonObject Repeat(ApiRequest request, JsonObject tree, JsonObject? before)
    {
        try
        {
            Pruning.Unknown(tree, request.Type.Schema);
            Apply(request, tree, before);
            return tree;
        }
        catch (StatusException e) when (e.Code == 400)
        {
            throw Statuses.Internal(e.Message);
        }
    }

    /// <summary>Drops unknown fields, and fills in defaults.</summary>
    public static void Apply(ApiRequest request, JsonObject tree, JsonObject? before)
    {
        var type = request.Type;
        if (!type.IsCustom) DropNulls(tree);
        DropEmpty(tree.Child("metadata"));
        WriteChecks.LabelsAreText(type, tree);
        var sent = request.IsPatch ? tree.ToCompact() : "";
        ReportUnknown(request, Pruning.Unknown(tree, type.Schema), sent);
        if (type.IsCustom) Defaulting.DropNulls(tree, type.Schema);
        foreach (var finalizer in !type.IsCustom ? [] : tree.Texts("metadata", "finalizers").Where(IsUnqualified))
            request.Warnings.Add($"metadata.finalizers: \"{finalizer}\": prefer a domain-qualified finalizer name to avoid "
                + "accidental conflicts with other finalizer writers");
        // Duplicates in lists are for the rules of the kind: many kinds have them.
        if (!type.IsCustom && Validation.Check(tree, null, type.Schema).FirstOrDefault(error => !error.IsDuplicate) is { } wrong)
            throw WriteChecks.Unreadable(type, $"{wrong}");
        Defaulting.Apply(tree, type.Schema);
        if (!type.IsCustom) BuiltinDefaults.Apply(tree, type.Resource, isNew: before is null);
    }

    private static bool IsUnqualified(string finalizer) =>
        !finalizer.Contains('/') && finalizer is not ("kubernetes" or "orphan" or "foregroundDeletion");

    private static void ReportUnknown(ApiRequest request, IReadOnlyList<string> unknown, string sent)
    {
        var named = unknown.Select(field => $"unknown field \"{field}\"").ToArray();
        if (named is [] || request.FieldValidation == "Ignore") return;
        if (request.FieldValidation == "Warn")
        {
            request.Warnings.UnionWith(named);
            return;
        }

        var message = $"strict decoding error: {string.Join(", ", named)}";
        throw request.IsPatch
            ? Statuses.Invalid("", "", "", [FieldError.Invalid("patch", sent, message)])
            : WriteChecks.Unreadable(request.Type, message);
    }

    /// <summary>In built-in objects null means absent.</summary>
    private static void DropNulls(JsonNode? node)
    {
        foreach (var item in node as JsonArray ?? []) DropNulls(item);
        foreach (var (name, value) in node.Fields().ToArray())
        {
            if (value is null) node!.AsObject().Remove(name);
            else DropNulls(value);
        }
    }

    private static void DropEmpty(JsonObject metadata)
    {
        foreach (var (name, value) in metadata.ToArray())
            if (value is null or JsonObject { Count: 0 } or JsonArray { Count: 0 } || value.Text() is { Length: 0 })
                metadata.Remove(name);
    }
}
