using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Deletion;

/// <summary>Modules and base pods that go because a user put a label on them.</summary>
public sealed class DeletionByLabelTests(WorldWithoutBase shared) : IClassFixture<WorldWithoutBase>
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task A_labelled_module_goes_and_replicas_are_one_less()
    {
        await _world.BaseAsync("fewer", 3);
        await InstallAsync("surplus", "fewer", 3);
        await using var modules = await Recording<Module>.StartAsync(_world);
        var module = _world.ModulesOf("surplus")[1];
        await LabelAsync<Module>(module.Metadata, Labels.DeleteModule);
        await LoweredAsync("surplus", 2);
        Assert.DoesNotContain(_world.ModulesOf("surplus"), other => other.Metadata.Uid == module.Metadata.Uid);
        Assert.Equal(2, _world.Images.Living.Count(item => item.Base.Biz.ContainsKey("surplus:1.0.0")));
        Assert.Equal(3, _world.InstallsOf("surplus:1.0.0"));
        await modules.CaughtUpAsync();
        Assert.All(modules.Moments, moment => Assert.True(
            moment.Values.Count(other => other.Spec.Module.Name == "surplus") <= 3, "something was made in its place"));
        await _world.EventAsync("surplus", Reasons.DeletedByLabel);
    }

    [Fact]
    public async Task Directly_it_stays_in_the_base_but_gets_no_traffic()
    {
        await _world.BaseAsync("kept", 2);
        await InstallAsync("foreigner", "kept", 2);
        var module = _world.ModulesOf("foreigner")[0];
        var (pod, simulated) = (_world.PodsOf("kept").Single(pod => pod.Metadata.Uid == module.Spec.PodUid), _world.BaseOf(module));
        await LabelAsync<Module>(module.Metadata, Labels.DeleteModuleDirectly);
        await LoweredAsync("foreigner", 1);
        Assert.False(_world.HasLabel(pod, "foreigner"));
        Assert.Equal("activated", simulated.Biz.GetValueOrDefault("foreigner:1.0.0"));
        await Eventually.True(() => _world.Controller!.Agents.Find(ObjectKey.Of(pod.Metadata), pod.Metadata.Uid!)?.Biz
            is [{ ModuleUid: null }]);
    }

    [Fact]
    public async Task On_a_symmetric_one_the_label_is_refused_with_a_warning()
    {
        await _world.BaseAsync("every", 2);
        await _world.CreateAsync(A.Module("everywhere", "1.0.0", _world.Jar("everywhere", "1.0.0")).On("every").Symmetric());
        await _world.AvailableAsync("everywhere", 2, "1.0.0");
        var module = _world.ModulesOf("everywhere")[0];
        await LabelAsync<Module>(module.Metadata, Labels.DeleteModule);
        await _world.WarningAsync("everywhere", Reasons.DeletionRefused, module.Metadata.Name);
        Assert.Equal(-1, (await _world.FindAsync("everywhere"))!.Spec.Replicas);
        Assert.False(_world.ModulesOf("everywhere").Single(other => other.Metadata.Uid == module.Metadata.Uid).Metadata.IsDeleting);
    }

    [Fact]
    public async Task A_labelled_pod_is_drained_before_it_is_deleted_and_its_modules_move()
    {
        await _world.BaseAsync("rotated", 2);
        await InstallAsync("wanderer", "rotated", 1);
        await _world.CreateAsync(A.Module("shadow", "1.0.0", _world.Jar("shadow", "1.0.0")).On("rotated").Symmetric());
        await _world.AvailableAsync("shadow", 2, "1.0.0");
        var pod = _world.PodsOf("rotated").Single(pod => pod.Metadata.Uid == _world.ModulesOf("wanderer")[0].Spec.PodUid);
        var simulated = _world.Images.Of(pod.Metadata.Uid!);
        var left = new List<string>();
        await using var pods = await Recording<Pod>.StartAsync(_world, seen =>
        {
            if (seen.Metadata.Uid == pod.Metadata.Uid && seen.Metadata.IsDeleting) left.AddRange(simulated.Biz.Keys);
        });
        await LabelAsync<Pod>(pod.Metadata, Labels.DeletePod);
        await Eventually.True(() => !_world.PodsOf("rotated").Any(other => other.Metadata.Uid == pod.Metadata.Uid));
        await _world.HoldsAsync(
            () => _world.ModulesOf("wanderer") is [{ IsAvailable: true } one]
                && one.Spec.PodUid != pod.Metadata.Uid, "wanderer", "it is on another pod");
        await _world.AvailableAsync("shadow", 2, "1.0.0");
        await pods.CaughtUpAsync();
        Assert.Empty(left);
    }

    [Fact]
    public async Task A_pod_that_is_deleted_directly_is_not_drained()
    {
        await _world.BaseAsync("cut", 2);
        await InstallAsync("torn", "cut", 1);
        var pod = _world.PodsOf("cut").Single(pod => pod.Metadata.Uid == _world.ModulesOf("torn")[0].Spec.PodUid);
        _world.Images.Of(pod.Metadata.Uid!).Hang();
        await LabelAsync<Pod>(pod.Metadata, Labels.DeletePodDirectly);
        await Eventually.True(() => !_world.PodsOf("cut").Any(other => other.Metadata.Uid == pod.Metadata.Uid));
        await _world.HoldsAsync(
            () => _world.ModulesOf("torn") is [{ IsAvailable: true } one]
                && one.Spec.PodUid != pod.Metadata.Uid, "torn", "it is on another pod");
    }

    [Fact]
    public async Task The_label_on_a_pod_that_is_no_bases_means_nothing()
    {
        await _world.BaseAsync("unmanaged", 1);
        var pod = Assert.Single(_world.PodsOf("unmanaged"));
        await LabelAsync<Pod>(pod.Metadata, Labels.DeletePodDirectly);
        // What comes after the label is done, and the pod is still there.
        await _world.CreateAsync(A.Module("other", "1.0.0", _world.Jar("other", "1.0.0")).On("nowhere").Replicas(0));
        await _world.SeenAsync("other", _ => true, "it was looked at");
        Assert.Contains(_world.PodsOf("unmanaged"), other => other.Metadata.Uid == pod.Metadata.Uid);
        // Once a ModuleDeployment names that Deployment, it is a base.
        await _world.CreateAsync(A.Module("late", "1.0.0", _world.Jar("late", "1.0.0")).On("unmanaged").Replicas(0));
        await _world.AvailableAsync("late", 0, "1.0.0");
        await Eventually.True(
            async () =>
            {
                if (await _world.Client.FindAsync<Pod>(ObjectKey.Of(pod.Metadata)) is { Metadata.IsDeleting: false } left
                    && left.Metadata.Uid == pod.Metadata.Uid)
                    await LabelAsync<Pod>(pod.Metadata, "touched");
                return true;
            });
        await Eventually.True(() => !_world.PodsOf("unmanaged").Any(other => other.Metadata.Uid == pod.Metadata.Uid));
    }

    private async Task InstallAsync(string name, string on, int replicas)
    {
        await _world.CreateAsync(A.Module(name, "1.0.0", _world.Jar(name, "1.0.0")).On(on).Replicas(replicas));
        await _world.AvailableAsync(name, replicas, "1.0.0");
    }

    private Task LabelAsync<T>(ObjectMeta meta, string label) where T : class, IResource => _world.Client.PatchAsync<T>(
        ObjectKey.Of(meta), new() { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [label] = "true" } } }, new("test"));

    private async Task LoweredAsync(string name, int replicas)
    {
        await _world.AvailableAsync(name, replicas, "1.0.0");
        await Eventually.True(
            async () => await _world.FindAsync(name) is { } deployment && deployment.Spec.Replicas == replicas
                && deployment.Spec.ScaleReplicas == replicas && deployment.Status.ObservedReplicas == replicas,
            () => _world.DumpAsync(name), what: $"{name}: replicas {replicas}");
    }
}
