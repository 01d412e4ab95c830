using System.Text.RegularExpressions;

namespace ModuleController.Dev.ApiServer.Access;

/// <summary>The attributes of a request that authorization uses, from method and path, whether or not the resource is served.</summary>
public sealed partial record RequestAttributes(string Verb, string Path)
{
    public string Group { get; init; } = "";

    /// <summary>The plural; empty if the path is not one of a resource.</summary>
    public string Resource { get; init; } = "";

    public string Subresource { get; init; } = "";

    public string Namespace { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>With its subresource, as a rule names it: "pods", "pods/status".</summary>
    public string CombinedResource => Subresource.Length == 0 ? Resource : $"{Resource}/{Subresource}";

    /// <summary>With its group, as a Status names it: "pods", "deployments.apps".</summary>
    public string QualifiedResource => Group.Length == 0 ? Resource : $"{Resource}.{Group}";

    public static RequestAttributes Of(HttpRequest request)
    {
        var path = request.Path.Value!;
        var attributes = new RequestAttributes(request.Method.ToLowerInvariant(), path);
        var (group, rest) = path.Split('/', StringSplitOptions.RemoveEmptyEntries) switch
        {
            ["api", _, .. var core] => ("", core),
            ["apis", var named, _, .. var other] => (named, other),
            _ => ("", []),
        };
        if (rest.Length == 0) return attributes;

        // A namespace is in itself: "get" of namespace a is a request in a.
        var ns = rest is ["namespaces", var home, ..] ? home : "";
        if (rest is ["namespaces", _, not ("status" or "finalize"), ..]) rest = rest[2..];
        var name = rest.Length > 1 ? Uri.UnescapeDataString(rest[1]) : "";
        var verb = VerbOf(request, name.Length > 0);
        return attributes with
        {
            Verb = verb,
            Group = group,
            Resource = rest[0],
            Subresource = rest.Length > 2 ? rest[2] : "",
            Namespace = ns,
            Name = name.Length == 0 && verb is "list" or "watch" or "deletecollection" ? SelectedName(request) : name,
        };
    }

    /// <summary>The attributes in an access review.</summary>
    public static RequestAttributes Of(JsonNode? spec)
    {
        string Field(string name) => spec.Text("resourceAttributes", name) ?? "";
        return spec.At("nonResourceAttributes") is { } path
            ? new(path.Text("verb") ?? "", path.Text("path") ?? "")
            : new(Field("verb"), "")
            {
                Group = Field("group"),
                Resource = Field("resource"),
                Subresource = Field("subresource"),
                Namespace = Field("namespace"),
                Name = Field("name"),
            };
    }

    private static string VerbOf(HttpRequest request, bool isOne) => request.Method switch
    {
        "GET" or "HEAD" when isOne => "get",
        "GET" or "HEAD" => request.Query["watch"].ToString() is "true" or "1" ? "watch" : "list",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => isOne ? "delete" : "deletecollection",
        _ => "",
    };

    /// <summary>A list or watch of one name is a request for that name.</summary>
    private static string SelectedName(HttpRequest request) =>
        NameTerm().Match(request.Query["fieldSelector"].ToString()) is { Success: true } match ? match.Groups["name"].Value : "";

    [GeneratedRegex("(^|,)metadata\\.name==?(?<name>[^,!=]+)(,|\\z)")]
    private static partial Regex NameTerm();
}
