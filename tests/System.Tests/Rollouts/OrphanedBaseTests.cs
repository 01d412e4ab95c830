using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>A base Deployment that is deleted with <c>--cascade=orphan</c> and applied again, as one does for a field that can't be
/// changed.</summary>
public sealed class OrphanedBaseTests(WorldWithoutBase shared) : IClassFixture<WorldWithoutBase>
{
    private readonly World _world = shared.World;

    [Theory]
    [InlineData("asymmetric", 2)]
    [InlineData("symmetric", -1)]
    public async Task Nothing_is_uninstalled_while_its_pods_live(string name, int replicas)
    {
        var app = $"orphaned-{name}";
        await _world.BaseAsync(app, 2);
        await _world.CreateAsync(A.Module(name, "1.0.0", _world.Jar(name, "1.0.0")).On(app).Replicas(replicas));
        await _world.AvailableAsync(name, 2, "1.0.0");
        var before = Uids(name);
        await using var modules = await Recording<Module>.StartAsync(_world);

        var key = new ObjectKey(_world.Namespace, app);
        await _world.Client.DeleteAsync<Deployment>(key, new() { Propagation = PropagationPolicy.Orphan });
        await Eventually.True(async () => await _world.Client.FindAsync<Deployment>(key) is null);
        await _world.ConditionAsync(name, DeploymentConditions.Progressing, Condition.False, Reasons.BaseNotFound);
        Assert.Equal(before, Uids(name));

        await _world.ReapplyBaseAsync(app, 2);
        await AdoptAsync(key);
        await Eventually.True(async () => (await _world.FindAsync(name))?.Status.Conditions.Find(DeploymentConditions.Progressing)?.Reason
            == Reasons.ReleaseCompleted, () => _world.DumpAsync(name), what: "the release is complete again");
        Assert.Equal(before, Uids(name));
        await modules.CaughtUpAsync();
        Assert.All(modules.Moments, moment => Assert.True(
            moment.Values.Count(module => module.Spec.Module.Name == name
                && module is { IsAvailable: true, Metadata.IsDeleting: false }) == 2, "two serve all along"));
        _world.AssertNothingWasInstalledTwice(name);

        // It is the base's again: the module follows it.
        var pod = _world.PodsOf(app)[0];
        await _world.Client.DeleteAsync<Pod>(ObjectKey.Of(pod.Metadata));
        await _world.HoldsAsync(
            () => _world.ModulesOf(name) is { Count: 2 } now
                && now.All(module => module.IsAvailable && module.Spec.PodUid != pod.Metadata.Uid), name, "it has moved");
    }

    [Fact]
    public async Task While_the_base_is_missing_a_module_goes_with_its_own_pod()
    {
        const string App = "orphaned-alone";
        await _world.BaseAsync(App, 2);
        await _world.CreateAsync(A.Module("left", "1.0.0", _world.Jar("left", "1.0.0")).On(App).Replicas(2));
        await _world.AvailableAsync("left", 2, "1.0.0");
        await _world.Client.DeleteAsync<Deployment>(new(_world.Namespace, App), new() { Propagation = PropagationPolicy.Orphan });
        await _world.ConditionAsync("left", DeploymentConditions.Progressing, Condition.False, Reasons.BaseNotFound);
        var pod = _world.PodsOf(App)[0];
        await _world.Client.DeleteAsync<Pod>(ObjectKey.Of(pod.Metadata));
        await _world.HoldsAsync(
            () => _world.ModulesOf("left") is [{ IsAvailable: true } one]
                && one.Spec.PodUid != pod.Metadata.Uid, "left", "the other one stays");
    }

    // As Kubernetes' own Deployment controller does; that of the development cluster adopts nothing.
    private async Task AdoptAsync(ObjectKey key)
    {
        var found = await _world.Client.GetAsync<Deployment>(key);
        var orphan = (await _world.Client.ListAllAsync<ReplicaSet>(new() { Namespace = key.Namespace }))
            .Single(set => set.Metadata.Name.StartsWith(key.Name, StringComparison.Ordinal));
        await _world.Client.PatchAsync<ReplicaSet>(
            ObjectKey.Of(orphan.Metadata),
            new()
            {
                ["metadata"] = new JsonObject
                {
                    ["ownerReferences"] = new JsonArray(new JsonObject
                    {
                        ["apiVersion"] = "apps/v1",
                        ["kind"] = "Deployment",
                        ["name"] = key.Name,
                        ["uid"] = found.Metadata.Uid,
                        ["controller"] = true,
                        ["blockOwnerDeletion"] = true,
                    }),
                },
            },
            new("test"));
    }

    private IReadOnlyList<string?> Uids(string name) =>
        [.. _world.ModulesOf(name).Where(module => !module.Metadata.IsDeleting).Select(module => module.Metadata.Uid)
            .Order(StringComparer.Ordinal)];
}
