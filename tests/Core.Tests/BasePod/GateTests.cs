using ModuleController.Core.BasePods;
using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using static ModuleController.Core.Tests.BasePod.GatedPod;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>When a base pod with the readiness gate may be Ready, and what its condition says until then.</summary>
public sealed class GateTests
{
    [Fact]
    public void A_pod_without_the_gate_gets_no_condition()
    {
        var world = new World();
        world.Add("orders");

        world.SettleWithin(60);

        Assert.Equal(0, world.GateWrites);
    }

    [Fact]
    public void Where_nothing_is_required_the_gate_opens_with_the_first_snapshot()
    {
        var world = new World { Gate = new([], GateTimeout) };
        world.Agent.IsBizKnown = false;
        world.SettleWithin(60);
        Assert.Null(world.GateCondition);

        world.Agent.IsBizKnown = true;
        world.Settle();

        Assert.Equal((Condition.True, ModulesGate.ModulesInstalled, "no module is required here; base life life-1"), GateCondition(world));
        Assert.Equal(1, world.GateWrites);
    }

    [Fact]
    public void It_opens_when_the_last_required_module_serves_in_the_plan_that_says_so()
    {
        var world = With("catalog", "orders");
        var (catalog, orders) = (world.Add("catalog"), world.Add("orders"));
        Assert.Null(world.Reconcile().Gate);
        world.Agent.Finish(world.Now);
        Assert.Null(world.Reconcile().Gate);
        Assert.True(world.Status(catalog).Status == ModulePhase.Available ^ world.Status(orders).Status == ModulePhase.Available);
        world.Agent.Finish(world.Now);

        var plan = world.Reconcile();

        Assert.Equal(Condition.True, plan.Gate!.Status);
        Assert.True(world.Status(catalog).Status == ModulePhase.Available && world.Status(orders).Status == ModulePhase.Available);
        Assert.Equal("all 2 required modules are installed; base life life-1", plan.Gate.Message);
        Assert.Equal(1, world.GateWrites);
    }

    [Fact]
    public void An_upgrade_in_place_leaves_it_open()
    {
        var world = With("orders");
        var old = world.Add("orders");
        world.Settle();
        var next = world.Add("orders", "2.0.0", replaces: old);
        world.Delete(old);

        for (var round = 0; round < 20; round++)
        {
            world.Reconcile();
            Assert.True(world.IsGateOpen);
            world.Agent.Finish(world.Now);
        }

        Assert.Equal(ModulePhase.Available, world.Status(next).Status);
        Assert.Equal(1, world.GateWrites);
    }

    [Fact]
    public void A_release_that_fails_leaves_it_open()
    {
        var world = With("orders");
        var old = world.Add("orders");
        world.Settle();
        BeginUpgrade(world, old);
        world.Agent.Finish(world.Now, FailureReason.BizStartFailed);

        world.SettleWithin(3600);

        Assert.True(world.IsGateOpen);
        Assert.Equal(1, world.GateWrites);
    }

    [Fact]
    public void What_is_required_later_in_a_life_waits_for_the_next_one()
    {
        var world = With();
        world.Settle();
        Assert.True(world.IsGateOpen);

        world.Gate = new([World.Required("orders")], GateTimeout);
        world.SettleWithin(60);
        Assert.Equal(1, world.GateWrites);

        world.Agent.Restart(world.Now);
        world.Settle();
        Assert.False(world.IsGateOpen);
    }

    [Fact]
    public void A_new_life_closes_it_until_the_replay_is_done()
    {
        var world = With("orders");
        world.Add("orders");
        world.Settle();
        world.Advance(100);
        world.Agent.Restart(world.Now);
        world.Agent.IsBizKnown = false;                                  // only the life is known yet

        var loss = world.Reconcile();
        Assert.Equal((Condition.False, ModulesGate.WaitingForModules), (loss.Gate!.Status, loss.Gate.Reason));
        world.Agent.IsBizKnown = true;
        world.Settle();

        Assert.Equal((Condition.True, ModulesGate.ModulesInstalled, "all 1 required modules are installed; base life life-2"),
            GateCondition(world));
        Assert.Equal(3, world.GateWrites);                               // each life opens it once, one loss
    }

    [Fact]
    public void A_new_life_that_has_its_modules_already_is_only_noted()
    {
        var world = With();
        world.Settle();
        world.Agent.Restart(world.Now);

        world.Settle();

        Assert.Equal((Condition.True, ModulesGate.ModulesInstalled, "no module is required here; base life life-2"), GateCondition(world));
        Assert.Equal(2, world.GateWrites);
    }

    [Fact]
    public void Unknown_changes_nothing()
    {
        var world = With("orders");
        world.Add("orders");
        world.Settle();

        world.Agent.Disconnect(world.Now);
        world.SettleWithin(3600);
        world.Agent.Forget();
        world.Memory = BasePodMemory.Empty;
        world.SettleWithin(3600);

        Assert.True(world.IsGateOpen);
        Assert.Equal(1, world.GateWrites);
    }

    [Fact]
    public void Another_controller_finds_in_the_condition_which_life_it_was_opened_for()
    {
        var world = With("orders");
        var old = world.Add("orders");
        world.Settle();
        // In the middle of an upgrade, when the module is installed nowhere.
        BeginUpgrade(world, old);

        world.Memory = BasePodMemory.Empty;
        world.SettleWithin(60, finish: false);

        Assert.True(world.IsGateOpen);
        Assert.Equal(1, world.GateWrites);
    }

    [Fact]
    public void A_revision_that_is_still_being_released_serves_as_well()
    {
        var world = With("orders");
        world.Add("orders", "2.0.0");

        world.Settle();

        Assert.True(world.IsGateOpen);
    }

    [Fact]
    public void One_that_is_not_on_every_pod_counts_where_it_is_bound()
    {
        var world = new World
        {
            Gate = new([World.Required("orders", onEveryPod: false), World.Required("catalog", onEveryPod: false)], GateTimeout)
        };
        world.Add("orders");
        world.SettleWithin(5, finish: false);
        Assert.StartsWith("waiting for 1 of 1 required modules: orders 1.0.0", GateCondition(world).Message, StringComparison.Ordinal);

        world.Settle();

        Assert.True(world.IsGateOpen);
    }

    [Fact]
    public void A_pod_that_goes_or_was_released_is_left_as_it_is()
    {
        var released = With("orders");
        released.IsReleased = true;
        released.SettleWithin(60);
        var going = With("orders");
        going.SetPod(meta => meta with { DeletionTimestamp = going.Now });
        going.SettleWithin(60);

        Assert.Equal((0, 0), (released.GateWrites, going.GateWrites));
    }

    /// <summary>The old one is uninstalled, the install of the new one is under way.</summary>
    private static void BeginUpgrade(World world, Module old)
    {
        world.Add("orders", "2.0.0", replaces: old);
        world.Delete(old);
        world.Settle(finish: false);
        world.Agent.Finish(world.Now);
        world.Settle(finish: false);
    }
}
