using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Rollouts;

namespace ModuleController.SystemTests.Releases;

/// <summary>Two ModuleDeployments of one module on one base, as v1 allowed them: the younger can be deleted.</summary>
public sealed class ConflictDeletionTests
{
    [Fact]
    public async Task One_in_conflict_that_has_modules_goes_and_takes_nothing_of_the_older_along()
    {
        await using var bench = await ReleaseBench.StartAsync(3);
        await bench.CreateAsync("shop", 2);
        await bench.Completes("shop", 2);
        var kept = await bench.ListAsync<Module>();

        var older = (await bench.FindAsync("shop"))!;
        var token = TestContext.Current.CancellationToken;
        // Ages count in whole seconds, and of two in one second that both have begun either may be the younger.
        bench.HostClock.Jump(TimeSpan.FromSeconds(1));
        var younger = await bench.Client.CreateAsync(
            older with
            {
                Metadata = new() { Name = "other", Namespace = "default", Finalizers = [FinalizerNames.ModuleDeployment] },
                Spec = older.Spec with { Replicas = 1, ScaleReplicas = 1 },
                Status = new(),
            },
            "test", token);
        await bench.Becomes("other",
            found => found.Status.Conditions.Find(DeploymentConditions.Progressing)?.Reason == Reasons.ModuleNameConflict);
        // What the version before left behind: a ReplicaSet with a Module on the pod that is free.
        var made = RevisionReplicaSets.New(younger, 1);
        var set = await bench.Client.CreateAsync(made with { Spec = made.Spec with { Replicas = 1 } }, "test", token);
        var pod = (await bench.ListAsync<Core.Builtin.Pod>()).Single(pod => kept.All(module => module.Spec.PodName != pod.Metadata.Name));
        var module = ModuleObjects.Created(new(
            younger, set, $"{set.Metadata.Name}-0", new() { Name = pod.Metadata.Name, Uid = pod.Metadata.Uid! }, Replaces: null));
        await bench.Client.CreateAsync(module, "test", token);
        await Eventually.True(async () => (await bench.ListAsync<Module>()).Count(found => found.IsAvailable) == 3);
        // One that is deleted before its ReplicaSet is known here has none, and would be let go at once.
        await Eventually.True(() => bench.Caches.ModuleReplicaSets.Get(ObjectKey.Of(set.Metadata)) is not null);

        await bench.DeleteAsync<ModuleDeployment>("other");
        await Eventually.True(async () => await bench.FindAsync("other") is null);
        Assert.Equal(Uids(kept), Uids(await bench.ListAsync<Module>()));
        Assert.All(await bench.ListAsync<Module>(), found => Assert.True(found.IsAvailable));
        Assert.Single(bench.Agents.Sent.OfType<ModuleCommand.Uninstall>());
    }

    private static IEnumerable<string?> Uids(IEnumerable<Module> modules) =>
        modules.Select(module => module.Metadata.Uid).Order(StringComparer.Ordinal);
}
