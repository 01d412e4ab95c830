using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Tests.BasePod;

public sealed class UpgradeAndTrafficTests
{
    private readonly World _world = new();
    private readonly Module _old;

    public UpgradeAndTrafficTests()
    {
        _world["orders"] = new() { InstallsFirst = true, TrafficDrain = TimeSpan.FromSeconds(5) };
        _old = _world.Add("orders");
        _world.Settle();
        _world.Advance(600);
        _world.Sent.Clear();
    }

    [Fact]
    public void Install_then_uninstall_keeps_the_label_all_the_while()
    {
        var (labels, statuses) = (_world.LabelWrites, _world.StatusWrites);
        var next = _world.Add("orders", "2.0.0", replaces: _old);
        _world.Settle();
        Assert.True(_world.Find(next)!.IsAvailable);
        Assert.Equal(BizState.Deactivated, _world.Agent.Biz.Single(biz => biz.Version == "1.0.0").State);

        _world.Delete(_old);
        _world.SettleWithin(1.5);
        Assert.Single(_world.Sent);
        _world.SettleWithin(4);

        Assert.Equal(["install", "uninstall"], _world.Sent.Select(command => command.Action));
        Assert.Null(_world.Find(_old));
        Assert.True(_world.HasLabel("orders"));
        Assert.Equal(0, _world.LabelWrites - labels);
        // One for the new Module, and one that says what the old one waits for, since a drain of 5 s lasts.
        Assert.Equal(2, _world.StatusWrites - statuses);
    }

    [Fact]
    public void Uninstall_then_install_waits_for_the_old_one_and_says_so()
    {
        _world["orders"] = new() { TrafficDrain = TimeSpan.FromSeconds(5) };
        _world.Delete(_old);
        var next = _world.Add("orders", "2.0.0", replaces: _old);

        _world.SettleWithin(4);
        Assert.Empty(_world.Sent);
        Assert.False(_world.HasLabel("orders"));
        Assert.Equal(ModulePhase.Prepare, _world.Status(next).Status);
        Assert.Equal(
            $"waiting for Module orders-1 (orders:1.0.0) to be uninstalled, which was deleted at {_world.Now.AddSeconds(-4):HH:mm:ss} UTC",
            _world.Status(next).Message);

        _world.SettleWithin(2);
        Assert.Equal(["uninstall", "install"], _world.Sent.Select(command => command.Action));
        Assert.True(_world.Find(next)!.IsAvailable && _world.HasLabel("orders"));
    }

    [Fact]
    public void Uninstall_then_install_does_not_wait_for_what_is_stuck()
    {
        _world["orders"] = new();
        _world.Agent.Biz[0] = _world.Agent.Biz[0] with { State = BizState.Resolved, IsStuck = true };
        _world.Delete(_old);
        var next = _world.Add("orders", "2.0.0", replaces: _old);

        _world.SettleWithin(5);

        Assert.True(_world.Find(next)!.IsAvailable);
    }

    [Fact]
    public void A_new_version_that_fails_leaves_the_old_one_serving()
    {
        var next = _world.Add("orders", "2.0.0", replaces: _old);
        _world.Reconcile();
        _world.Agent.Finish(_world.Now, FailureReason.BizStartFailed);

        _world.SettleWithin(3600);

        Assert.Equal(ModulePhase.Failed, _world.Status(next).Status);
        Assert.True(_world.Find(_old)!.IsAvailable && _world.HasLabel("orders"));
    }

    [Fact]
    public void Undone_in_the_middle_it_switches_back_before_the_new_one_goes_and_never_drops_the_label()
    {
        var next = _world.Add("orders", "2.0.0", replaces: _old);
        _world.Settle();
        var labels = _world.LabelWrites;
        _world.Delete(next);

        _world.SettleWithin(10);

        Assert.Equal(["install", "switch", "uninstall"], _world.Sent.Select(command => command.Action));
        Assert.True(_world.Find(_old)!.IsAvailable && _world.HasLabel("orders"));
        Assert.Equal(labels, _world.LabelWrites);
    }

    [Fact]
    public void Strays_go_and_edited_labels_come_back_in_one_patch()
    {
        _world.SetPod(meta => meta with
        {
            Labels = new Dictionary<string, string>
            {
                ["app"] = "base",
                [Labels.Traffic("orders")] = "false",
                [Labels.Traffic("nobody")] = "true",
                [Labels.ModuleInstanceCount] = "17",
            },
        });
        var writes = _world.LabelWrites;

        _world.Settle();

        Assert.Equal(1, _world.LabelWrites - writes);
        Assert.Equal(
            new Dictionary<string, string> { ["app"] = "base", [Labels.Traffic("orders")] = "true", [Labels.ModuleInstanceCount] = "1" },
            _world.Pod!.Metadata.Labels);
    }

    [Fact]
    public void A_pod_without_modules_of_ours_gets_no_label_of_ours()
    {
        var world = new World();

        Assert.True(world.Reconcile().IsEmpty);
        Assert.Empty(world.Pod!.Metadata.Labels);
    }

    [Fact]
    public void A_pod_that_its_base_released_gets_no_traffic_and_no_installs()
    {
        _world.IsReleased = true;
        _world.Add("catalog");

        _world.SettleWithin(60);

        Assert.False(_world.HasLabel("orders"));
        Assert.False(_world.Find(_old)!.IsAvailable);
        Assert.Empty(_world.Sent);
    }

    [Fact]
    public void Silence_changes_nothing_but_after_a_minute_what_is_said_of_the_agent()
    {
        _world.Agent.Disconnect(_world.Now);
        var silent = _world.Now;
        _world.SettleWithin(59);
        Assert.Equal(Condition.True, _world.Status(_old).Conditions.Find(ModuleConditions.AgentConnected)!.Status);

        _world.SettleWithin(3600);
        var status = _world.Status(_old);
        var condition = status.Conditions.Find(ModuleConditions.AgentConnected)!;
        Assert.Equal((Condition.Unknown, nameof(FailureReason.AgentDisconnected)), (condition.Status, condition.Reason));
        Assert.Equal($"the agent of pod shop/base-1 has sent no message since {silent:HH:mm:ss} UTC", condition.Message);
        Assert.Equal(ModulePhase.Available, status.Status);
        Assert.True(_world.HasLabel("orders"));
        Assert.Empty(_world.Sent);

        _world.Agent.Connect();
        _world.Settle();
        Assert.True(_world.Status(_old).Conditions.IsTrue(ModuleConditions.AgentConnected));
    }

    [Theory]
    [InlineData(BaseState.Hung)]
    [InlineData(BaseState.Down)]
    [InlineData(BaseState.Unknown)]
    public void A_base_that_does_not_answer_its_agent_keeps_labels_and_statuses_and_gets_no_command(BaseState state)
    {
        _world.Agent.State = state;
        var catalog = _world.Add("catalog");

        _world.SettleWithin(600);

        Assert.True(_world.Find(_old)!.IsAvailable && _world.HasLabel("orders"));
        Assert.Empty(_world.Sent);
        Assert.Equal("waiting for the base of pod shop/base-1 to answer", _world.Status(catalog).Message);
    }

    [Fact]
    public void A_base_that_its_agent_and_its_kubelet_both_say_is_down_serves_nothing_until_a_new_life_has_its_modules()
    {
        _world.Agent.State = BaseState.Down;
        _world.IsBaseReady = false;
        _world.Settle();

        Assert.False(_world.HasLabel("orders"));
        Assert.Equal((ModulePhase.Pending, "the base of pod shop/base-1 is down"),
            (_world.Status(_old).Status, _world.Status(_old).Message));
        Assert.False(_world.Status(_old).Conditions.IsTrue(ModuleConditions.TrafficReady));

        // Its container is Ready before the agent has seen the new life: still nothing.
        _world.IsBaseReady = true;
        _world.Settle();
        Assert.False(_world.HasLabel("orders") || _world.Find(_old)!.IsAvailable);

        _world.Agent.Restart(_world.Now);
        _world.Agent.State = BaseState.Up;
        _world.Settle();
        Assert.True(_world.HasLabel("orders") && _world.Find(_old)!.IsAvailable);
        Assert.Equal(["orders"], _world.Agent.Biz.Select(biz => biz.Name));
    }

    [Fact]
    public void A_base_that_was_taken_for_down_and_lives_on_serves_again_without_a_command()
    {
        (_world.Agent.State, _world.IsBaseReady) = (BaseState.Down, false);
        _world.Settle();
        Assert.False(_world.HasLabel("orders"));
        var sent = _world.Sent.Count;

        (_world.Agent.State, _world.IsBaseReady) = (BaseState.Up, true);
        _world.Settle();
        Assert.True(_world.HasLabel("orders") && _world.Find(_old)!.IsAvailable);
        Assert.Equal(sent, _world.Sent.Count);
    }

    [Fact]
    public void A_leader_that_has_heard_nothing_yet_changes_nothing()
    {
        _world.Agent.Forget();
        (_world.Memory, _world.AcceptingSince) = (BasePodMemory.Empty, _world.Now);
        var (labels, statuses) = (_world.LabelWrites, _world.StatusWrites);

        _world.SettleWithin(59);

        Assert.Equal((labels, statuses), (_world.LabelWrites, _world.StatusWrites));
        Assert.Empty(_world.Sent);
    }

    [Fact]
    public void While_agents_cannot_connect_yet_no_time_has_passed()
    {
        _world.Agent.Forget();
        (_world.Memory, _world.AcceptingSince) = (BasePodMemory.Empty, DateTimeOffset.MaxValue);
        _world.Delete(_old);

        _world.Reconcile();

        Assert.NotNull(_world.Find(_old));
        Assert.Equal(_world.Now, _world.Memory.SilentSince);
    }

    [Fact]
    public void Labels_go_at_once_when_the_pod_is_deleted()
    {
        _world.SetPod(meta => meta with { DeletionTimestamp = _world.Now });

        _world.Reconcile();

        Assert.False(_world.HasLabel("orders"));
        Assert.False(_world.Find(_old)!.IsAvailable);
    }
}
