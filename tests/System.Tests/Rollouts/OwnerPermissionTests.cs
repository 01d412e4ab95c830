using ModuleController.Core.Builtin;
using ModuleController.Core.Modules;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>
/// A cluster with the admission plugin OwnerReferencesPermissionEnforcement, under which an owner reference that blocks the
/// deletion of its owner requires a right of its own.
/// </summary>
public sealed class OwnerPermissionTests
{
    [Fact]
    public async Task The_role_suffices_where_owner_references_are_checked()
    {
        await using var world = await World.StartAsync(world => world.EnforcesOwnerPermissions = true);
        await world.BaseAsync("base", 1);
        await world.InstalledAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).WithService());
        var service = await Eventually.Some(async () => await world.Client.FindAsync<Service>(new(world.Namespace, "orders-service")));
        var owners = service.Metadata.OwnerReferences.Concat(world.ModulesOf("orders").Single().Metadata.OwnerReferences);
        Assert.Equal([(ModuleDeployment.Kind.Kind, true), (ModuleReplicaSet.Kind.Kind, true)],
            owners.Select(owner => (owner.Kind, owner.BlockOwnerDeletion == true)));
        await world.CleanUpAsync("orders");
    }
}
