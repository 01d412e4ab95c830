namespace ModuleController.Dev.ApiServer.Access;

/// <summary>The roles and bindings that every cluster has, for the resources that are served here.</summary>
internal static class DefaultRoles
{
    private const string Bootstrapping = "kubernetes.io/bootstrapping";
    private const string Aggregate = "rbac.authorization.k8s.io/aggregate-to-";
    private static readonly string[] Read = ["get", "list", "watch"];
    private static readonly string[] Write = ["create", "delete", "deletecollection", "patch", "update"];

    public static IEnumerable<(string Plural, JsonObject Object)> All()
    {
        (string, JsonObject) Role(string name, params JsonNode[] rules) =>
            ("clusterroles", Named(name, new() { ["rules"] = new JsonArray(rules) }));

        yield return Role("cluster-admin",
            Rule(["*"], ["*"], "*"), new JsonObject { ["nonResourceURLs"] = Texts("*"), ["verbs"] = Texts("*") });
        yield return Role("system:discovery", Paths("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*",
            "/readyz", "/version", "/version/"));
        yield return Role("system:public-info-viewer", Paths("/healthz", "/livez", "/readyz", "/version", "/version/"));
        yield return Role("system:basic-user",
            Rule(["create"], ["authorization.k8s.io"], "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
            Rule(["create"], ["authentication.k8s.io"], "selfsubjectreviews"));
        yield return Role("system:service-account-issuer-discovery", Paths("/.well-known/openid-configuration",
            "/.well-known/openid-configuration/", "/openid/v1/jwks", "/openid/v1/jwks/"));
        yield return Binding("cluster-admin", User.Masters);
        yield return Binding("system:discovery", User.Authenticated);
        yield return Binding("system:basic-user", User.Authenticated);
        yield return Binding("system:service-account-issuer-discovery", "system:serviceaccounts");
        yield return Binding("system:public-info-viewer", User.Authenticated, "system:unauthenticated");

        yield return Aggregated("admin");
        yield return Aggregated("edit", into: "admin");
        yield return Aggregated("view", into: "edit");
        yield return Part("admin", Rule([.. Read, .. Write], ["rbac.authorization.k8s.io"], "roles", "rolebindings"));
        yield return Part("edit",
            Rule(Read, [""], "secrets"),
            Rule(Write, [""], "pods", "services", "events", "secrets", "configmaps", "serviceaccounts"),
            Rule(["create"], [""], "pods/eviction", "serviceaccounts/token"),
            Rule(Write, ["apps"], "deployments", "deployments/scale", "replicasets", "replicasets/scale"),
            Rule(Write, ["autoscaling"], "horizontalpodautoscalers"),
            Rule([.. Read, .. Write], ["coordination.k8s.io"], "leases"));
        yield return Part("view",
            Rule(Read, [""], "configmaps", "events", "namespaces", "pods", "pods/log", "pods/status", "resourcequotas",
                "resourcequotas/status", "serviceaccounts", "services", "services/status"),
            Rule(Read, ["apps"], "deployments", "deployments/scale", "deployments/status", "replicasets", "replicasets/scale",
                "replicasets/status"),
            Rule(Read, ["autoscaling"], "horizontalpodautoscalers", "horizontalpodautoscalers/status"),
            Rule(Read, ["discovery.k8s.io"], "endpointslices"));
    }

    /// <summary>
    /// A role with all rules of those with its label; as on a real cluster, editors may do what viewers may, and admins what
    /// editors may.
    /// </summary>
    private static (string, JsonObject) Aggregated(string name, string? into = null)
    {
        var selector = new JsonObject { ["matchLabels"] = new JsonObject { [$"{Aggregate}{name}"] = "true" } };
        var role = Named(name, new() { ["aggregationRule"] = new JsonObject { ["clusterRoleSelectors"] = new JsonArray(selector) } });
        if (into is not null) role["metadata"]!["labels"]![$"{Aggregate}{into}"] = "true";
        return ("clusterroles", role);
    }

    private static (string, JsonObject) Part(string name, params JsonNode[] rules)
    {
        var role = Named($"system:aggregate-to-{name}", new() { ["rules"] = new JsonArray(rules) });
        role["metadata"]!["labels"]![$"{Aggregate}{name}"] = "true";
        return ("clusterroles", role);
    }

    private static (string, JsonObject) Binding(string role, params string[] groups) => ("clusterrolebindings", Named(role, new()
    {
        ["roleRef"] = new JsonObject { ["kind"] = "ClusterRole", ["name"] = role },
        ["subjects"] = new JsonArray([.. groups.Select(group => new JsonObject { ["kind"] = "Group", ["name"] = group })]),
    }));

    private static JsonObject Named(string name, JsonObject role)
    {
        role["metadata"] = new JsonObject { ["name"] = name, ["labels"] = new JsonObject { [Bootstrapping] = "rbac-defaults" } };
        return role;
    }

    private static JsonObject Rule(string[] verbs, string[] groups, params string[] resources) =>
        new() { ["apiGroups"] = Texts(groups), ["resources"] = Texts(resources), ["verbs"] = Texts(verbs) };

    private static JsonObject Paths(params string[] paths) => new() { ["nonResourceURLs"] = Texts(paths), ["verbs"] = Texts("get") };

    private static JsonArray Texts(params string[] texts) => [.. texts.Select(text => (JsonNode)text)];
}
