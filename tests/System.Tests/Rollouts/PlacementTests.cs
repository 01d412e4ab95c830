using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>How many modules there are, and on which pods; a base for each test, since they compete for places.</summary>
public sealed class PlacementTests(WorldWithoutBase shared) : IClassFixture<WorldWithoutBase>
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task Scaling_to_nothing_and_back()
    {
        await _world.BaseAsync("empty", 2);
        await InstallAsync(A.Module("nap", "1.0.0", _world.Jar("nap", "1.0.0")).On("empty").Replicas(2));
        await _world.PatchSpecAsync("nap", new() { ["replicas"] = 0 });
        await _world.AvailableAsync("nap", 0, "1.0.0");
        Assert.DoesNotContain(_world.PodsOf("empty"), pod => _world.HasLabel(pod, "nap"));
        await ScaleAsync("nap", 2);
        await _world.AvailableAsync("nap", 2, "1.0.0");
        Assert.Single(await _world.SetsOfAsync("nap"));
    }

    [Fact]
    public async Task Replicas_and_scale_replicas_mirror_each_other()
    {
        await _world.BaseAsync("mirror", 3);
        await InstallAsync(A.Module("second", "1.0.0", _world.Jar("second", "1.0.0")).On("mirror").Replicas(1));
        await MirroredAsync("second", 1, 1);
        await ScaleAsync("second", 3);
        await _world.AvailableAsync("second", 3, "1.0.0");
        await MirroredAsync("second", 3, 3);
        await _world.PatchSpecAsync("second", new() { ["replicas"] = 2 });
        await _world.AvailableAsync("second", 2, "1.0.0");
        await MirroredAsync("second", 2, 2);
    }

    [Fact]
    public async Task Scaling_what_follows_its_base_is_ignored_with_a_warning()
    {
        await _world.BaseAsync("follow", 2);
        await _world.CreateAsync(A.Module("symmetric", "1.0.0", _world.Jar("symmetric", "1.0.0")).On("follow").Symmetric());
        await _world.AvailableAsync("symmetric", 2, "1.0.0");
        await MirroredAsync("symmetric", -1, 2);
        await ScaleAsync("symmetric", 1);
        await _world.WarningAsync("symmetric", Reasons.ScaleIgnored);
        await MirroredAsync("symmetric", -1, 2);
        await _world.AvailableAsync("symmetric", 2, "1.0.0");
    }

    [Fact]
    public async Task Absent_replicas_count_as_none_with_a_warning()
    {
        await _world.BaseAsync("unused", 1);
        var deployment = A.Module("unset", "1.0.0", _world.Jar("unset", "1.0.0")).On("unused");
        await _world.CreateAsync(deployment with { Spec = deployment.Spec with { Replicas = null } });
        await _world.WarningAsync("unset", Reasons.ReplicasUnset);
        await _world.AvailableAsync("unset", 0, "1.0.0");
        Assert.Equal(0, _world.InstallsOf("unset:1.0.0"));
    }

    [Fact]
    public async Task Modules_of_a_deleted_pod_are_placed_elsewhere()
    {
        await _world.BaseAsync("shrinking", 3);
        await InstallAsync(A.Module("mover", "1.0.0", _world.Jar("mover", "1.0.0")).On("shrinking").Replicas(1));
        var pod = _world.PodsOf("shrinking").Single(pod => pod.Metadata.Uid == _world.ModulesOf("mover")[0].Spec.PodUid);
        await _world.Client.DeleteAsync<Pod>(ObjectKey.Of(pod.Metadata));
        await _world.HoldsAsync(
            () => _world.ModulesOf("mover") is [{ IsAvailable: true } one]
                && one.Spec.PodUid != pod.Metadata.Uid, "mover", "it is on another pod");
        await _world.EventAsync("mover", Reasons.ModuleReplaced);
    }

    [Fact]
    public async Task Modules_of_an_evicted_pod_are_placed_elsewhere()
    {
        await _world.BaseAsync("drained", 2);
        await InstallAsync(A.Module("refugee", "1.0.0", _world.Jar("refugee", "1.0.0")).On("drained").Replicas(1));
        var pod = _world.PodsOf("drained").Single(pod => pod.Metadata.Uid == _world.ModulesOf("refugee")[0].Spec.PodUid);
        await _world.EvictAsync(pod);
        await _world.HoldsAsync(
            () => _world.ModulesOf("refugee") is [{ IsAvailable: true } one]
                && one.Spec.PodUid != pod.Metadata.Uid, "refugee", "it is on another pod");
    }

    [Fact]
    public async Task A_module_without_a_place_says_why_and_is_placed_when_a_base_comes()
    {
        await _world.BaseAsync("crowded", 2);
        await _world.CreateAsync(A.Module("spare", "1.0.0", _world.Jar("spare", "1.0.0")).On("crowded").Replicas(3));
        await _world.HoldsAsync(
            () => _world.ModulesOf("spare").Count(module => module.IsAvailable) == 2
                && _world.ModulesOf("spare")
                    .SingleOrDefault(module => !module.IsBound)?.Status.Conditions.Find(ModuleConditions.Scheduled) is
                { Status: Condition.False, Reason: Reasons.NoEligibleBase, Message: { } message }
                && message.Contains("0 of 2 base pods are eligible: 2 already have a module of this name", StringComparison.Ordinal),
            "spare", "the third says why it has no place");
        await _world.ScaleBaseAsync("crowded", 3);
        await _world.AvailableAsync("spare", 3, "1.0.0");
    }

    [Fact]
    public async Task A_pod_takes_no_more_than_its_max_module_count()
    {
        await _world.BaseAsync("limited", 2, new Dictionary<string, string> { [Labels.MaxModuleCount] = "1" });
        await InstallAsync(A.Module("only-a", "1.0.0", _world.Jar("only-a", "1.0.0")).On("limited").Replicas(1));
        await InstallAsync(A.Module("only-b", "1.0.0", _world.Jar("only-b", "1.0.0")).On("limited").Replicas(1));
        await _world.CreateAsync(A.Module("only-c", "1.0.0", _world.Jar("only-c", "1.0.0")).On("limited").Replicas(1));
        await _world.ConditionAsync("only-c", DeploymentConditions.Progressing, Condition.Unknown, Reasons.NoEligibleBase);
        Assert.Equal(2, _world.ModulesOf("only-a").Concat(_world.ModulesOf("only-b")).Select(module => module.Spec.PodUid).Distinct()
            .Count());
        await _world.DeleteAsync("only-a");
        await _world.AvailableAsync("only-c", 1, "1.0.0");
    }

    [Fact]
    public async Task Scatter_takes_the_emptiest_pods_and_stacking_the_fullest()
    {
        await _world.BaseAsync("shelf", 3);
        await InstallAsync(A.Module("seed", "1.0.0", _world.Jar("seed", "1.0.0")).On("shelf").Replicas(1));
        var full = _world.ModulesOf("seed")[0].Spec.PodUid;
        await InstallAsync(A.Module("spread", "1.0.0", _world.Jar("spread", "1.0.0")).On("shelf").Replicas(2));
        Assert.DoesNotContain(_world.ModulesOf("spread"), module => module.Spec.PodUid == full);

        var heap = A.Module("heap", "1.0.0", _world.Jar("heap", "1.0.0")).On("shelf").Replicas(1);
        var more = A.Module("more", "1.0.0", _world.Jar("more", "1.0.0")).On("shelf").Replicas(1);
        var stacking = new SchedulingStrategy { SchedulingPolicy = "stacking" };
        await InstallAsync(heap with { Spec = heap.Spec with { SchedulingStrategy = stacking } });
        await InstallAsync(more with { Spec = more.Spec with { SchedulingStrategy = stacking } });
        Assert.Equal(_world.ModulesOf("heap")[0].Spec.PodUid, _world.ModulesOf("more")[0].Spec.PodUid);
    }

    [Fact]
    public async Task A_base_that_is_missing_is_used_when_it_appears()
    {
        await _world.CreateAsync(A.Module("early", "1.0.0", _world.Jar("early", "1.0.0")).On("tomorrow").Replicas(1));
        await _world.ConditionAsync("early", DeploymentConditions.Progressing, Condition.False, Reasons.BaseNotFound);
        Assert.Empty(_world.ModulesOf("early"));
        await _world.BaseAsync("tomorrow", 1);
        await _world.AvailableAsync("early", 1, "1.0.0");
    }

    private async Task InstallAsync(ModuleDeployment deployment)
    {
        await _world.CreateAsync(deployment);
        await _world.AvailableAsync(deployment.Metadata.Name, deployment.Spec.Replicas!.Value,
            deployment.Spec.Template.Spec.Module.Version);
    }

    private Task ScaleAsync(string name, int replicas) => _world.Client.PatchSubresourceAsync<ModuleDeployment>(
        new(_world.Namespace, name), "scale", new() { ["spec"] = new JsonObject { ["replicas"] = replicas } }, new("test"));

    private Task MirroredAsync(string name, int replicas, int scaleReplicas) => Eventually.True(
        async () => await _world.FindAsync(name) is { } deployment && deployment.Spec.Replicas == replicas
            && deployment.Spec.ScaleReplicas == scaleReplicas && deployment.Status.ObservedReplicas == replicas,
        () => _world.DumpAsync(name), what: $"{name}: replicas {replicas}, scaleReplicas {scaleReplicas}");
}
