using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Load;

/// <summary>What load runs and test worlds leave on a cluster that is not their own: nothing.</summary>
public sealed class CleanupTests : OtherClusterTests
{
    [Fact]
    public async Task A_load_run_leaves_nothing()
    {
        var report = await RunAsync(Options);
        Assert.Empty(report.Problems);
        Assert.Single(report.Installs!.CompletedAfterAvailable);
        Assert.Equal(Before, await Cluster.ContentAsync());
    }

    [Fact]
    public async Task A_load_run_that_fails_leaves_nothing()
    {
        await FailAsync(Options with { Hang = 1 }, at: "run 0");    // all modules are installed at that moment
        Assert.Equal(Before, await Cluster.ContentAsync());
    }

    [Fact]
    public async Task A_world_leaves_nothing_even_if_its_controller_was_stopped()
    {
        await using (
            var world = await World.StartAsync(world => (world.OtherKubeconfig, world.LeaseNamespace) = (Cluster.Kubeconfig, "default")))
        {
            await world.BaseAsync("base", 2);
            await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(2).WithService());
            await world.AvailableAsync("orders", 2, "1.0.0");
            await world.StopControllerAsync();
        }

        Assert.Equal(Before, await Cluster.ContentAsync());
    }
}
