using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Deletion;

/// <summary>
/// Deletion uninstalls everything and never hangs. That a living base which has not answered for two minutes is not waited for
/// takes that long, and is tested with the planner, as are stuck modules and pods that end.
/// </summary>
public sealed class DeletionTests(SharedWorld shared) : IClassFixture<SharedWorld>
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task A_module_stays_until_the_base_no_longer_lists_it_and_its_traffic_is_cut_first()
    {
        // Its uninstall lasts until all has been looked at.
        var looked = new TaskCompletionSource();
        _world.Order("leaving", new() { DuringUninstall = looked.Task.WaitAsync });
        await InstallAsync(A.Module("leaving", "1.0.0", _world.Jar("leaving", "1.0.0")).Replicas(1).WithService());
        var module = _world.ModulesOf("leaving")[0];
        var (pod, simulated) = (_world.PodOf(module), _world.BaseOf(module));
        var early = new List<string>();
        await using var modules = await Recording<Module>.StartAsync(_world);
        await using var pods = await Recording<Pod>.StartAsync(_world, seen =>
        {
            if (seen.Metadata.Uid == pod.Metadata.Uid && seen.Metadata.Labels.ContainsKey(Labels.Traffic("leaving"))
                && simulated.Biz.GetValueOrDefault("leaving:1.0.0") != "activated") early.Add(seen.Metadata.ResourceVersion!);
        });
        await _world.DeleteAsync("leaving");
        await _world.HoldsAsync(() => simulated.Biz.GetValueOrDefault("leaving:1.0.0") == "deactivated", "leaving",
            "its uninstall has begun");
        Assert.True(Assert.Single(_world.ModulesOf("leaving")).Metadata.IsDeleting);
        Assert.False(_world.HasLabel(pod, "leaving"));
        looked.SetResult();
        await _world.GoneAsync("leaving");
        Assert.Empty(early);
        Assert.DoesNotContain("leaving:1.0.0", simulated.Biz.Keys);
        await AssertNothingIsLeftAsync("leaving");
    }

    [Fact]
    public async Task A_module_whose_base_deployment_is_deleted_goes_with_its_pods()
    {
        await _world.BaseAsync("brief", 2);
        await InstallAsync(A.Module("widow", "1.0.0", _world.Jar("widow", "1.0.0")).On("brief").Symmetric(), 2);
        await _world.Client.DeleteAsync<Deployment>(new(_world.Namespace, "brief"), new() { Propagation = PropagationPolicy.Background });
        await _world.HoldsAsync(() => _world.ModulesOf("widow").Count == 0, "widow", "no module is left");
        await _world.ConditionAsync("widow", DeploymentConditions.Progressing, Condition.False, Reasons.BaseNotFound);
        await _world.DeleteAsync("widow");
        await _world.GoneAsync("widow");
    }

    [Fact]
    public async Task Orphaned_children_go_on_serving_and_are_adopted_by_the_next_of_that_name()
    {
        var deployment = A.Module("orphaned", "1.0.0", _world.Jar("orphaned", "1.0.0")).Replicas(2);
        await InstallAsync(deployment);
        await _world.DeleteAsync("orphaned", PropagationPolicy.Orphan);
        await Eventually.True(async () => await _world.FindAsync("orphaned") is null, () => _world.DumpAsync("orphaned"));
        await Eventually.True(
            async () => (await _world.SetsOfAsync("orphaned")) is [{ Metadata.OwnerReferences: [] }], () => _world.DumpAsync("orphaned"));
        Assert.All(_world.ModulesOf("orphaned"), module => Assert.True(module.IsAvailable));

        // An orphan looks after its Modules, as an apps/v1 ReplicaSet does.
        var lost = _world.ModulesOf("orphaned")[0];
        await _world.Client.DeleteAsync<Module>(ObjectKey.Of(lost.Metadata));
        await _world.HoldsAsync(
            () => _world.ModulesOf("orphaned") is [{ IsAvailable: true } one, { IsAvailable: true } other]
                && one.Metadata.Uid != lost.Metadata.Uid && other.Metadata.Uid != lost.Metadata.Uid, "orphaned", "it is replaced");
        var kept = _world.ModulesOf("orphaned").Select(module => module.Metadata.Uid).Order().ToList();
        await InstallAsync(deployment);
        Assert.Single(await _world.SetsOfAsync("orphaned"));
        Assert.Equal(kept, _world.ModulesOf("orphaned").Select(module => module.Metadata.Uid).Order());
    }

    [Fact]
    public async Task In_the_foreground_it_goes_last()
    {
        await InstallAsync(A.Module("foreground", "1.0.0", _world.Jar("foreground", "1.0.0")).Replicas(2).WithService());
        await _world.DeleteAsync("foreground", PropagationPolicy.Foreground);
        await _world.GoneAsync("foreground");
        await AssertNothingIsLeftAsync("foreground");
        Assert.All(_world.Images.Living, living => Assert.DoesNotContain("foreground:1.0.0", living.Base.Biz.Keys));
    }

    [Fact]
    public async Task Finalizers_of_version_1_are_removed()
    {
        var deployment = A.Module("legacy", "1.0.0", _world.Jar("legacy", "1.0.0")).Replicas(1);
        await InstallAsync(deployment with
        {
            Metadata = deployment.Metadata with { Finalizers = ["koupleless.io/module-replicaset-existed"] },
        });
        var set = Assert.Single(await _world.SetsOfAsync("legacy"));
        var module = Assert.Single(_world.ModulesOf("legacy"));
        await AddFinalizersAsync<ModuleReplicaSet>(set.Metadata, "koupleless.io/module-existed");
        await AddFinalizersAsync<Module>(module.Metadata, "koupleless.io/allocate-pod", "koupleless.io/module-name");
        await _world.DeleteAsync("legacy");
        await _world.GoneAsync("legacy");
        await AssertNothingIsLeftAsync("legacy");
    }

    [Fact]
    public async Task A_strangers_finalizer_is_not_removed()
    {
        await InstallAsync(A.Module("guarded", "1.0.0", _world.Jar("guarded", "1.0.0")).Replicas(1));
        var module = Assert.Single(_world.ModulesOf("guarded"));
        await AddFinalizersAsync<Module>(module.Metadata, "example.com/audit");
        await _world.DeleteAsync("guarded");
        await _world.HoldsAsync(
            () => _world.ModulesOf("guarded") is [{ Metadata.Finalizers: ["example.com/audit"] }], "guarded",
            "only the other owner's is left");
        await _world.Client.PatchAsync<Module>(
            ObjectKey.Of(module.Metadata), new() { ["metadata"] = new JsonObject { ["finalizers"] = null } }, new("test"));
        await _world.GoneAsync("guarded");
    }

    private async Task InstallAsync(ModuleDeployment deployment, int? count = null)
    {
        await _world.CreateAsync(deployment);
        await _world.AvailableAsync(
            deployment.Metadata.Name, count ?? deployment.Spec.Replicas!.Value, deployment.Spec.Template.Spec.Module.Version);
    }

    private Task AddFinalizersAsync<T>(ObjectMeta meta, params string[] finalizers) where T : class, IResource =>
        Eventually.True(async () =>
        {
            var current = await _world.Client.GetAsync<T>(ObjectKey.Of(meta));
            var all = new JsonArray([.. current.Metadata.Finalizers.Concat(finalizers).Select(name => (JsonNode)name)]);
            var patch = new JsonObject
            {
                ["metadata"] = new JsonObject { ["resourceVersion"] = current.Metadata.ResourceVersion, ["finalizers"] = all },
            };
            await _world.Client.PatchAsync<T>(ObjectKey.Of(meta), patch, new("test"));
            return true;
        });

    private async Task AssertNothingIsLeftAsync(string name)
    {
        await Eventually.True(async () => (await _world.SetsOfAsync(name)).Count == 0, () => _world.DumpAsync(name));
        await Eventually.True(
            async () =>
                await _world.Client.FindAsync<Service>(new(_world.Namespace, ServiceNames.For(name))) is null, () =>
                _world.DumpAsync(name));
        Assert.DoesNotContain(_world.PodsOf("base"), pod => _world.HasLabel(pod, name));
    }
}
