using System.Text.Json.Nodes;
using ModuleController.DevApiServer.Storage;

namespace ModuleController.DevApiServer.Resources;

/// <summary>What built-in objects must have, and what of them may not change: the rules that a manifest of ours could trip over.</summary>
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
        switch (resource)
        {
            case "pods":
                PodSpec(tree["spec"], "spec");
                if (old is not null) PodUpdate(tree, old);
                break;
            case "deployments.apps" or "replicasets.apps":
                Template(tree, resource);
                Immutable(tree, old, "spec", "selector");
                if (resource == "deployments.apps") Rollout(tree["spec"]);
                break;
            case "services":
                Service(tree["spec"]);
                if (old.Text("spec", "type") is not (null or "ExternalName")
                    && tree.Text("spec", "type") != "ExternalName") Immutable(tree, old, "spec", "clusterIP");
                break;
            case "secrets":
                Immutable(tree, old, "type");
                break;
            case "endpointslices.discovery.k8s.io":
                if (tree.Text("addressType") is not { } family) _errors.Add(FieldError.Required("addressType"));
                else if (family is not ("IPv4" or "IPv6" or "FQDN"))
                    _errors.Add(FieldError.NotSupported("addressType", family, ["FQDN", "IPv4", "IPv6"]));
                Immutable(tree, old, "addressType");
                break;
            case "leases.coordination.k8s.io":
                if (tree.Number("spec", "leaseDurationSeconds") <= 0)
                    _errors.Add(FieldError.Invalid("spec.leaseDurationSeconds", tree.At("spec", "leaseDurationSeconds"),
                        "must be greater than 0"));
                if (tree.Number("spec", "leaseTransitions") < 0)
                    _errors.Add(FieldError.Invalid("spec.leaseTransitions", tree.At("spec", "leaseTransitions"),
                        "must be greater than or equal to 0"));
                break;
            case "events":
                if (tree.Text("involvedObject", "namespace") is { } about
                    ? about != tree.Text("metadata", "namespace") : tree.Text("metadata", "namespace") != "default")
                    _errors.Add(FieldError.Invalid("involvedObject.namespace",
                        tree.At("involvedObject", "namespace") ?? "", "does not match event.namespace"));
                break;
            case ResourceRegistry.Definitions:
                foreach (var field in (string[])["group", "scope"]) Immutable(tree, old, "spec", field);
                foreach (var field in (string[])["plural", "kind"]) Immutable(tree, old, "spec", "names", field);
                break;
            default:
                break;
        }
    }

    private void Immutable(JsonObject tree, JsonObject? old, params string[] path)
    {
        if (old is not null && !JsonNode.DeepEquals(tree.At(path), old.At(path)))
            _errors.Add(FieldError.Invalid(string.Join('.', path), tree.At(path), "field is immutable"));
    }

    private void Template(JsonObject tree, string resource)
    {
        var spec = tree["spec"];
        AtLeast(spec, "replicas", 0, "spec");
        AtLeast(spec, "minReadySeconds", 0, "spec");
        var selector = spec.At("selector");
        var labels = spec.At("template", "metadata", "labels");
        if (selector is null) _errors.Add(FieldError.Required("spec.selector"));
        else if (!selector.Fields("matchLabels").Any() && !selector.Objects("matchExpressions").Any())
            _errors.Add(FieldError.Invalid("spec.selector", selector, $"empty selector is invalid for {(resource == "deployments.apps" ? "deployment" : "replicaset")}"));
        else if (selector.Fields("matchLabels").Any(label => labels.Text(label.Name) != label.Value.Text()))
            _errors.Add(FieldError.Invalid("spec.template.metadata.labels", labels,
                "`selector` does not match template `labels`"));
        _errors.AddRange(Names.CheckLabels(selector.At("matchLabels"), "spec.selector.matchLabels"));
        _errors.AddRange(Names.CheckLabels(labels, "spec.template.labels"));
        PodSpec(spec.At("template", "spec"), "spec.template.spec");
        if (spec.Text("template", "spec", "restartPolicy") is { } policy and not "Always")
            _errors.Add(FieldError.NotSupported("spec.template.spec.restartPolicy", policy, ["Always"]));
    }

    private void Rollout(JsonNode? spec)
    {
        var strategy = spec.At("strategy");
        if (strategy.Text("type") is not ("RollingUpdate" or "Recreate"))
            _errors.Add(FieldError.NotSupported("spec.strategy.type", strategy.At("type"),
                ["Recreate", "RollingUpdate"]));
        if (strategy.Text("type") == "Recreate" && strategy.At("rollingUpdate") is not null)
            _errors.Add(FieldError.Forbidden("spec.strategy.rollingUpdate",
                "may not be specified when strategy `type` is 'Recreate'"));
        static bool IsZero(JsonNode? value) => value.Number() == 0 || value.Text() == "0%";
        if (IsZero(strategy.At("rollingUpdate", "maxSurge")) && IsZero(strategy.At("rollingUpdate", "maxUnavailable")))
            _errors.Add(FieldError.Invalid("spec.strategy.rollingUpdate.maxUnavailable",
                strategy.At("rollingUpdate", "maxUnavailable"), "may not be 0 when `maxSurge` is 0"));
        if (spec.Number("progressDeadlineSeconds") <= (spec.Number("minReadySeconds") ?? 0))
            _errors.Add(FieldError.Invalid("spec.progressDeadlineSeconds", spec.At("progressDeadlineSeconds"),
                "must be greater than minReadySeconds"));
    }

    private void PodSpec(JsonNode? spec, string path)
    {
        if (!spec.Objects("containers").Any()) _errors.Add(FieldError.Required($"{path}.containers"));
        if (spec.Text("restartPolicy") is { } policy and not ("Always" or "OnFailure" or "Never"))
            _errors.Add(FieldError.NotSupported($"{path}.restartPolicy", policy, ["Always", "OnFailure", "Never"]));
        AtLeast(spec, "terminationGracePeriodSeconds", 0, path);
        var volumes = new HashSet<string>();
        var at = 0;
        foreach (var volume in spec.Objects("volumes")) Named(volume, $"{path}.volumes[{at++}]", volumes);
        var names = new HashSet<string>();
        foreach (var list in (string[])["containers", "initContainers"])
        {
            at = 0;
            foreach (var container in spec.Objects(list))
                Container(container, $"{path}.{list}[{at++}]", names, volumes);
        }
    }

    private void Container(JsonObject container, string path, HashSet<string> names, HashSet<string> volumes)
    {
        Named(container, path, names);
        if (string.IsNullOrEmpty(container.Text("image"))) _errors.Add(FieldError.Required($"{path}.image"));
        if (container.Text("imagePullPolicy") is { } pull and not ("Always" or "IfNotPresent" or "Never"))
            _errors.Add(FieldError.NotSupported($"{path}.imagePullPolicy", pull, ["Always", "IfNotPresent", "Never"]));
        var at = 0;
        foreach (var port in container.Objects("ports"))
        {
            Port(port, "containerPort", $"{path}.ports[{at}]");
            Protocol(port, $"{path}.ports[{at++}]");
        }

        at = 0;
        foreach (var variable in container.Objects("env"))
        {
            if (string.IsNullOrEmpty(variable.Text("name"))) _errors.Add(FieldError.Required($"{path}.env[{at}].name"));
            at++;
        }

        at = 0;
        foreach (var mount in container.Objects("volumeMounts"))
        {
            if (string.IsNullOrEmpty(mount.Text("mountPath")))
                _errors.Add(FieldError.Required($"{path}.volumeMounts[{at}].mountPath"));
            if (!volumes.Contains(mount.Text("name") ?? ""))
                _errors.Add(new("FieldValueNotFound", $"{path}.volumeMounts[{at}].name", $"Not found: {mount["name"].ToCompact()}"));
            at++;
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
                + "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds`"));
    }

    private void Service(JsonNode? spec)
    {
        var type = spec.Text("type");
        if (type is not ("ClusterIP" or "NodePort" or "LoadBalancer" or "ExternalName"))
            _errors.Add(FieldError.NotSupported("spec.type", spec.At("type"),
                ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]));
        if (type == "ExternalName" && spec.Text("externalName") is null)
            _errors.Add(FieldError.Required("spec.externalName"));
        var ports = spec.Objects("ports").ToArray();
        if (ports.Length == 0 && type != "ExternalName" && spec.Text("clusterIP") != "None")
            _errors.Add(FieldError.Required("spec.ports"));
        var names = new HashSet<string>();
        var numbers = new HashSet<string>();
        for (var i = 0; i < ports.Length; i++)
        {
            Port(ports[i], "port", $"spec.ports[{i}]");
            Protocol(ports[i], $"spec.ports[{i}]");
            if (ports.Length > 1 || ports[i]["name"] is not null) Named(ports[i], $"spec.ports[{i}]", names);
            if (!numbers.Add($"{ports[i]["port"].ToCompact()}/{ports[i].Text("protocol")}")) _errors.Add(FieldError.Duplicate($"spec.ports[{i}]", ports[i]));
        }
    }

    private void Named(JsonObject item, string path, HashSet<string> taken)
    {
        var name = item.Text("name");
        if (string.IsNullOrEmpty(name)) _errors.Add(FieldError.Required($"{path}.name"));
        else if (!Names.IsLabel(name))
            _errors.Add(FieldError.Invalid($"{path}.name", name,
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'"));
        else if (!taken.Add(name)) _errors.Add(FieldError.Duplicate($"{path}.name", name));
    }

    private void Port(JsonObject item, string field, string path)
    {
        if (item[field] is null) _errors.Add(FieldError.Required($"{path}.{field}"));
        else if (item.Number(field) is not (> 0 and <= 65535))
            _errors.Add(FieldError.Invalid($"{path}.{field}", item[field], "must be between 1 and 65535, inclusive"));
    }

    private void Protocol(JsonObject port, string path)
    {
        if (port.Text("protocol") is { } protocol and not ("TCP" or "UDP" or "SCTP"))
            _errors.Add(FieldError.NotSupported($"{path}.protocol", protocol, ["SCTP", "TCP", "UDP"]));
    }

    private void AtLeast(JsonNode? owner, string field, long least, string path)
    {
        if (owner.Number(field) < least)
            _errors.Add(FieldError.Invalid($"{path}.{field}", owner.At(field),
                $"must be greater than or equal to {least}"));
    }
}
