using System.Text;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>The defaults of built-in kinds that kubectl, our controllers or a reader of the YAML uses.</summary>
public static class BuiltinDefaults
{
    private static readonly Dictionary<string, string> Table = new()
    {
        ["Pod"] = """{"status": {}}""",
        ["PodStatus"] = """{"phase": "Pending"}""",
        ["PodSpec"] =
            """{"restartPolicy":"Always", "terminationGracePeriodSeconds":30, "schedulerName":"default-scheduler"}""",
        ["ContainerPort"] = """{"protocol": "TCP"}""",
        ["Probe"] = """{"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}""",
        ["HTTPGetAction"] = """{"path": "/", "scheme": "HTTP"}""",
        ["Deployment"] = """{"status": {}}""",
        ["DeploymentSpec"] =
            """{"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "strategy": {}}""",
        ["DeploymentStrategy"] = """{"type": "RollingUpdate"}""",
        ["ReplicaSet"] = """{"status": {}}""",
        ["ReplicaSetSpec"] = """{"replicas": 1}""",
        ["ReplicaSetStatus"] = """{"replicas": 0}""",
        ["Service"] = """{"status": {"loadBalancer": {}}}""",
        ["ServiceSpec"] = """
            {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"],
             "ipFamilyPolicy": "SingleStack"}
            """,
        ["ServicePort"] = """{"protocol": "TCP"}""",
        ["EndpointPort"] = """{"protocol": "TCP"}""",
        ["Namespace"] = """{"status": {}}""",
        ["ResourceQuota"] = """{"status": {}}""",
        ["NamespaceStatus"] = """{"phase": "Active"}""",
        ["MutatingWebhook"] = """
            {"failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}, "timeoutSeconds": 10,
             "reinvocationPolicy": "Never"}
            """,
        ["ValidatingWebhook"] = """
            {"failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}, "timeoutSeconds": 10}
            """,
        ["RuleWithOperations"] = """{"scope": "*"}""",
        ["ServiceReference"] = """{"port": 443}""",
        ["Secret"] = """{"type": "Opaque"}""",
    };

    /// <summary>The defaults that the fields of a type always have, for its schema.</summary>
    public static JsonObject Of(string type) => (JsonObject)JsonNode.Parse(Table.GetValueOrDefault(type, "{}"))!;

    /// <summary>Those that hang on other fields.</summary>
    public static void Apply(JsonObject tree, string resource, bool isNew)
    {
        var spec = tree["spec"] as JsonObject;
        switch (resource)
        {
            case "pods":
                spec?.Default("serviceAccountName", "default");
                PullPolicies(spec);
                break;
            case "deployments.apps" or "replicasets.apps":
                PullPolicies(spec.At("template", "spec"));
                if (spec.At("strategy") is not JsonObject strategy || strategy.Text("type") != "RollingUpdate") break;
                strategy.Child("rollingUpdate").Default("maxSurge", "25%");
                strategy.Child("rollingUpdate").Default("maxUnavailable", "25%");
                break;
            case "services":
                foreach (var port in spec.Objects("ports")) port.Default("targetPort", port["port"]?.DeepClone());
                if (spec.Text("type") == "ClusterIP") spec?.Remove("externalTrafficPolicy");
                else spec?.Default("externalTrafficPolicy", "Cluster");
                break;
            case "rolebindings.rbac.authorization.k8s.io" or "clusterrolebindings.rbac.authorization.k8s.io":
                (tree["roleRef"] as JsonObject)?.Default("apiGroup", "rbac.authorization.k8s.io");
                foreach (var subject in tree.Objects("subjects"))
                    if (subject.Text("kind") is "User" or "Group") subject.Default("apiGroup", "rbac.authorization.k8s.io");
                break;
            case "namespaces":
                tree.Child("metadata").Child("labels")["kubernetes.io/metadata.name"] = tree.Text("metadata", "name");
                if (isNew) tree.Child("spec")["finalizers"] = new JsonArray("kubernetes");
                break;
            case "secrets":
                foreach (var (name, value) in tree.Fields("stringData"))
                    tree.Child("data")[name] = Convert.ToBase64String(Encoding.UTF8.GetBytes(value.Text() ?? ""));
                tree.Remove("stringData");
                break;
            case ResourceRegistry.Definitions when spec.Text("names", "kind") is { } kind:
                spec!.Child("names").Default("singular", kind.ToLowerInvariant());
                spec!.Child("names").Default("listKind", $"{kind}List");
                spec!.Child("conversion").Default("strategy", "None");
                break;
            default:
                break;
        }
    }

    private static void PullPolicies(JsonNode? spec)
    {
        foreach (var container in spec.Objects("containers").Concat(spec.Objects("initContainers")))
        {
            var image = container.Text("image") ?? "";
            var isLatest = image.EndsWith(":latest", StringComparison.Ordinal)
                || image.LastIndexOf(':') <= image.LastIndexOf('/');
            container.Default("imagePullPolicy", isLatest ? "Always" : "IfNotPresent");
        }
    }
}
