using System.Text.RegularExpressions;

namespace ModuleController.DevApiServer.Resources;

/// <summary>What names, label keys and values, annotations, finalizers and owner references may look like.</summary>
public static partial class Names
{
    public const string LabelRule =
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and begin and end so";
    private const string SubdomainRule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
        + "characters, '-' or '.', and must start and end with an alphanumeric character";
    private const string ServiceRule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
        + "start with an alphabetic character, and end with an alphanumeric character";
    private const string ValueRule = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
        + "with an alphanumeric character";

    public static IEnumerable<FieldError> CheckMetadata(JsonObject tree, ResourceType type)
    {
        var metadata = tree["metadata"];
        foreach (var error in CheckName(metadata.Text("name") ?? "", type)) yield return error;
        foreach (var error in CheckLabels(metadata.At("labels"), "metadata.labels")) yield return error;
        foreach (var (key, _) in metadata.Fields("annotations"))
            if (KeyError(key.ToLowerInvariant()) is { } why)
                yield return FieldError.Invalid("metadata.annotations", key, why);
        foreach (var finalizer in metadata.Texts("finalizers"))
            if (KeyError(finalizer) is { } why) yield return FieldError.Invalid("metadata.finalizers", finalizer, why);

        var owners = metadata.Objects("ownerReferences").ToArray();
        for (var i = 0; i < owners.Length; i++)
            foreach (var name in (string[])["apiVersion", "kind", "name", "uid"])
                if (string.IsNullOrEmpty(owners[i].Text(name)))
                    yield return FieldError.Invalid($"metadata.ownerReferences[{i}].{name}", owners[i][name] ?? "",
                        "must not be empty");
        if (owners.Count(owner => owner.Flag("controller")) > 1)
            yield return FieldError.Invalid("metadata.ownerReferences", metadata.At("ownerReferences"),
                "Only one reference can have Controller set to true");
    }

    public static IEnumerable<FieldError> CheckLabels(JsonNode? labels, string path)
    {
        foreach (var (key, value) in labels.Fields())
        {
            if (KeyError(key) is { } why) yield return FieldError.Invalid(path, key, why);
            if (value.Text() is not { } text) yield return FieldError.WrongType($"{path}.{key}", value, "string");
            else if (LabelValueError(text) is { } wrong) yield return FieldError.Invalid(path, text, wrong);
        }
    }

    public static string? LabelValueError(string value) => value.Length > 63 ? "must be no more than 63 bytes"
        : value.Length == 0 || Value().IsMatch(value) ? null : $"a valid label {ValueRule}";

    public static string? KeyError(string key)
    {
        var parts = key.Split('/');
        if (parts.Length > 2) return "a qualified name must consist of a prefix and a name, with one '/' between";
        if (parts.Length == 2 && !(parts[0].Length <= 253 && Subdomain().IsMatch(parts[0])))
            return $"prefix part {SubdomainRule}";
        if (parts[^1].Length > 63) return "name part must be no more than 63 bytes";
        return Value().IsMatch(parts[^1]) ? null : $"name part {ValueRule}";
    }

    public static bool IsLabel(string name) => name.Length <= 63 && Label().IsMatch(name);

    private static IEnumerable<FieldError> CheckName(string name, ResourceType type)
    {
        var (rule, text, longest) = type.Resource switch
        {
            "namespaces" => (Label(), LabelRule, 63),
            "services" => (Service(), ServiceRule, 63),
            _ when type.Group == "rbac.authorization.k8s.io" => (Segment(), "may not contain '/' or '%', and may not be '.' or '..'", 253),
            _ => (Subdomain(), SubdomainRule, 253),
        };
        if (name.Length == 0) yield return FieldError.Required("metadata.name", "name or generateName is required");
        else if (name.Length > longest)
            yield return FieldError.Invalid("metadata.name", name, $"must be no more than {longest} bytes");
        else if (!rule.IsMatch(name)) yield return FieldError.Invalid("metadata.name", name, text);
    }

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]*[a-z0-9])?\\z")]
    private static partial Regex Label();

    [GeneratedRegex("^[a-z]([-a-z0-9]*[a-z0-9])?\\z")]
    private static partial Regex Service();

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\z")]
    private static partial Regex Subdomain();

    [GeneratedRegex("^(?!\\.{1,2}\\z)[^/%]+\\z")]
    private static partial Regex Segment();

    [GeneratedRegex("^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\\z")]
    private static partial Regex Value();
}
