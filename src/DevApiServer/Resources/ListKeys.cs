namespace ModuleController.DevApiServer.Resources;

/// <summary>
/// The one table of list keys: by which field the items of a built-in list are told apart ("set": by themselves). Lists
/// that are not here are replaced as a whole. Custom resources say theirs in <c>x-kubernetes-list-map-keys</c>.
/// </summary>
public static class ListKeys
{
    private static readonly Dictionary<string, Dictionary<string, string>> Table = new()
    {
        ["ObjectMeta"] = new() { ["ownerReferences"] = "uid", ["finalizers"] = "set" },
        ["PodSpec"] = new()
        {
            ["containers"] = "name",
            ["initContainers"] = "name",
            ["ephemeralContainers"] = "name",
            ["volumes"] = "name",
            ["imagePullSecrets"] = "name",
            ["hostAliases"] = "ip",
            ["topologySpreadConstraints"] = "topologyKey",
            ["schedulingGates"] = "name",
            ["resourceClaims"] = "name",
        },
        ["Container"] = new()
        {
            ["env"] = "name",
            ["ports"] = "containerPort",
            ["volumeMounts"] = "mountPath",
            ["volumeDevices"] = "devicePath"
        },
        ["PodStatus"] = new() { ["conditions"] = "type", ["podIPs"] = "ip", ["hostIPs"] = "ip" },
        ["ServiceSpec"] = new() { ["ports"] = "port" },
        ["ServiceStatus"] = new() { ["conditions"] = "type" },
        ["ServiceAccount"] = new() { ["secrets"] = "name", ["imagePullSecrets"] = "name" },
        ["NodeSpec"] = new() { ["taints"] = "key", ["podCIDRs"] = "set" },
        ["NodeStatus"] = new() { ["conditions"] = "type", ["addresses"] = "type" },
        ["NamespaceStatus"] = new() { ["conditions"] = "type" },
        ["DeploymentStatus"] = new() { ["conditions"] = "type" },
        ["ReplicaSetStatus"] = new() { ["conditions"] = "type" },
        ["PodDisruptionBudgetStatus"] = new() { ["conditions"] = "type" },
    };

    public static IReadOnlyDictionary<string, string> Of(string type) => Table.GetValueOrDefault(type, []);
}
