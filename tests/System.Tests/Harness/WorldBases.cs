using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Dev.Controllers;

namespace ModuleController.SystemTests.Harness;

/// <summary>Bases of a world: their Deployments and pods.</summary>
internal static class WorldBases
{
    /// <summary>
    /// A base Deployment, each pod with an agent as a sidecar and a simulated base, unless <paramref name="change"/> makes
    /// its containers something else; waits until all are Ready and the controller knows what runs there.
    /// </summary>
    /// <param name="controller">Where its agents look for the controller; by default that of this world.</param>
    public static async Task<ObjectKey> BaseAsync(
        this World world, string name, int replicas, IReadOnlyDictionary<string, string>? podLabels = null,
        Action<JsonObject>? change = null, TimeSpan? within = null, Uri? controller = null)
    {
        await world.ReapplyBaseAsync(name, replicas, podLabels, change, controller);
        var key = new ObjectKey(world.Namespace, name);
        await Eventually.True(
            () => Task.FromResult(
                world.PodsOf(name).Count == replicas && world.PodsOf(name).All(pod => pod.Status.Conditions.IsTrue("Ready"))),
            () => world.DescribePodsAsync(name), within, $"{replicas} pods of {name} are Ready");
        // Readiness does not wait for an agent's first snapshot, and before it nothing is placed there.
        if (controller is null && change is null)
            await Eventually.True(() => world.PodsOf(name).All(world.IsKnown), what: $"the agents of {name} have spoken");
        return key;
    }

    /// <summary>The same Deployment once more; pods that are there already become its own.</summary>
    public static Task ReapplyBaseAsync(
        this World world, string name, int replicas, IReadOnlyDictionary<string, string>? podLabels = null,
        Action<JsonObject>? change = null, Uri? controller = null)
    {
        var labels = new Dictionary<string, string>(podLabels ?? new Dictionary<string, string>()) { ["app"] = name };
        return world.Client.CreateAsync(
            BaseManifest.Of(world.Namespace, name, replicas, labels, controller ?? world.Controller!.AgentAddress,
                world.Cluster is null ? world.Namespace : null, change), "test");
    }

    private static bool IsKnown(this World world, Pod pod) =>
        world.Controller!.Agents.Find(ObjectKey.Of(pod.Metadata), pod.Metadata.Uid!) is { IsCurrent: true };

    /// <summary>The state of an application's pods, and the last that their main containers wrote.</summary>
    public static async Task<string> DescribePodsAsync(this World world, string app)
    {
        var lines = new List<string>();
        using var http = world.Cluster?.Server.CreateClient();
        foreach (var pod in world.PodsOf(app))
        {
            var containers = pod.Status.ContainerStatuses.Select(container =>
                $"{container.Name} ready={container.Ready} restarts={container.RestartCount}");
            lines.Add($"pod {pod.Metadata.Name} {pod.Status.Phase} {pod.Status.PodIp}: {string.Join(", ", containers)}");
            if (http is not null)
                lines.Add(await http.GetStringAsync(new Uri(
                    $"/api/v1/namespaces/{world.Namespace}/pods/{pod.Metadata.Name}/log?container=base&tailLines=30", UriKind.Relative)));
        }

        return string.Join('\n', lines);
    }

    public static Task ScaleBaseAsync(this World world, string name, int replicas) => world.Client.PatchAsync<ClusterDeployment>(
        new(world.Namespace, name), new() { ["spec"] = new JsonObject { ["replicas"] = replicas } }, new("test"));
}
