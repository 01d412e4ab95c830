using System.Text.Json.Nodes;
using k8s;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>scaleup_then_scaledown: new versions on other pods, and the base scaled up for that and back.</summary>
public sealed class HandoverTests(WorldWithoutBase shared) : IClassFixture<WorldWithoutBase>
{
    private const string Policy = "scaleup_then_scaledown";

    private readonly World _world = shared.World;

    [Fact]
    public async Task A_base_that_opts_in_grows_for_the_release_and_shrinks_after_it()
    {
        await _world.BaseAsync("elastic", 2);
        await AnnotateAsync("elastic", Annotations.AllowBaseScaling, "true");
        await InstallAsync(A.Module("seamless", "1.0.0", _world.Jar("seamless", "1.0.0")).On("elastic").Replicas(2).Policy(Policy));
        await using var modules = await Recording<Module>.StartAsync(_world);
        await using var bases = await Recording<Deployment>.StartAsync(_world);
        await _world.UpgradeAsync("seamless", "2.0.0", _world.Jar("seamless", "2.0.0"));
        await _world.AvailableAsync("seamless", 2, "2.0.0");
        await Eventually.True(
            async () =>
                await BaseAsync("elastic") is { Spec.Replicas: 2 } found
                && !found.Metadata.Annotations.ContainsKey(Annotations.AddedReplicas)
                && _world.PodsOf("elastic") is { Count: 2 } pods
                    && pods.All(pod => !pod.Metadata.Annotations.ContainsKey(Annotations.PodDeletionCost)),
            () => _world.DumpAsync("seamless"), what: "the base has two pods again");

        await modules.CaughtUpAsync();
        Assert.All(modules.Moments, moment => Assert.True(
            moment.Values.Count(module => module.Spec.Module.Name == "seamless" && module.IsAvailable) >= 2, "fewer than two served"));
        await bases.CaughtUpAsync();
        Assert.Equal(4, bases.Moments.Max(moment => moment["elastic"].Spec.Replicas));
        // The number and what of it is ours are one write.
        Assert.All(bases.Moments.Select(moment => moment["elastic"]), found =>
            Assert.Equal(found.Spec.Replicas == 2 ? null : $"{found.Spec.Replicas - 2} of {found.Spec.Replicas}",
                found.Metadata.Annotations.GetValueOrDefault(Annotations.AddedReplicas)));
        // Emptied pods are removed, whichever they are: what serves now was not moved again.
        Assert.Equal(2, modules.Moments.SelectMany(moment => moment.Values)
            .Where(module => module.IsAvailable && module.Spec.Module is { Name: "seamless", Version: "2.0.0" })
            .DistinctBy(module => module.Metadata.Uid).Count());
        _world.AssertNothingWasInstalledTwice("seamless");
        await _world.EventAsync("elastic", Reasons.BaseScaled);
    }

    [Fact]
    public async Task Without_the_annotation_the_new_ones_wait_and_say_what_to_do()
    {
        await _world.BaseAsync("rigid", 2);
        await InstallAsync(A.Module("patient", "1.0.0", _world.Jar("patient", "1.0.0")).On("rigid").Replicas(2).Policy(Policy));
        await _world.UpgradeAsync("patient", "2.0.0", _world.Jar("patient", "2.0.0"));
        await WaitingAsync("patient", 2, Annotations.AllowBaseScaling);
        Assert.Equal(2, (await BaseAsync("rigid"))!.Spec.Replicas);

        // One pod more is enough: each old one that goes makes room for the next.
        await _world.ScaleBaseAsync("rigid", 3);
        await _world.AvailableAsync("patient", 2, "2.0.0");
        Assert.Equal(3, (await BaseAsync("rigid"))!.Spec.Replicas);
    }

    [Fact]
    public async Task A_base_that_an_autoscaler_holds_is_not_scaled()
    {
        await _world.BaseAsync("held", 1);
        await AnnotateAsync("held", Annotations.AllowBaseScaling, "true");
        using var client = new Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(_world.Kubeconfig));
        await client.AutoscalingV2.CreateNamespacedHorizontalPodAutoscalerAsync(
            new()
            {
                Metadata = new() { Name = "holder" },
                Spec = new() { MaxReplicas = 3, ScaleTargetRef = new() { ApiVersion = "apps/v1", Kind = "Deployment", Name = "held" } },
            },
            _world.Namespace);
        await InstallAsync(A.Module("bound", "1.0.0", _world.Jar("bound", "1.0.0")).On("held").Replicas(1).Policy(Policy));
        await _world.UpgradeAsync("bound", "2.0.0", _world.Jar("bound", "2.0.0"));
        await WaitingAsync("bound", 1, "HorizontalPodAutoscaler holder");
        Assert.Equal(1, (await BaseAsync("held"))!.Spec.Replicas);

        await client.AutoscalingV2.DeleteNamespacedHorizontalPodAutoscalerAsync("holder", _world.Namespace);
        await _world.AvailableAsync("bound", 1, "2.0.0");
    }

    [Fact]
    public async Task A_controller_that_restarts_in_between_adds_nothing_twice_and_takes_everything_back()
    {
        var world = await World.StartAsync();
        await using (world)
        {
            await world.BaseAsync("base", 2);
            await world.Client.PatchAsync<Deployment>(new(world.Namespace, "base"), Annotation(Annotations.AllowBaseScaling, "true"),
                new("test"));
            await world.CreateAsync(A.Module("steady", "1.0.0", world.Jar("steady", "1.0.0")).Replicas(2).Policy(Policy));
            await world.AvailableAsync("steady", 2, "1.0.0");
            await world.UpgradeAsync("steady", "2.0.0", world.Jar("steady", "2.0.0"));
            await Eventually.True(async () => (await world.Client.GetAsync<Deployment>(new(world.Namespace, "base"))).Spec.Replicas == 4);
            await world.StopControllerAsync();
            await world.StartControllerAsync();
            await world.AvailableAsync("steady", 2, "2.0.0");
            await Eventually.True(
                async () => await world.Client.GetAsync<Deployment>(new(world.Namespace, "base")) is { Spec.Replicas: 2 } found
                    && !found.Metadata.Annotations.ContainsKey(Annotations.AddedReplicas),
                () => world.DumpAsync("steady"), what: "the base has two pods again");
        }
    }

    [Fact]
    public async Task A_pod_whose_agent_is_dead_is_not_waited_for_without_end()
    {
        var world = await World.StartAsync(world => world.ConfigureController = options =>
            options with { PodGrace = TimeSpan.FromSeconds(5) });
        await using (world)
        {
            await world.BaseAsync("base", 2);
            await world.Client.PatchAsync<Deployment>(new(world.Namespace, "base"), Annotation(Annotations.AllowBaseScaling, "true"),
                new("test"));
            await world.CreateAsync(A.Module("moving", "1.0.0", world.Jar("moving", "1.0.0")).Replicas(1).Policy(Policy));
            await world.AvailableAsync("moving", 1, "1.0.0");
            var mute = world.PodsOf("base").Single(pod => pod.Metadata.Name != world.ModulesOf("moving")[0].Spec.PodName);
            world.Images.HangAgent(mute.Metadata.Uid!);
            await Eventually.True(() => world.Controller!.Agents.Find(ObjectKey.Of(mute.Metadata), mute.Metadata.Uid!)
                is { IsConnected: false });

            await world.UpgradeAsync("moving", "2.0.0", world.Jar("moving", "2.0.0"));
            await world.AvailableAsync("moving", 1, "2.0.0");
            Assert.NotEqual(mute.Metadata.Name, world.ModulesOf("moving")[0].Spec.PodName);
            await world.EventAsync("base", Reasons.BaseScaled);
        }
    }

    private Task WaitingAsync(string name, int count, string fragment) => _world.HoldsAsync(
        () => _world.ModulesOf(name) is var modules
            && modules.Count(module => module.IsAvailable && module.Spec.Module.Version == "1.0.0") == count
            && modules.Count(module => !module.IsBound && module.Status.Status == ModulePhase.Pending
                && (module.Status.Message ?? "").Contains(fragment, StringComparison.Ordinal)) == count,
        name, $"{count} new ones say \"{fragment}\"");

    private async Task InstallAsync(ModuleDeployment deployment)
    {
        await _world.CreateAsync(deployment);
        await _world.AvailableAsync(deployment.Metadata.Name, deployment.Spec.Replicas!.Value,
            deployment.Spec.Template.Spec.Module.Version);
    }

    private Task<Deployment?> BaseAsync(string name) => _world.Client.FindAsync<Deployment>(new(_world.Namespace, name));

    private Task AnnotateAsync(string name, string annotation, string value) =>
        _world.Client.PatchAsync<Deployment>(new(_world.Namespace, name), Annotation(annotation, value), new("test"));

    private static JsonObject Annotation(string annotation, string value) =>
        new() { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [annotation] = value } } };
}
