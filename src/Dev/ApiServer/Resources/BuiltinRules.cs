namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>What built-ins must have and what of them may not change: rules that our manifests could trip over.</summary>
public sealed class BuiltinRules
{
    private readonly List<FieldError> _errors = [];

    public static IReadOnlyList<FieldError> Check(JsonObject tree, JsonObject? old, string resource)
    {
        var rules = new BuiltinRules();
        rules.Visit(tree, old, resource);
        return rules._errors;
    }

    private void Visit(JsonObject tree, JsonObject? old, string resource)
    {
        var spec = tree["spec"];
        switch (resource)
        {
            case "pods":
                PodSpec(spec, "spec");
                if (old is not null) PodUpdate(tree, old);
                break;
            case "deployments.apps" or "replicasets.apps":
                Template(spec);
                Immutable(tree, old, "spec", "selector");
                if (resource == "deployments.apps") Rollout(spec);
                break;
            case "services":
                Service(spec);
                if (old.Text("spec", "type") is not null) Immutable(tree, old, "spec", "clusterIP");
                break;
            case "leases.coordination.k8s.io":
                if (spec.Number("leaseDurationSeconds") <= 0)
                    Invalid("spec.leaseDurationSeconds", spec.At("leaseDurationSeconds"), "must be greater than 0");
                break;
            case "events":
                // An event lies where its object does; those about objects without a namespace lie in "default".
                if ((tree.Text("involvedObject", "namespace") ?? "default") != tree.Text("metadata", "namespace"))
                    Invalid("involvedObject.namespace", tree.At("involvedObject", "namespace"),
                        "does not match event.namespace");
                break;
            case "roles.rbac.authorization.k8s.io" or "clusterroles.rbac.authorization.k8s.io":
                foreach (var (rule, at) in tree.Objects("rules").Select((rule, at) => (rule, $"rules[{at}]"))) Rule(rule, at);
                break;
            case "rolebindings.rbac.authorization.k8s.io" or "clusterrolebindings.rbac.authorization.k8s.io":
                Binding(tree, old, resource[0] == 'r' ? ["ClusterRole", "Role"] : ["ClusterRole"]);
                break;
            case "resourcequotas":
                foreach (var (name, value) in tree.Fields("spec", "hard"))
                    if (value.Text()?.StartsWith('-') == true)
                        Invalid($"spec.hard[{name}]", value, "must be greater than or equal to 0");
                break;
            case ResourceRegistry.Definitions:
                foreach (var field in (string[])["group", "scope"]) Immutable(tree, old, "spec", field);
                foreach (var field in (string[])["plural", "kind"]) Immutable(tree, old, "spec", "names", field);
                break;
            default:
                break;
        }
    }

    private void Rule(JsonObject rule, string path)
    {
        if (!rule.Texts("verbs").Any()) _errors.Add(FieldError.Required($"{path}.verbs", "verbs must contain at least one value"));
        if (rule.Texts("nonResourceURLs").Any()) return;
        if (!rule.Texts("apiGroups").Any())
            _errors.Add(FieldError.Required($"{path}.apiGroups", "resource rules must supply at least one api group"));
        if (!rule.Texts("resources").Any())
            _errors.Add(FieldError.Required($"{path}.resources", "resource rules must supply at least one resource"));
    }

    private void Binding(JsonObject tree, JsonObject? old, string[] roles)
    {
        OneOf(tree["roleRef"], "kind", "roleRef.kind", roles);
        if (string.IsNullOrEmpty(tree.Text("roleRef", "name"))) _errors.Add(FieldError.Required("roleRef.name"));
        if (old is not null && !JsonNode.DeepEquals(tree["roleRef"], old["roleRef"]))
            Invalid("roleRef", RoleRef(tree), "cannot change roleRef");
        foreach (var (subject, at) in tree.Objects("subjects").Select((subject, at) => (subject, $"subjects[{at}]")))
        {
            OneOf(subject, "kind", $"{at}.kind", "ServiceAccount", "User", "Group");
            NotEmpty(subject, "name", at);
            if (subject.Text("kind") == "ServiceAccount") NotEmpty(subject, "namespace", at);
        }
    }

    /// <summary>With the names that the real server shows, which are not those of the JSON.</summary>
    private static JsonObject RoleRef(JsonObject tree) => new()
    {
        ["APIGroup"] = tree.Text("roleRef", "apiGroup"),
        ["Kind"] = tree.Text("roleRef", "kind"),
        ["Name"] = tree.Text("roleRef", "name"),
    };

    private void Template(JsonNode? spec)
    {
        AtLeast(spec, "replicas", 0, "spec");
        AtLeast(spec, "minReadySeconds", 0, "spec");
        var selector = spec.At("selector");
        var labels = spec.At("template", "metadata", "labels");
        if (selector is null) _errors.Add(FieldError.Required("spec.selector"));
        else if (!selector.Fields("matchLabels").Any() && !selector.Objects("matchExpressions").Any())
            Invalid("spec.selector", selector, "empty selector is invalid");
        else if (selector.Fields("matchLabels").Any(label => labels.Text(label.Name) != label.Value.Text()))
            Invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`");
        _errors.AddRange(Names.CheckLabels(selector.At("matchLabels"), "spec.selector.matchLabels"));
        _errors.AddRange(Names.CheckLabels(labels, "spec.template.labels"));
        PodSpec(spec.At("template", "spec"), "spec.template.spec");
        OneOf(spec.At("template", "spec"), "restartPolicy", "spec.template.spec.restartPolicy", "Always");
    }

    private void Rollout(JsonNode? spec)
    {
        var strategy = spec.At("strategy");
        var rolling = strategy.At("rollingUpdate");
        OneOf(strategy, "type", "spec.strategy.type", "Recreate", "RollingUpdate");
        if (strategy.Text("type") == "Recreate" && rolling is not null)
            _errors.Add(FieldError.Forbidden("spec.strategy.rollingUpdate",
                "may not be specified when strategy `type` is 'Recreate'"));
        static bool IsZero(JsonNode? value) => value.Number() == 0 || value.Text() == "0%";
        if (IsZero(rolling.At("maxSurge")) && IsZero(rolling.At("maxUnavailable")))
            Invalid("spec.strategy.rollingUpdate.maxUnavailable", rolling.At("maxUnavailable"),
                "may not be 0 when `maxSurge` is 0");
    }

    private void PodSpec(JsonNode? spec, string path)
    {
        if (!spec.Objects("containers").Any()) _errors.Add(FieldError.Required($"{path}.containers"));
        OneOf(spec, "restartPolicy", $"{path}.restartPolicy", "Always", "OnFailure", "Never");
        AtLeast(spec, "terminationGracePeriodSeconds", 0, path);
        var volumes = new HashSet<string>();
        foreach (var (volume, at) in Items(spec, "volumes", path)) Named(volume, at, volumes);
        var names = new HashSet<string>();
        foreach (var (container, at) in Items(spec, "containers", path).Concat(Items(spec, "initContainers", path)))
        {
            Named(container, at, names);
            NotEmpty(container, "image", at);
            foreach (var (port, portAt) in Items(container, "ports", at)) Port(port, "containerPort", portAt);
            foreach (var (variable, variableAt) in Items(container, "env", at)) NotEmpty(variable, "name", variableAt);
            foreach (var (mount, mountAt) in Items(container, "volumeMounts", at))
            {
                NotEmpty(mount, "mountPath", mountAt);
                if (!volumes.Contains(mount.Text("name") ?? ""))
                    Invalid($"{mountAt}.name", mount["name"], "no volume has this name");
            }
        }
    }

    /// <summary>A pod is what it was made as: only images, deadlines, tolerations and readiness of scheduling may change.</summary>
    private void PodUpdate(JsonObject tree, JsonObject old)
    {
        static JsonObject Fixed(JsonObject pod)
        {
            var spec = pod.Child("spec").Copy();
            foreach (var field in (string[])["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds",
                "schedulingGates"]) spec.Remove(field);
            foreach (var container in spec.Objects("containers").Concat(spec.Objects("initContainers")))
                container.Remove("image");
            return spec;
        }

        if (!JsonNode.DeepEquals(Fixed(tree), Fixed(old)))
            _errors.Add(FieldError.Forbidden("spec",
                "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
                + "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
                + "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"));
    }

    private void Service(JsonNode? spec)
    {
        if (spec.Text("type") == "ExternalName") throw Statuses.NotImplemented("a Service of type ExternalName");
        OneOf(spec, "type", "spec.type", "ClusterIP", "ExternalName", "LoadBalancer", "NodePort");
        _errors.AddRange(Names.CheckLabels(spec.At("selector"), "spec.selector"));
        var ports = Items(spec, "ports", "spec").ToArray();
        if (ports.Length == 0 && spec.Text("clusterIP") != "None") _errors.Add(FieldError.Required("spec.ports"));
        var names = new HashSet<string>();
        foreach (var (port, at) in ports)
        {
            Port(port, "port", at);
            if (port.Number("targetPort") is not (null or (>= 1 and <= 65535)))
                Invalid($"{at}.targetPort", port["targetPort"], "must be between 1 and 65535, inclusive");
            if (ports.Length > 1 || port["name"] is not null) Named(port, at, names);
        }
    }

    /// <summary>The objects of a list, each with its path.</summary>
    private static IEnumerable<(JsonObject Item, string Path)> Items(JsonNode? owner, string list, string path) =>
        owner.Objects(list).Select((item, at) => (item, $"{path}.{list}[{at}]"));

    private void Immutable(JsonObject tree, JsonObject? old, params string[] path)
    {
        if (old is not null && !JsonNode.DeepEquals(tree.At(path), old.At(path)))
            Invalid(string.Join('.', path), tree.At(path), "field is immutable");
    }

    private void OneOf(JsonNode? node, string field, string path, params string[] allowed)
    {
        if (node.Text(field) is not { } text) _errors.Add(FieldError.Required(path));
        else if (!allowed.Contains(text)) _errors.Add(FieldError.NotSupported(path, text, allowed));
    }

    private void Invalid(string path, JsonNode? value, string why) => _errors.Add(FieldError.Invalid(path, value, why));

    private void NotEmpty(JsonObject item, string field, string path)
    {
        if (string.IsNullOrEmpty(item.Text(field))) _errors.Add(FieldError.Required($"{path}.{field}"));
    }

    private void Named(JsonObject item, string path, HashSet<string> taken)
    {
        var name = item.Text("name");
        if (string.IsNullOrEmpty(name)) _errors.Add(FieldError.Required($"{path}.name"));
        else if (!Names.IsLabel(name)) Invalid($"{path}.name", name, Names.LabelRule);
        else if (!taken.Add(name)) _errors.Add(FieldError.Duplicate($"{path}.name", name));
    }

    private void Port(JsonObject port, string field, string path)
    {
        if (port[field] is null) _errors.Add(FieldError.Required($"{path}.{field}"));
        else if (port.Number(field) is not (>= 1 and <= 65535))
            Invalid($"{path}.{field}", port[field], "must be between 1 and 65535, inclusive");
        OneOf(port, "protocol", $"{path}.protocol", "SCTP", "TCP", "UDP");
    }

    private void AtLeast(JsonNode? node, string field, long least, string path)
    {
        if (node.Number(field) < least)
            Invalid($"{path}.{field}", node.At(field), $"must be greater than or equal to {least}");
    }
}
