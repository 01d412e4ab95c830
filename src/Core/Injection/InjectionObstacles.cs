using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;

namespace ModuleController.Core.Injection;

/// <summary>What a pod has that prevents the injection, or that makes an injected agent fail.</summary>
internal static class InjectionObstacles
{
    private static readonly string[] ContainerLists = ["containers", "initContainers", "ephemeralContainers"];

    // ReplicaSets of a Deployment have this label. They keep it when the Deployment is deleted without them. Another one may adopt them.
    private const string DeploymentsLabel = "pod-template-hash";

    /// <summary>Why the pod can't be one of a base, by its owner; null: it can.</summary>
    /// <param name="findReplicaSet">The ReplicaSet of this name; null: it is not known yet.</param>
    public static string? OfOwner(JsonObject pod, Func<string, ReplicaSet?>? findReplicaSet)
    {
        if (pod.Child("metadata")?.Items("ownerReferences").FirstOrDefault(owner => owner.IsTrue("controller")) is not { } owner)
            return "a base is a Deployment, and no controller owns this pod";
        var name = owner.Text("name") ?? "";
        if (owner.Text("kind") != "ReplicaSet" || owner.Text("apiVersion")?.StartsWith("apps/", StringComparison.Ordinal) != true)
            return $"a base is a Deployment, and {owner.Text("kind")} {name} owns this pod";
        if (findReplicaSet?.Invoke(name) is not { } replicaSet) return null;
        return replicaSet.Metadata.Controller switch
        {
            { Kind: "Deployment" } => null,
            { } other => $"a base is a Deployment, and {other.Kind} {other.Name} owns ReplicaSet {name} of this pod",
            null when replicaSet.Metadata.Labels.ContainsKey(DeploymentsLabel) => null,
            null => $"a base is a Deployment, and no Deployment owns ReplicaSet {name} of this pod",
        };
    }

    /// <summary>Names and paths that the agent needs and the pod uses already.</summary>
    public static IEnumerable<string> Conflicts(JsonObject spec, JsonObject container)
    {
        if (spec.Child("os")?.Text("name") == "windows") yield return "the agent does not run on Windows";
        foreach (var list in ContainerLists.Where(list => spec.Items(list).HasName(AgentPaths.Container)))
            yield return $"spec.{list} has a container named {AgentPaths.Container} already";
        foreach (var volume in AgentPaths.Volumes.Where(volume => spec.Items("volumes").HasName(volume)))
            yield return $"spec.volumes has a volume named {volume} already";
        foreach (var path in container.Items("volumeMounts").Select(mount => mount.Text("mountPath")).Where(IsBelowState))
            yield return $"container {container.Text("name")} has a mount at {path} already";
    }

    /// <summary>What the user must know about a pod that gets the agent.</summary>
    public static IEnumerable<string> Warnings(JsonObject spec, JsonObject container, AgentRequest request)
    {
        var port = JvmFlags.ArkletPortOf(container);
        if (port is not null && port != $"{request.ArkletPort}" && port.All(char.IsAsciiDigit))
        {
            yield return $"container {container.Text("name")} sets koupleless.arklet.http.port={port}, and the agent calls port "
                + $"{request.ArkletPort}: set annotation {InjectionKeys.ArkletPort} to \"{port}\"";
        }

        if (!spec.IsTrue("hostNetwork")) yield break;
        if (!request.HasArkletPort)
        {
            yield return "the pod is on the host network, where each base of a node needs another port of Arklet: set annotation "
                + $"{InjectionKeys.ArkletPort} and koupleless.arklet.http.port of the base";
        }

        if (spec.Text("dnsPolicy") is null or "ClusterFirst")
        {
            yield return "the pod is on the host network and resolves no Service: the agent needs dnsPolicy ClusterFirstWithHostNet to "
                + "reach the controller";
        }
    }

    private static bool IsBelowState(string? path) =>
        $"{path?.TrimEnd('/')}/".StartsWith($"{AgentPaths.State}/", StringComparison.Ordinal);
}
