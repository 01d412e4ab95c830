namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>
/// The table of list keys: the field that identifies the items of a built-in list ("set": the item itself). Lists
/// that are not here are replaced as a whole. Custom resources name theirs in <c>x-kubernetes-list-map-keys</c>.
/// </summary>
public static class ListKeys
{
    private static readonly Dictionary<string, string> Table = new()
    {
        ["ObjectMeta"] = "ownerReferences=uid finalizers=set",
        ["PodSpec"] = "containers=name initContainers=name ephemeralContainers=name volumes=name imagePullSecrets=name "
            + "hostAliases=ip topologySpreadConstraints=topologyKey schedulingGates=name resourceClaims=name",
        ["Container"] = "env=name ports=containerPort volumeMounts=mountPath volumeDevices=devicePath",
        ["PodStatus"] = "conditions=type podIPs=ip hostIPs=ip",
        ["ServiceSpec"] = "ports=port",
        ["ServiceStatus"] = "conditions=type",
        ["ServiceAccount"] = "secrets=name imagePullSecrets=name",
        ["NodeSpec"] = "taints=key podCIDRs=set",
        ["NodeStatus"] = "conditions=type addresses=type",
        ["MutatingWebhookConfiguration"] = "webhooks=name",
        ["ValidatingWebhookConfiguration"] = "webhooks=name",
        ["MutatingWebhook"] = "matchConditions=name",
        ["ValidatingWebhook"] = "matchConditions=name",
        ["NamespaceStatus"] = "conditions=type",
        ["DeploymentStatus"] = "conditions=type",
        ["ReplicaSetStatus"] = "conditions=type",
    };

    public static IReadOnlyDictionary<string, string> Of(string type) => Table.GetValueOrDefault(type, "")
        .Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('='))
        .ToDictionary(pair => pair[0], pair => pair[1]);
}
