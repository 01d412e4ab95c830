namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Discovery: versions, groups and their resources.</summary>
public static class Discovery
{
    private static readonly string[] StoredVerbs =
        ["create", "delete", "get", "list", "patch", "update", "watch"];

    public static JsonObject Version() =>
        new() { ["major"] = "1", ["minor"] = "32", ["gitVersion"] = "v1.32.0+devcluster", ["platform"] = "any" };

    public static JsonObject CoreVersions() => new() { ["kind"] = "APIVersions", ["versions"] = new JsonArray("v1") };

    public static JsonObject Groups(ResourceRegistry registry) => new()
    {
        ["kind"] = "APIGroupList",
        ["apiVersion"] = "v1",
        ["groups"] = new JsonArray([.. registry.All.Select(type => type.Group).Distinct()
            .Where(group => group.Length > 0).Select(group => Group(registry, group))]),
    };

    public static JsonObject Group(ResourceRegistry registry, string group)
    {
        var versions = registry.All.Where(type => type.Group == group && group.Length > 0)
            .Select(type => type.Version).Distinct()
            .Select(version => new JsonObject { ["groupVersion"] = $"{group}/{version}", ["version"] = version })
            .ToArray();
        if (versions.Length == 0) throw Statuses.NoSuchPath();
        return new()
        {
            ["kind"] = "APIGroup",
            ["apiVersion"] = "v1",
            ["name"] = group,
            ["versions"] = new JsonArray([.. versions]),
            ["preferredVersion"] = versions[0].DeepClone(),
        };
    }

    public static JsonObject Resources(ResourceRegistry registry, string group, string version)
    {
        var types = registry.All.Where(type => type.Group == group && type.Version == version).ToArray();
        if (types.Length == 0) throw Statuses.NoSuchPath();
        return new()
        {
            ["kind"] = "APIResourceList",
            ["apiVersion"] = "v1",
            ["groupVersion"] = types[0].ApiVersion,
            ["resources"] = new JsonArray([.. types.SelectMany(Entries)]),
        };
    }

    private static IEnumerable<JsonNode> Entries(ResourceType type)
    {
        var entry = Entry(type, type.Plural, type.Kind, type.IsOnlyCreated ? ["create"] : StoredVerbs);
        entry["singularName"] = type.Singular;
        if (type.ShortNames.Count > 0) entry["shortNames"] = Strings(type.ShortNames);
        if (type.Categories.Count > 0) entry["categories"] = Strings(type.Categories);
        yield return entry;
        var subresources = type.Subresources;
        if (type.Scale is not null)
            subresources = [new("scale", "Scale", "get patch update", "autoscaling", "v1"), .. subresources];
        if (type.HasStatus) subresources = [new("status", type.Kind, "get patch update"), .. subresources];
        foreach (var subresource in subresources)
        {
            var sub = Entry(type, $"{type.Plural}/{subresource.Name}", subresource.Kind, subresource.Verbs.Split(' '));
            if (subresource.Version.Length > 0)
                (sub["group"], sub["version"]) = (subresource.Group, subresource.Version);
            yield return sub;
        }
    }

    private static JsonObject Entry(ResourceType type, string name, string kind, IEnumerable<string> verbs) => new()
    {
        ["name"] = name,
        ["singularName"] = "",
        ["namespaced"] = type.IsNamespaced,
        ["kind"] = kind,
        ["verbs"] = Strings(verbs),
    };

    private static JsonArray Strings(IEnumerable<string> texts) => [.. texts.Select(text => (JsonNode)text)];
}
