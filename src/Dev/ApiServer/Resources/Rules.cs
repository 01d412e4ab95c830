namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>Evaluates the rules of a schema against an object and its previous state.</summary>
public static class Rules
{
    /// <summary>A real server evaluates no rules while the object has an error of these kinds.</summary>
    private static readonly HashSet<string> Blocking =
    [
        "FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid",
    ];

    private static readonly FieldError NotChecked = new("FieldValueInvalid", "", "Invalid value: null: some validation rules "
        + "were not checked because the object was invalid; correct the existing errors to complete validation");

    public static IEnumerable<FieldError> Check(JsonNode tree, JsonNode? old, Schema schema, IReadOnlyList<FieldError> errors) =>
        !HasRules(schema) ? [] : errors.Any(error => Blocking.Contains(error.Reason)) ? [NotChecked] : Visit(tree, old, schema, "");

    private static bool HasRules(Schema schema) => schema.Rules.Count > 0 || schema.Properties.Values.Any(HasRules)
        || (schema.Items is not null && HasRules(schema.Items))
        || (schema.AdditionalProperties is not null && HasRules(schema.AdditionalProperties));

    /// <summary>Unchanged values are not evaluated. Only items of lists of type map have a previous state.</summary>
    private static IEnumerable<FieldError> Visit(JsonNode? node, JsonNode? old, Schema schema, string path)
    {
        if (node is null || (old is not null && JsonNode.DeepEquals(node, old))) yield break;
        foreach (var rule in schema.Rules.Where(rule => old is not null || !rule.ComparesWithOld))
            if (rule.Check(node, old) is { } message)
                yield return FieldError.Invalid(path, schema.Type ?? "", message);
        foreach (var (name, child) in schema.Properties)
            foreach (var error in Visit(node.At(name), old.At(name), child, path.Length == 0 ? name : $"{path}.{name}"))
                yield return error;
        if (schema.AdditionalProperties is { } values)
            foreach (var (name, value) in node.Fields().Where(field => !schema.Properties.ContainsKey(field.Name)))
                foreach (var error in Visit(value, old.At(name), values, $"{path}[{name}]"))
                    yield return error;
        if (schema.Items is null || node is not JsonArray items) yield break;
        for (var i = 0; i < items.Count; i++)
            foreach (var error in Visit(items[i], schema.Previous(old as JsonArray, items[i]), schema.Items, $"{path}[{i}]"))
                yield return error;
    }
}
