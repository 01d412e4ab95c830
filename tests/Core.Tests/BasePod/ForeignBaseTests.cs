using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>A pod on the host network whose agent reaches the base of another pod.</summary>
public sealed class ForeignBaseTests
{
    private readonly World _world = new();

    [Fact]
    public void Nothing_is_installed_through_it_and_its_Module_says_why()
    {
        var module = _world.Add("orders");
        Share();

        _world.SettleWithin(600);

        Assert.Empty(_world.Sent);
        Assert.False(_world.HasLabel("orders"));
        var status = _world.Status(module);
        Assert.Equal(
            "the agent of pod shop/base-1 reaches the Arklet of pod shop/base-0 (host network, port 1238), so nothing is installed. "
            + "Give this pod a free port of its node: koupleless.arklet.http.port (base) and ARKLET_PORT (agent)", status.Message);
        Assert.Equal((Condition.False, Reasons.ForeignBase),
            (status.Conditions.Find(ModuleConditions.Installed)!.Status, status.Conditions.Find(ModuleConditions.Installed)!.Reason));
        Assert.Equal(1, _world.StatusWrites);
        Assert.Contains(_world.Events, item => item.Module is null && item.Reason == Reasons.ForeignBase && item.Message == status.Message);
    }

    [Fact]
    public void What_was_Available_there_loses_its_label()
    {
        var module = _world.Add("orders");
        _world.Settle();
        Assert.True(_world.HasLabel("orders"));

        Share();
        _world.Settle();

        Assert.False(_world.HasLabel("orders"));
        Assert.False(_world.Find(module)!.IsAvailable);
        Assert.Single(_world.Sent);
    }

    [Fact]
    public void The_owner_is_not_disturbed()
    {
        var module = _world.Add("orders");
        _world.OnHostNetworkSince = World.Start;
        _world.Neighbors.Add((HostNetworkPods.Of("base-0", World.Start.AddSeconds(30)), _world.Agent.View(_world.Now)!));

        _world.SettleWithin(600);

        Assert.Single(_world.Sent);
        Assert.True(_world.Find(module)!.IsAvailable);
        Assert.Null(_world.Status(module).Message);
        Assert.Empty(_world.Events);
    }

    [Fact]
    public void What_others_installed_there_is_neither_removed_nor_adopted()
    {
        _world.Agent.Biz.Add(new("orders", "1.0.0", BizState.Activated));
        _world.Agent.Biz.Add(new("stock", "1.0.0", BizState.Activated) { ModuleUid = "gone" });
        _world.Add("orders");
        Share();

        _world.SettleWithin(600);

        Assert.Empty(_world.Sent);
        Assert.DoesNotContain(_world.Events, item => item.Reason == nameof(FailureReason.ForeignBiz));
    }

    [Fact]
    public void A_deleted_Module_goes_at_once()
    {
        var module = _world.Add("orders");
        Share();
        _world.Settle();

        _world.Delete(module);
        _world.Settle();

        Assert.Null(_world.Find(module));
        Assert.Empty(_world.Sent);
        Assert.DoesNotContain(_world.Events, item => item.Reason == "ModuleLeftBehind");
    }

    [Fact]
    public void A_deleted_Module_that_was_installed_into_the_other_base_is_left_there_and_that_is_reported()
    {
        var module = _world.Add("orders");
        _world.Settle();
        Share();
        _world.Settle();

        _world.Delete(module);
        _world.Settle();

        Assert.Null(_world.Find(module));
        Assert.Single(_world.Sent);
        Assert.Contains(_world.Events, item => item.Reason == "ModuleLeftBehind"
            && item.Message.Contains("into the base of pod shop/base-0", StringComparison.Ordinal));
    }

    [Fact]
    public void Its_readiness_gate_does_not_open_and_says_why()
    {
        _world.Gate = new([], TimeSpan.FromSeconds(60));
        Share();

        _world.SettleWithin(600);

        Assert.Equal((Condition.False, Reasons.ForeignBase), (_world.GateCondition!.Status, _world.GateCondition.Reason));
        Assert.Contains("reaches the Arklet of pod shop/base-0", _world.GateCondition.Message, StringComparison.Ordinal);
        Assert.Equal(1, _world.GateWrites);
    }

    [Fact]
    public void With_a_port_of_its_own_it_goes_on()
    {
        var module = _world.Add("orders");
        _world.Gate = new([World.Required("orders")], TimeSpan.FromSeconds(60));
        Share();
        _world.SettleWithin(30);
        Assert.False(_world.IsGateOpen);

        _world.Neighbors.Clear();
        _world.OnHostNetworkSince = World.Start;
        _world.Settle();

        Assert.True(_world.Find(module)!.IsAvailable);
        Assert.True(_world.HasLabel("orders"));
        Assert.True(_world.IsGateOpen);
        Assert.Null(_world.Status(module).Message);
    }

    [Fact]
    public void While_the_life_may_be_that_before_a_restart_nothing_is_concluded()
    {
        var module = _world.Add("orders");
        _world.Settle();

        var ended = _world.Now.AddSeconds(-1);
        _world.Pod = HostNetworkPods.With(_world.Pod!, new()
        {
            Name = "base",
            Ready = true,
            State = new() { Running = new(_world.Now) },
            LastState = new() { Terminated = new(World.Start, ended) },
        });
        _world.Settle();

        Assert.True(_world.HasLabel("orders"));
        Assert.True(_world.Find(module)!.IsAvailable);
        Assert.Equal(ended + SharedArklet.Settles, _world.Last.RequeueAt);
        _world.SettleWithin(10);
        Assert.False(_world.HasLabel("orders"));
    }

    [Fact]
    public void Where_it_can_not_be_decided_nothing_changes_but_the_message()
    {
        var serving = _world.Add("orders");
        _world.Settle();
        var waiting = _world.Add("stock");
        _world.OnHostNetworkSince = World.Start;
        _world.Neighbors.Add((HostNetworkPods.Of("base-0", World.Start), _world.Agent.View(_world.Now)!));

        _world.SettleWithin(600);

        Assert.Single(_world.Sent);
        Assert.True(_world.HasLabel("orders"));
        Assert.True(_world.Find(serving)!.IsAvailable);
        Assert.StartsWith("pods shop/base-1 and shop/base-0 reach the same Arklet (host network, port 1238), and its owner is unknown",
            _world.Status(waiting).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Placement_puts_nothing_new_there_and_does_not_wait_for_it()
    {
        Share();
        var state = _world.State();
        var node = new Node { Metadata = new() { Name = "node-1" } };

        var pod = PodAssessment.Of(new(state.Pod!, node, state.View) { AcceptingSince = World.Start }, TimeSpan.FromSeconds(300),
            _world.Now);

        Assert.Equal("reaches the Arklet of pod shop/base-0 on the host network", pod.Refusal);
        Assert.False(pod.IsCurrent);
        Assert.False(pod.IsStarting);
    }

    // Its container started half a minute after the JVM that answers, which is another pod's.
    private void Share()
    {
        _world.OnHostNetworkSince = World.Start.AddSeconds(30);
        _world.Neighbors.Add((HostNetworkPods.Of("base-0", World.Start), _world.Agent.View(_world.Now)!));
    }
}
