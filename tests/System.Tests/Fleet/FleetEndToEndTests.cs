using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Kube.Client;
using ModuleController.Protocol.V1;
using ModuleController.SystemTests.Gateway;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Fleet;

/// <summary>All mistakes at once, with real agents: as they were stored before the API knew the limits.</summary>
public sealed class FleetEndToEndTests
{
    private const int Pods = 3;

    [Fact]
    public async Task Healthy_ones_are_installed_upgraded_and_deleted_beside_everything_that_is_broken()
    {
        await using var world = await World.StartAsync(world => world.CrdFolder = "tests/fixtures/crds/without-limits");
        await world.BaseAsync("base", Pods);
        await world.Client.CreateAsync(Quota(world), "test");
        var stray = await CreateStrayPodAsync(world);
        await ClaimEpochAsync(world, stray);
        var broken = await CreateBrokenAsync(world);

        await world.InstalledAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(Pods)
            .Policy("install_then_uninstall"));
        await world.InstalledAsync(A.Module("stock", "1.0.0", world.Jar("stock", "1.0.0")).Symmetric().Policy("uninstall_then_install"));
        await OrphanAsync(world);
        await world.StopControllerAsync();
        await world.StartControllerAsync();
        foreach (var name in (string[])["orders", "stock"])
        {
            await world.UpgradeAsync(name, "2.0.0", world.Jar(name, "2.0.0", $"{name}-2"));
            await world.AvailableAsync(name, Pods, "2.0.0");
            foreach (var version in (string[])["1.0.0", "2.0.0"]) Assert.Equal(Pods, world.InstallsOf($"{name}:{version}"));
        }

        await world.AvailableAsync("adopted", 2, "1.0.0");
        Assert.Equal(2, world.InstallsOf("adopted:1.0.0"));
        Assert.False((await world.Client.GetAsync<Pod>(ObjectKey.Of(stray.Metadata))).Metadata.IsDeleting);
        foreach (var name in (string[])["orders", "stock"])
            Assert.All(await world.EventsAsync(name),
                recorded => Assert.All(broken, other => Assert.DoesNotContain(other, recorded.Message ?? "", StringComparison.Ordinal)));

        foreach (var name in (string[])[.. broken, "adopted", "orders", "stock"]) await world.DeleteAsync(name);
        foreach (var name in (string[])[.. broken, "adopted", "orders", "stock"]) await world.GoneAsync(name);
        Assert.All(world.Images.Living.Where(living => living.PodUid != stray.Metadata.Uid), living => Assert.Empty(living.Base.Biz));
    }

    /// <summary>The names of those that were stored; an API server that knows the limits rejects the others.</summary>
    private static async Task<IReadOnlyList<string>> CreateBrokenAsync(World world)
    {
        var stored = new List<string>();
        foreach (var (name, manifest) in BrokenModuleDeployments.Names(1).Zip(BrokenModuleDeployments.Manifests(1)))
        {
            var module = manifest["spec"]!["template"]!["spec"]!["module"]!;
            if (!name.StartsWith("url-", StringComparison.Ordinal)) module["url"] = world.Jar(name, "1.0.0");
            try
            {
                await world.Client.CreateAsync(LooseModuleDeployment.Of(manifest, world.Namespace), "test");
                stored.Add(name);
            }
            catch (KubeException rejected) when (rejected.Error.Code == 422 && world.Cluster is null)
            {
                Assert.Contains("spec.", rejected.Message, StringComparison.Ordinal);
            }
        }

        return stored;
    }

    /// <summary>No Service of type NodePort can be created.</summary>
    private static ResourceQuota Quota(World world) => new()
    {
        Metadata = new() { Name = "no-node-ports", Namespace = world.Namespace },
        Spec = JsonSerializer.SerializeToElement(new JsonObject { ["hard"] = new JsonObject { ["services.nodeports"] = "0" } }),
    };

    /// <summary>A pod of no base, with our labels.</summary>
    private static async Task<RunnerPod> CreateStrayPodAsync(World world)
    {
        var pod = await world.Client.CreateAsync(
            new RunnerPod
            {
                Metadata = new()
                {
                    Name = "stray",
                    Namespace = world.Namespace,
                    Labels = new Dictionary<string, string> { [Labels.Traffic("orders")] = "true", [Labels.DeletePod] = "true" },
                },
                Spec = new()
                {
                    NodeSelector = world.Cluster is null
                        ? new Dictionary<string, string> { ["modulecontroller-test"] = world.Namespace } : null,
                    Containers = [new() { Name = "base", Image = SimulatedImages.Base }],
                },
            },
            "test");
        await Eventually.True(() => world.Controller!.Caches.Pods.Get(ObjectKey.Of(pod.Metadata)) is { Status.Phase: "Running" });
        return pod;
    }

    /// <summary>An agent of a pod that is no base pod claims an epoch that no leader will ever have.</summary>
    private static async Task ClaimEpochAsync(World world, RunnerPod pod)
    {
        using var stream = new AgentStream(world.Controller!.AgentAddress, null, null);
        await stream.SayAsync(Messages.Hello(pod.Metadata.Name, pod.Metadata.Uid!, 1 << 30, world.Namespace));
        Assert.Equal(ConnectResponse.MessageOneofCase.Welcome, (await stream.NextAsync()).MessageCase);
    }

    /// <summary><c>kubectl delete mdrs … --cascade=orphan</c>.</summary>
    private static async Task OrphanAsync(World world)
    {
        await world.InstalledAsync(A.Module("adopted", "1.0.0", world.Jar("adopted", "1.0.0")).Replicas(2));
        var set = Assert.Single(await world.SetsOfAsync("adopted"));
        await world.Client.DeleteAsync<ModuleReplicaSet>(ObjectKey.Of(set.Metadata), new() { Propagation = PropagationPolicy.Orphan });
        await Eventually.True(
            async () => await world.SetsOfAsync("adopted") is [{ Metadata: { IsDeleting: false, Uid: var uid } }] && uid != set.Metadata.Uid
                && world.ModulesOf("adopted") is { Count: 2 } modules && modules.All(module => module.Metadata.Controller?.Uid == uid),
            () => world.DumpAsync("adopted"), what: "the new ReplicaSet has adopted the orphaned Modules");
    }
}
