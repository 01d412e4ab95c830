using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Deletion;

/// <summary>Deletions that need a world of their own.</summary>
public sealed class NamespaceDeletionTests
{
    [Fact]
    public async Task A_namespace_that_terminates_ends_and_nothing_is_created_in_it()
    {
        await using var world = await World.StartAsync(world =>
        {
            world.Namespace = "doomed";
            world.LeaseNamespace = "default";       // the Lease and the controller's account remain
        });
        await world.BaseAsync("base", 2);
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Symmetric().WithService());
        await world.AvailableAsync("orders", 2, "1.0.0");
        await world.EventAsync("orders", Reasons.ReleaseCompleted);      // the last that is created in it
        await using var modules = await Recording<Module>.StartAsync(world);
        var known = world.ModulesOf("orders").Select(module => module.Metadata.Uid).ToHashSet();
        var refused = RefusedCreations(world);

        // It is emptied once the controller knows: what it does before that is no answer to the end of a namespace.
        var faults = world.Cluster?.Server.Faults;
        foreach (
            var content in (string[])["modules.koupleless.io", "modulereplicasets.koupleless.io", "moduledeployments.koupleless.io",
            "services", "pods"])
            faults?.RejectNext(int.MaxValue, "delete", content, 503);
        await world.Client.DeleteAsync<Namespace>(new("", world.Namespace));
        await Eventually.True(() => world.Controller!.Caches.Namespaces.Get(new("", world.Namespace)) is null
            or { Metadata.IsDeleting: true });
        faults?.Clear();
        await Eventually.True(
            async () => await world.Client.FindAsync<Namespace>(new("", world.Namespace)) is null, () => world.DumpAsync("orders"));
        Assert.All(modules.Moments.SelectMany(moment => moment.Values), module => Assert.Contains(module.Metadata.Uid, known));
        // Not even tried.
        Assert.Equal(refused, RefusedCreations(world));
        Assert.False(world.Controller!.Completion.IsCompleted);
    }

    [Fact]
    public async Task What_is_deleted_while_the_controller_is_down_goes_when_it_is_back()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 2);
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(2).WithService());
        await world.CreateAsync(A.Module("prices", "1.0.0", world.Jar("prices", "1.0.0")).Replicas(1));
        await world.AvailableAsync("orders", 2, "1.0.0");
        await world.AvailableAsync("prices", 1, "1.0.0");
        await world.StopControllerAsync();
        await world.DeleteAsync("orders");
        var replaced = world.ModulesOf("prices")[0];
        await world.Client.DeleteAsync<Module>(ObjectKey.Of(replaced.Metadata));

        await world.StartControllerAsync();
        await world.GoneAsync("orders");
        await Eventually.True(
            () => world.ModulesOf("prices") is [{ IsAvailable: true } one] && one.Metadata.Uid != replaced.Metadata.Uid,
            () => world.DumpAsync("prices").Result);
        Assert.All(world.Images.Living, living => Assert.DoesNotContain("orders:1.0.0", living.Base.Biz.Keys));
        Assert.Equal(1, world.Images.Living.Count(living => living.Base.Biz.ContainsKey("prices:1.0.0")));
    }

    // Somebody else's API server does not count for us.
    private static long RefusedCreations(World world) => world.Cluster is not { } cluster ? 0 : cluster.Server.Counters.Snapshot()
        .Where(entry => entry.Key is { Verb: "create", Code: 403 } && entry.Key.UserAgent != "devcluster").Sum(entry => entry.Value);
}
