using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Faults;

/// <summary>Controllers that end and begin; each test has a world of its own.</summary>
public sealed class ControllerFaultTests
{
    [Fact]
    public async Task A_controller_that_is_restarted_in_mid_install_installs_nothing_twice()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 3);
        var over = Hold(world, "orders");
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Symmetric());
        await Eventually.True(() => world.InstallsOf("orders:1.0.0") == 3, () => world.DumpAsync("orders").Result);
        await world.StopControllerAsync();
        await world.StartControllerAsync();
        over.SetResult();
        await world.AvailableAsync("orders", 3, "1.0.0");
        Assert.Equal(3, world.InstallsOf("orders:1.0.0"));
    }

    [Fact]
    public async Task An_install_that_ends_while_no_controller_runs_counts()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 2);
        var over = Hold(world, "orders");
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(2));
        await Eventually.True(() => world.InstallsOf("orders:1.0.0") == 2, () => world.DumpAsync("orders").Result);
        await world.StopControllerAsync();
        over.SetResult();
        await Eventually.True(() => world.Images.Living.All(living => living.Base.Biz.GetValueOrDefault("orders:1.0.0") == "activated"));
        Assert.DoesNotContain(world.ModulesOf("orders"), module => module.IsAvailable);
        await world.StartControllerAsync();
        await world.AvailableAsync("orders", 2, "1.0.0");
        Assert.Equal(2, world.InstallsOf("orders:1.0.0"));
    }

    [Fact]
    public async Task A_standby_takes_over_in_mid_install_and_installs_nothing_twice()
    {
        await using var world = await World.StartAsync();
        await Eventually.True(() => world.Controller!.IsLeading);
        var standby = await world.StartStandbyAsync();
        // The agents ask the one that does not lead, and get the address of the leader.
        await world.BaseAsync("base", 3, controller: standby.AgentAddress);
        Assert.False(standby.IsLeading);
        var over = Hold(world, "orders");
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Symmetric());
        await Eventually.True(() => world.InstallsOf("orders:1.0.0") == 3, () => world.DumpAsync("orders").Result);

        await world.StopControllerAsync();
        await Eventually.True(() => standby.IsLeading);
        over.SetResult();
        await world.AvailableAsync("orders", 3, "1.0.0");
        Assert.Equal(3, world.InstallsOf("orders:1.0.0"));

        // And goes on with what comes.
        await world.CreateAsync(A.Module("prices", "1.0.0", world.Jar("prices", "1.0.0")).Symmetric());
        await world.AvailableAsync("prices", 3, "1.0.0");
        Assert.Equal(3, standby.Agents.Connected);
    }

    [Fact]
    public async Task A_jvm_that_dies_while_no_controller_runs_is_noticed_afterwards()
    {
        await using var world = await World.StartAsync();
        await world.BaseAsync("base", 2);
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(2));
        await world.AvailableAsync("orders", 2, "1.0.0");
        var module = world.ModulesOf("orders")[0];
        await world.StopControllerAsync();
        await world.BaseOf(module).RestartAsync();
        await world.StartControllerAsync();
        await Eventually.True(
            () => world.ModulesOf("orders").Single(other => other.Metadata.Uid == module.Metadata.Uid) is { IsAvailable: true } back
                && back.Status.BaseLife != module.Status.BaseLife && world.HasLabel(world.PodOf(back), "orders"),
            () => world.DumpAsync("orders").Result);
        world.AssertNothingWasInstalledTwice("orders");
        Assert.Equal(3, world.InstallsOf("orders:1.0.0"));
    }

    [Fact]
    public async Task A_jvm_that_dies_in_an_install_while_no_controller_runs_is_blamed_on_that_install_afterwards()
    {
        await using var world = await World.StartAsync();
        // as a JVM: its lives differ by their starts
        world.Images.Configure = options => options with { StartDelay = TimeSpan.FromSeconds(1.5) };
        await world.BaseAsync("base", 1);
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Replicas(1));
        await world.AvailableAsync("orders", 1, "1.0.0");
        await world.AgeAsync("orders");
        Hold(world, "fatal");
        await world.CreateAsync(A.Module("fatal", "1.0.0", world.Jar("fatal", "1.0.0")).Replicas(1));
        await Eventually.True(() => world.InstallsOf("fatal:1.0.0") == 1, () => world.DumpAsync("fatal").Result);
        await world.StopControllerAsync();
        var simulated = world.BaseOf(world.ModulesOf("orders")[0]);
        await simulated.KillAsync();
        world.Order("fatal", null);
        await simulated.StartLifeAsync();
        await world.StartControllerAsync();
        await world.AvailableAsync("fatal", 1, "1.0.0");
        await world.WarningAsync(world.ModulesOf("fatal")[0].Metadata.Name, "BaseDied");
        Assert.Equal(("BaseDied", "1"),
            (world.ModulesOf("fatal")[0].Status.LastError?.Reason, world.ModulesOf("fatal")[0].Status.LastError?.Code));
        await world.AvailableAsync("orders", 1, "1.0.0");
    }

    /// <summary>Installs of the module that begin now end when the result is set.</summary>
    private static TaskCompletionSource Hold(World world, string module)
    {
        var over = new TaskCompletionSource();
        world.Order(module, new() { DuringInstall = over.Task.WaitAsync });
        return over;
    }
}
