using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Tests.BasePod;

public sealed class InstallTests
{
    private readonly World _world = new();

    [Fact]
    public void An_install_costs_one_label_patch_and_one_status_write()
    {
        var orders = _world.Add("orders");

        _world.Settle();

        Assert.Equal((1, 1), (_world.LabelWrites, _world.StatusWrites));
        var status = _world.Status(orders);
        Assert.Equal(ModulePhase.Available, status.Status);
        Assert.Equal((1, "life-1", "abc", 1000L, 1.5),
            (status.Attempts, status.BaseLife, status.ArtifactHash, status.MetaspaceBytes, status.InstallSeconds));
        Assert.NotNull(status.InstalledAt);
        Assert.All(
            [ModuleConditions.Scheduled, ModuleConditions.Installed, ModuleConditions.Healthy, ModuleConditions.TrafficReady,
            ModuleConditions.AgentConnected],
            type => Assert.True(status.Conditions.IsTrue(type)));
        Assert.True(_world.HasLabel("orders"));
        Assert.Equal("1", _world.Pod!.Metadata.Labels[Labels.ModuleInstanceCount]);
        Assert.Null(_world.Last.RequeueAt);
        Assert.Empty(_world.Events);
    }

    [Fact]
    public void Commands_go_one_at_a_time_by_priority_then_age_then_name()
    {
        _world["d"] = new() { DeploymentCreatedAt = World.Start };
        _world["c"] = new() { DeploymentCreatedAt = World.Start };
        _world["b"] = new() { DeploymentCreatedAt = World.Start.AddDays(-1) };
        _world["a"] = new() { Priority = -1, DeploymentCreatedAt = World.Start.AddDays(-9) };
        _world["z"] = new() { Priority = 7 };
        foreach (var name in (string[])["a", "b", "c", "d", "z"]) _world.Add(name);

        _world.Settle();

        Assert.Equal(["z", "b", "c", "d", "a"], _world.Sent.Select(command => command.Name));
    }

    [Fact]
    public void Nothing_is_sent_while_a_command_runs_but_an_inspection_is_in_nobodys_way()
    {
        _world.Add("orders");
        _world.Reconcile();
        Assert.NotNull(_world.Agent.Running);
        _world.Add("catalog");
        Assert.Null(_world.Reconcile().Command);

        var inspecting = _world.State() with
        {
            View = _world.State().View! with
            {
                Running = [new("set-1/inspect//1", "orders", "1.0.0", TimeSpan.Zero)],
                Sent = "set-1/inspect//1"
            },
        };
        Assert.NotNull(BasePodPlanner.Plan(inspecting, _world.Now).Command);
    }

    [Fact]
    public void A_command_that_was_sent_and_is_not_seen_running_yet_counts_as_running()
    {
        _world.Add("orders");
        var state = _world.State();

        Assert.Null(BasePodPlanner.Plan(state with { View = state.View! with { Sent = "other/install/life-1/1" } }, _world.Now).Command);
    }

    [Fact]
    public void The_id_is_module_action_life_and_attempt_and_the_next_attempt_has_another()
    {
        var orders = _world.Add("orders");
        _world.Reconcile();
        Assert.Equal($"{orders.Metadata.Uid}/install/life-1/1", _world.Sent[0].Id);
        Assert.True(Assert.IsType<ModuleCommand.Install>(_world.Sent[0]).Activate);

        _world.Agent.Finish(_world.Now, FailureReason.DiskFull);
        _world.SettleWithin(10);

        Assert.Equal($"{orders.Metadata.Uid}/install/life-1/2", _world.Sent[1].Id);
        Assert.Equal(2, _world.Status(orders).Attempts);
    }

    [Fact]
    public void What_takes_long_is_reported_after_two_seconds_and_once()
    {
        var (first, second) = (_world.Add("a"), _world.Add("b"));
        _world.Settle(finish: false);
        _world.Advance(1.9);
        _world.Settle(finish: false);
        Assert.Equal(0, _world.StatusWrites);

        _world.SettleWithin(60, finish: false);

        Assert.Equal((ModulePhase.Upgrading, "install is under way on pod shop/base-1 (attempt 1)"),
            (_world.Status(first).Status, _world.Status(first).Message));
        Assert.Equal((ModulePhase.Prepare, "waiting for its turn on pod shop/base-1"),
            (_world.Status(second).Status, _world.Status(second).Message));
        Assert.Equal(2, _world.StatusWrites);
    }

    [Fact]
    public void A_refused_install_does_not_wait_for_its_turn()
    {
        var orders = _world.Add("orders");
        _world.Reconcile();
        _world.Agent.Refuse(_world.Now, FailureReason.Fenced);
        _world.SettleWithin(3, finish: false);
        Assert.Equal("the agent of pod shop/base-1 refused the install; it is sent again", _world.Status(orders).Message);
    }

    [Fact]
    public void An_arklet_without_the_figures_of_the_jvm_is_not_said_to_be_silent()
    {
        var orders = _world.Add("orders");
        _world.Agent.State = BaseState.WithoutFigures;
        _world.SettleWithin(5, finish: false);
        Assert.Equal("Arklet on pod shop/base-1 answers, but its health says nothing about the JVM, so its base life is unknown",
            _world.Status(orders).Message);
    }

    [Fact]
    public void A_success_whose_module_is_not_listed_yet_is_waited_for_and_not_repeated()
    {
        var orders = _world.Add("orders");
        _world.Reconcile();
        _world.Agent.Finish(_world.Now);
        var listed = _world.Agent.Biz.ToList();
        _world.Agent.Biz.Clear();

        _world.Settle();
        _world.Advance(5);
        _world.Settle();
        Assert.Single(_world.Sent);

        _world.Agent.Biz.AddRange(listed);
        _world.Settle();
        Assert.True(_world.Find(orders)!.IsAvailable);
        Assert.Single(_world.Sent);
    }

    [Fact]
    public void The_same_name_and_version_of_a_deleted_Module_goes_first()
    {
        var old = _world.Add("orders");
        _world.Settle();
        _world.Delete(old);
        var redeployed = _world.Add("orders", replaces: old);

        _world.Settle();

        Assert.Equal(["install", "uninstall", "install"], _world.Sent.Select(command => command.Action));
        Assert.True(_world.Find(redeployed)!.IsAvailable);
        Assert.Null(_world.Find(old));
    }

    [Fact]
    public void The_same_name_and_version_of_a_Module_that_is_gone_goes_first_and_without_grace()
    {
        _world.Agent.Biz.Add(new("orders", "1.0.0", BizState.Activated) { ModuleUid = "gone" });
        var orders = _world.Add("orders");

        _world.SettleWithin(2);

        Assert.Equal(["gone/uninstall/life-1/1", $"{orders.Metadata.Uid}/install/life-1/1"], _world.Sent.Select(command => command.Id));
    }

    [Fact]
    public void A_new_base_life_cuts_traffic_and_brings_everything_back_by_priority_each_once()
    {
        _world["catalog"] = new() { Priority = 1 };
        var (orders, catalog) = (_world.Add("orders"), _world.Add("catalog"));
        _world.Settle();
        var before = _world.Status(orders).Conditions.Find(ModuleConditions.TrafficReady)!.LastTransitionTime;
        _world.Advance(3600);
        _world.Agent.Restart(_world.Now);
        _world.Sent.Clear();

        _world.Reconcile();
        Assert.False(_world.HasLabel("orders"));
        Assert.Equal((ModulePhase.Pending, "life-2", null),
            (_world.Status(orders).Status, _world.Status(orders).BaseLife, _world.Status(orders).Attempts));
        Assert.False(_world.Status(catalog).Conditions.IsTrue(ModuleConditions.TrafficReady));

        _world.Advance(5);
        _world.Settle();
        Assert.Equal(["catalog", "orders"], _world.Sent.Select(command => command.Name));
        Assert.All([orders, catalog], module => Assert.True(_world.Find(module)!.IsAvailable));
        Assert.Equal("life-2", _world.Status(orders).BaseLife);
        Assert.True(_world.Status(orders).Conditions.Find(ModuleConditions.TrafficReady)!.LastTransitionTime > before);
        Assert.True(_world.HasLabel("orders") && _world.HasLabel("catalog"));
    }

    [Fact]
    public void A_life_that_the_agent_already_filled_again_needs_no_command()
    {
        var orders = _world.Add("orders");
        _world.Settle();
        _world.Advance(3600);
        _world.Agent.Restart(_world.Now);
        _world.Agent.Biz.Add(new("orders", "1.0.0", BizState.Activated) { ModuleUid = orders.Metadata.Uid });

        _world.Settle();

        Assert.Single(_world.Sent);
        Assert.Equal("life-2", _world.Status(orders).BaseLife);
        Assert.Equal(_world.Now, _world.Status(orders).Conditions.Find(ModuleConditions.TrafficReady)!.LastTransitionTime);
    }

    [Fact]
    public void A_new_life_whose_modules_are_not_known_yet_already_cuts_the_traffic()
    {
        var orders = _world.Add("orders");
        _world.Settle();
        _world.Advance(3600);
        _world.Agent.Restart(_world.Now);
        _world.Agent.IsBizKnown = false;

        Assert.Null(_world.Reconcile().Command);
        Assert.False(_world.HasLabel("orders"));
        Assert.False(_world.Find(orders)!.IsAvailable);
    }

    [Fact]
    public void A_module_that_lies_deactivated_beside_no_other_is_switched_to()
    {
        var orders = _world.Add("orders");
        _world.Agent.Biz.Add(new("orders", "1.0.0", BizState.Deactivated) { ModuleUid = orders.Metadata.Uid });

        _world.Settle();

        Assert.Equal(["switch"], _world.Sent.Select(command => command.Action));
        Assert.True(_world.Find(orders)!.IsAvailable);
    }

    [Fact]
    public void A_broken_one_of_ours_is_uninstalled_before_it_is_installed_again()
    {
        var orders = _world.Add("orders");
        _world.Agent.Biz.Add(new("orders", "1.0.0", BizState.Broken) { ModuleUid = orders.Metadata.Uid });

        _world.Settle();

        Assert.Equal(["uninstall", "install"], _world.Sent.Select(command => command.Action));
    }

    [Fact]
    public void A_foreign_one_of_its_name_and_version_is_adopted_without_an_install()
    {
        _world.Agent.Biz.Add(new("orders", "1.0.0", BizState.Activated));
        var orders = _world.Add("orders");

        _world.Settle();

        Assert.Equal(["adopt"], _world.Sent.Select(command => command.Action));
        Assert.True(_world.Find(orders)!.IsAvailable);
    }
}
