using System.Text;
using System.Text.Json.Nodes;
using ModuleController.DevApiServer.Storage;

namespace ModuleController.DevApiServer.Resources;

/// <summary>The defaults of built-in kinds, as far as kubectl, our own controllers or a reader of the YAML sees them.</summary>
public static class BuiltinDefaults
{
    public static void Apply(JsonObject tree, string resource, bool isNew)
    {
        switch (resource)
        {
            case "pods":
                PodSpec(tree.Child("spec"));
                tree.Child("spec").Default("serviceAccountName", "default");
                tree.Child("status").Default("phase", "Pending");
                break;
            case "deployments.apps":
                tree.Child("status");
                Deployment(tree.Child("spec"));
                PodSpec(tree.Child("spec").Child("template").Child("spec"));
                break;
            case "replicasets.apps":
                tree.Child("status").Default("replicas", 0);
                tree.Child("spec").Default("replicas", 1);
                PodSpec(tree.Child("spec").Child("template").Child("spec"));
                break;
            case "services":
                Service(tree);
                break;
            case "namespaces":
                tree.Child("status").Default("phase", "Active");
                tree.Child("metadata").Child("labels")["kubernetes.io/metadata.name"] = tree.Text("metadata", "name");
                if (isNew) tree.Child("spec")["finalizers"] = new JsonArray("kubernetes");
                break;
            case "secrets":
                tree.Default("type", "Opaque");
                foreach (var (name, value) in tree.Fields("stringData"))
                    tree.Child("data")[name] = Convert.ToBase64String(Encoding.UTF8.GetBytes(value.Text() ?? ""));
                tree.Remove("stringData");
                break;
            case ResourceRegistry.Definitions:
                Definition(tree.Child("spec"));
                break;
            case "endpointslices.discovery.k8s.io":
                foreach (var port in tree.Objects("ports")) port.Default("protocol", "TCP");
                break;
            default:
                break;
        }
    }

    private static void Deployment(JsonObject spec)
    {
        spec.Default("replicas", 1);
        spec.Default("revisionHistoryLimit", 10);
        spec.Default("progressDeadlineSeconds", 600);
        var strategy = spec.Child("strategy");
        strategy.Default("type", "RollingUpdate");
        if (strategy.Text("type") != "RollingUpdate") return;
        strategy.Child("rollingUpdate").Default("maxSurge", "25%");
        strategy.Child("rollingUpdate").Default("maxUnavailable", "25%");
    }

    private static void PodSpec(JsonObject spec)
    {
        spec.Default("restartPolicy", "Always");
        spec.Default("terminationGracePeriodSeconds", 30);
        spec.Default("dnsPolicy", "ClusterFirst");
        spec.Default("securityContext", new JsonObject());
        spec.Default("schedulerName", "default-scheduler");
        foreach (var container in spec.Objects("containers").Concat(spec.Objects("initContainers")))
            Container(container);
        foreach (var volume in spec.Objects("volumes"))
        {
            foreach (var source in (string[])["secret", "configMap", "downwardAPI", "projected"])
                (volume[source] as JsonObject)?.Default("defaultMode", 420);
            foreach (var token in volume.Objects("projected", "sources")
                .Select(source => source["serviceAccountToken"]).OfType<JsonObject>())
                token.Default("expirationSeconds", 3600);
            foreach (var item in volume.Objects("downwardAPI", "items").Select(item => item["fieldRef"])
                .OfType<JsonObject>())
                item.Default("apiVersion", "v1");
        }
    }

    private static void Container(JsonObject container)
    {
        var image = container.Text("image") ?? "";
        var isLatest = image.EndsWith(":latest", StringComparison.Ordinal)
            || image.LastIndexOf(':') <= image.LastIndexOf('/');
        container.Default("imagePullPolicy", isLatest ? "Always" : "IfNotPresent");
        container.Default("resources", new JsonObject());
        container.Default("terminationMessagePath", "/dev/termination-log");
        container.Default("terminationMessagePolicy", "File");
        foreach (var port in container.Objects("ports")) port.Default("protocol", "TCP");
        foreach (var reference in container.Objects("env").Select(one => one.At("valueFrom", "fieldRef"))
            .OfType<JsonObject>())
            reference.Default("apiVersion", "v1");
        foreach (var probe in ((string[])["livenessProbe", "readinessProbe", "startupProbe"])
            .Select(name => container[name]).OfType<JsonObject>())
        {
            foreach (var (field, value) in ((string, int)[])[("timeoutSeconds", 1), ("periodSeconds", 10),
                ("successThreshold", 1), ("failureThreshold", 3)])
                probe.Default(field, value);
            (probe["httpGet"] as JsonObject)?.Default("path", "/");
            (probe["httpGet"] as JsonObject)?.Default("scheme", "HTTP");
        }
    }

    private static void Service(JsonObject tree)
    {
        var spec = tree.Child("spec");
        spec.Default("type", "ClusterIP");
        spec.Default("sessionAffinity", "None");
        tree.Child("status").Child("loadBalancer");
        foreach (var port in tree.Objects("spec", "ports"))
        {
            port.Default("protocol", "TCP");
            port.Default("targetPort", port["port"]?.DeepClone());
        }

        if (spec.Text("type") == "ExternalName") return;
        spec.Default("internalTrafficPolicy", "Cluster");
        spec.Default("ipFamilyPolicy", "SingleStack");
        spec.Default("ipFamilies", new JsonArray("IPv4"));
        if (spec.Text("type") is "NodePort" or "LoadBalancer") spec.Default("externalTrafficPolicy", "Cluster");
    }

    private static void Definition(JsonObject spec)
    {
        var names = spec.Child("names");
        if (names.Text("kind") is not { } kind) return;
        names.Default("singular", kind.ToLowerInvariant());
        names.Default("listKind", $"{kind}List");
        spec.Child("conversion").Default("strategy", "None");
    }
}
