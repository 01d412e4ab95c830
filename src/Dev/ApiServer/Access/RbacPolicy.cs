namespace ModuleController.Dev.ApiServer.Access;

/// <summary>Whether a request is allowed, with the binding that allows it or the problem with a binding.</summary>
public readonly record struct Decision(bool IsAllowed, string Reason);

/// <summary>All rules and bindings at one revision, indexed by user and group.</summary>
internal sealed class RbacPolicy
{
    private readonly Dictionary<string, IReadOnlyList<RbacRule>> _roles;
    private readonly Dictionary<(bool IsGroup, string Name), List<Grant>> _grants = [];

    private RbacPolicy(Dictionary<string, IReadOnlyList<RbacRule>> roles) => _roles = roles;

    public static RbacPolicy Of(Snapshot clusterRoles, Snapshot roles, Snapshot clusterBindings, Snapshot bindings)
    {
        var rules = new Dictionary<string, IReadOnlyList<RbacRule>>();
        foreach (var role in clusterRoles.Objects.Values) rules[KeyOf("ClusterRole", "", role.Name)] = RulesOf(role.Tree, clusterRoles);
        foreach (var role in roles.Objects.Values) rules[KeyOf("Role", role.Namespace, role.Name)] = RulesOf(role.Tree, clusterRoles);
        var policy = new RbacPolicy(rules);
        foreach (var binding in clusterBindings.Objects.Values) policy.Bind(binding);
        foreach (var binding in bindings.Objects.Values) policy.Bind(binding);
        return policy;
    }

    public Decision Decide(User user, RequestAttributes request)
    {
        var missing = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var grant in GrantsOf(user))
        {
            if (grant.Namespace.Length > 0 && grant.Namespace != request.Namespace) continue;
            if (grant.Rules is null) missing.Add(grant.Role);
            else if (grant.Rules.Any(rule => rule.Allows(request))) return new(true, $"RBAC: allowed by {grant.Description}");
        }

        return new(false, missing.Count switch
        {
            0 => "",
            1 => $"RBAC: {missing.Min}",
            _ => $"RBAC: [{string.Join(", ", missing)}]",
        });
    }

    private IEnumerable<Grant> GrantsOf(User user) =>
        user.Groups.Select(group => (IsGroup: true, Name: group)).Prepend((IsGroup: false, user.Name))
            .SelectMany(subject => _grants.GetValueOrDefault(subject) ?? []);

    private void Bind(StoredObject binding)
    {
        var (kind, name) = (binding.Tree.Text("roleRef", "kind") ?? "", binding.Tree.Text("roleRef", "name") ?? "");
        var rules = _roles.GetValueOrDefault(KeyOf(kind, kind == "Role" ? binding.Namespace : "", name));
        var role = $"{kind.ToLowerInvariant()}.rbac.authorization.k8s.io \"{name}\" not found";
        var bound = binding.Namespace.Length == 0
            ? $"ClusterRoleBinding \"{binding.Name}\"" : $"RoleBinding \"{binding.Name}/{binding.Namespace}\"";
        foreach (var subject in binding.Tree.Objects("subjects"))
        {
            var (of, who) = (subject.Text("kind"), subject.Text("name") ?? "");
            var home = subject.Text("namespace") is { Length: > 0 } ns ? ns : binding.Namespace;
            var isAccount = of == "ServiceAccount";
            var key = (of == "Group", isAccount ? $"system:serviceaccount:{home}:{who}" : who);
            var shown = isAccount ? $"{who}/{home}" : who;
            if (!_grants.TryGetValue(key, out var grants)) _grants[key] = grants = [];
            grants.Add(new(binding.Namespace, rules, role, $"{bound} of {kind} \"{name}\" to {of} \"{shown}\""));
        }
    }

    private static RbacRule[] RulesOf(JsonObject role, Snapshot clusterRoles)
    {
        var sources = new HashSet<JsonObject>();
        AddSources(role, clusterRoles, sources);
        return [.. sources.SelectMany(source => source.Objects("rules")).Select(rule => new RbacRule(rule))];
    }

    /// <summary>The rules of an aggregated ClusterRole are those of all that its selectors match, which may be aggregated too.</summary>
    private static void AddSources(JsonObject role, Snapshot clusterRoles, HashSet<JsonObject> sources)
    {
        if (!sources.Add(role)) return;
        var selectors = role.Objects("aggregationRule", "clusterRoleSelectors").ToArray();
        foreach (var other in clusterRoles.Objects.Values)
            if (selectors.Any(selector => Matches(selector, other.Tree))) AddSources(other.Tree, clusterRoles, sources);
    }

    private static bool Matches(JsonObject selector, JsonObject role) => selector.Fields("matchLabels")
        .All(label => role.Text("metadata", "labels", label.Name) == label.Value.Text());

    private static string KeyOf(string kind, string ns, string name) => $"{kind}/{ns}/{name}";

    /// <summary>The rules that one binding grants to one subject; none if its role does not exist.</summary>
    private sealed record Grant(string Namespace, IReadOnlyList<RbacRule>? Rules, string Role, string Description);
}

/// <summary>One rule of a role.</summary>
internal sealed class RbacRule(JsonObject rule)
{
    private readonly string[] _verbs = [.. rule.Texts("verbs")];
    private readonly string[] _groups = [.. rule.Texts("apiGroups")];
    private readonly string[] _resources = [.. rule.Texts("resources")];
    private readonly string[] _names = [.. rule.Texts("resourceNames")];
    private readonly string[] _paths = [.. rule.Texts("nonResourceURLs")];

    public bool Allows(RequestAttributes request) => Has(_verbs, request.Verb) && (request.Resource.Length == 0
        ? _paths.Any(path => path == request.Path || (path.EndsWith('*') && request.Path.StartsWith(path[..^1], StringComparison.Ordinal)))
        : Has(_groups, request.Group) && AllowsResource(request) && (_names.Length == 0 || _names.Contains(request.Name)));

    private bool AllowsResource(RequestAttributes request) => Has(_resources, request.CombinedResource)
        || (request.Subresource.Length > 0 && _resources.Contains($"*/{request.Subresource}"));

    private static bool Has(string[] values, string value) => values.Contains(value) || values.Contains("*");
}
