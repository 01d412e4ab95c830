namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>Operations on resources that a webhook wants to see.</summary>
internal sealed class WebhookRule(JsonObject rule)
{
    private readonly string[] _operations = [.. rule.Texts("operations")];
    private readonly string[] _groups = [.. rule.Texts("apiGroups")];
    private readonly string[] _versions = [.. rule.Texts("apiVersions")];
    private readonly (string Resource, string Subresource)[] _resources = [.. rule.Texts("resources").Select(Split)];
    private readonly string _scope = rule.Text("scope") ?? "*";

    public bool Matches(AdmissionAttributes attributes) =>
        Has(_operations, attributes.Operation) && Has(_groups, attributes.Type.Group) && Has(_versions, attributes.Type.Version)
        && _scope switch
        {
            "Namespaced" => attributes is { IsNamespace: false, Namespace.Length: > 0 },
            "Cluster" => attributes.IsNamespace || attributes.Namespace.Length == 0,
            _ => true,
        }
        && _resources.Any(one => IsAny(one.Resource, attributes.Type.Plural) && IsAny(one.Subresource, attributes.Subresource));

    private static bool Has(string[] values, string value) => values.Contains("*") || values.Contains(value);

    private static bool IsAny(string pattern, string value) => pattern == "*" || pattern == value;

    private static (string Resource, string Subresource) Split(string text) =>
        text.Split('/', 2) is [var resource, var subresource] ? (resource, subresource) : (text, "");
}
