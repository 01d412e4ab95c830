using System.Text.RegularExpressions;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>The rules for names, label keys and values, annotations, finalizers and owner references.</summary>
public static partial class Names
{
    public const string LabelRule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
        + "and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "
        + "regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    public const string ServiceRule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
        + "start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
        + "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
    private const string SubdomainRule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
        + "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
        + "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    private const string Value63Rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
        + "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
        + "regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    private const string KeyRule = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
        + "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', "
        + "regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

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
        foreach (var owner in owners)
            foreach (var name in (string[])["apiVersion", "kind", "name", "uid"])
                if (string.IsNullOrEmpty(owner.Text(name)))
                    yield return FieldError.Invalid($"metadata.ownerReferences.{name}", owner[name]?.DeepClone() ?? "",
                        "must not be empty");
        if (owners.Where(owner => owner.Flag("controller")).Select(owner => $"{owner.Text("kind")}/{owner.Text("name")}").ToArray()
            is [var first, var second, ..])
            yield return FieldError.Invalid("metadata.ownerReferences", metadata.At("ownerReferences"), "Only one reference can "
                + $"have Controller set to true. Found \"true\" in references for {first} and {second}");
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

    public static string? LabelValueError(string value) => value.Length > 63 ? "must be no more than 63 characters"
        : value.Length == 0 || Value().IsMatch(value) ? null : Value63Rule;

    public static string? KeyError(string key)
    {
        var parts = key.Split('/');
        if (parts.Length > 2) return "a qualified name must consist of a prefix and a name, with one '/' between";
        if (parts.Length == 2 && parts[0].Length == 0) return "prefix part must be non-empty";
        if (parts.Length == 2 && !(parts[0].Length <= 253 && Subdomain().IsMatch(parts[0])))
            return $"prefix part {SubdomainRule}";
        if (parts[^1].Length > 63) return "name part must be no more than 63 bytes";
        return Value().IsMatch(parts[^1]) ? null : KeyRule;
    }

    public static string? SubdomainError(string name) =>
        name.Length <= 253 && Subdomain().IsMatch(name) ? null : SubdomainRule;

    public static bool IsServiceName(string name) => name.Length <= 63 && Service().IsMatch(name);

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
