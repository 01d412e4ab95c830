using System.Text.Json.Nodes;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.BasePods;

/// <summary>Two base pods on one node's host network, of which the second did not get Arklet's port: its agent reaches the first's
/// base.</summary>
public sealed class HostNetworkTests
{
    [Fact]
    public async Task Nothing_is_placed_on_a_pod_whose_agent_reaches_another_pods_base()
    {
        var bases = 0;
        await using var world = await World.StartAsync(setup => setup.Images.Configure = options =>
            Interlocked.Increment(ref bases) == 1 ? options : options with { ArkletPort = 1239, WebPort = 8081 });
        await world.BaseAsync("first", 1, change: OnHostNetwork);
        await world.InstalledAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).On("first").Replicas(1));
        // Kubernetes keeps whole seconds of a container's start.
        var first = Assert.Single(world.PodsOf("first"));
        var life = world.Controller!.Agents.Find(Core.Meta.ObjectKey.Of(first.Metadata), first.Metadata.Uid!)!.Life!;
        await Eventually.True(() => TimeProvider.System.GetUtcNow() > life.StartedAt.AddSeconds(2.5));

        await world.BaseAsync("second", 1, change: OnHostNetwork);
        var second = Assert.Single(world.PodsOf("second"));
        Assert.Equal(first.Status.PodIp, second.Status.PodIp);
        await world.CreateAsync(A.Module("stock", "1.0.0", world.Jar("stock", "1.0.0")).On("second").Symmetric());

        var reason = $"base pod {second.Metadata.Name} reaches the Arklet of pod {world.Namespace}/{first.Metadata.Name} on the host "
            + "network";
        await Eventually.True(
            () => world.ModulesOf("stock") is [{ IsBound: false } module]
                && module.Status.Message?.Contains(reason, StringComparison.Ordinal) == true,
            () => string.Join('\n', world.ModulesOf("stock").Select(module => module.Status.ToString())));
        Assert.Equal(0, world.InstallsOf("stock:1.0.0"));
        Assert.False(world.HasLabel(Assert.Single(world.PodsOf("second")), "stock"));
        await world.AvailableAsync("orders", 1, "1.0.0");
        Assert.True(world.HasLabel(Assert.Single(world.PodsOf("first")), "orders"));
    }

    private static void OnHostNetwork(JsonObject template) => template["spec"]!["hostNetwork"] = true;
}
