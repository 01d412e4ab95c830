using System.Text.Json.Nodes;

namespace ModuleController.Core.Injection;

/// <summary>What a pod has that prevents the injection, or that makes an injected agent fail.</summary>
internal static class InjectionObstacles
{
    private static readonly string[] ContainerLists = ["containers", "initContainers", "ephemeralContainers"];

    /// <summary>Why the pod can't be a base: only pods of a ReplicaSet are; null: it can.</summary>
    public static string? OfOwner(JsonObject pod) =>
        pod.Child("metadata")?.Items("ownerReferences").FirstOrDefault(owner => owner.IsTrue("controller")) is not { } owner
            ? "a base is a Deployment, and no controller owns this pod"
            : owner.Text("kind") == "ReplicaSet" && owner.Text("apiVersion")?.StartsWith("apps/", StringComparison.Ordinal) == true
                ? null
                : $"a base is a Deployment, and {owner.Text("kind")} {owner.Text("name")} owns this pod";

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
