using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Installs and uninstalls that do not do what was asked for, and biz that are in the way.</summary>
public sealed class UnrulyBizTests
{
    private readonly World _world = new();

    [Fact]
    public void InstallTimedOut_leaves_a_stuck_module_alone_and_others_go_on()
    {
        var orders = _world.Add("orders");
        _world.Settle(finish: false);
        _world.Agent.Hang(_world.Now);
        var catalog = _world.Add("catalog");

        _world.SettleWithin(3600);

        Assert.Single(_world.Sent, command => command.Name == "orders");
        Assert.True(_world.Find(catalog)!.IsAvailable);
        Assert.Equal((ModulePhase.Failed, nameof(FailureReason.InstallTimedOut)),
            (_world.Status(orders).Status, _world.Status(orders).LastError!.Reason));
        Assert.Contains("only a restart of this JVM removes it", _world.Status(orders).Message, StringComparison.Ordinal);
        Assert.Single(_world.Events, item => item is { Module: null, Reason: "NeedsRestart" });

        _world.Agent.Restart(_world.Now);
        _world.SettleWithin(5);
        Assert.True(_world.Find(orders)!.IsAvailable);
    }

    [Fact]
    public void A_late_success_counts()
    {
        var orders = _world.Add("orders");
        _world.Settle(finish: false);
        _world.Agent.Hang(_world.Now);
        _world.SettleWithin(60);

        _world.Agent.Biz[0] = _world.Agent.Biz[0] with { State = BizState.Activated, IsStuck = false };
        _world.Settle();

        Assert.True(_world.Find(orders)!.IsAvailable);
        Assert.Null(_world.Status(orders).LastError);
        Assert.Single(_world.Sent);
    }

    [Fact]
    public void UninstallFailed_is_reported_and_tried_again()
    {
        var orders = _world.Add("orders");
        _world.Settle();
        _world.Delete(orders);
        _world.Settle(finish: false);
        Assert.IsType<ModuleCommand.Uninstall>(_world.Agent.Running);
        _world.Agent.Finish(_world.Now, FailureReason.UninstallFailed);

        _world.Settle(finish: false);
        Assert.Equal((ModulePhase.Terminating, nameof(FailureReason.UninstallFailed)),
            (_world.Status(orders).Status, _world.Status(orders).LastError!.Reason));
        Assert.Single(_world.Events, item => item.Reason == nameof(FailureReason.UninstallFailed));

        _world.SettleWithin(5);
        Assert.Null(_world.Find(orders));
        Assert.EndsWith("/uninstall/life-1/2", _world.Sent[^1].Id, StringComparison.Ordinal);
    }

    [Fact]
    public void SwitchFailed_leaves_the_old_version_serving_and_is_tried_again()
    {
        _world["orders"] = new() { InstallsFirst = true };
        var old = _world.Add("orders");
        _world.Settle();
        var next = _world.Add("orders", "2.0.0", replaces: old);
        _world.Settle(finish: false);
        // The agent installed it, and Arklet would not switch.
        _world.Agent.Biz.Add(new("orders", "2.0.0", BizState.Deactivated) { ModuleUid = next.Metadata.Uid });
        _world.Agent.Finish(_world.Now, FailureReason.SwitchFailed);

        _world.Settle(finish: false);
        Assert.Equal(nameof(FailureReason.SwitchFailed), _world.Status(next).LastError!.Reason);
        Assert.True(_world.HasLabel("orders") && _world.Find(old)!.IsAvailable);

        _world.SettleWithin(5);
        Assert.Equal("switch", _world.Sent[^1].Action);
        Assert.True(_world.Find(next)!.IsAvailable);
    }

    [Fact]
    public void BizLost_cuts_the_traffic_and_installs_it_again_under_a_new_id()
    {
        var orders = _world.Add("orders");
        _world.Settle();
        _world.Agent.Biz.Clear();

        _world.Reconcile();
        Assert.False(_world.HasLabel("orders"));
        Assert.Equal(nameof(FailureReason.BizLost), _world.Status(orders).LastError!.Reason);
        Assert.Single(_world.Events, item => item.Reason == nameof(FailureReason.BizLost));

        _world.SettleWithin(5);
        Assert.True(_world.Find(orders)!.IsAvailable);
        Assert.EndsWith("/install/life-1/2", _world.Sent[^1].Id, StringComparison.Ordinal);
    }

    [Fact]
    public void BizLost_is_also_a_success_that_never_shows()
    {
        var orders = _world.Add("orders");
        _world.Reconcile();
        _world.Agent.Finish(_world.Now);
        _world.Agent.Biz.Clear();

        _world.SettleWithin(11, finish: false);

        Assert.Equal(nameof(FailureReason.BizLost), _world.Status(orders).LastError!.Reason);
    }

    [Fact]
    public void ForeignBiz_broken_in_the_way_is_reported_and_left_alone()
    {
        _world.Agent.Biz.Add(new("orders", "1.0.0", BizState.Broken));
        var orders = _world.Add("orders");

        _world.SettleWithin(3600);

        Assert.Empty(_world.Sent);
        Assert.Equal(nameof(FailureReason.ForeignBiz), _world.Status(orders).LastError!.Reason);
        Assert.Single(_world.Agent.Biz);
    }

    [Fact]
    public void ForeignBiz_of_another_version_is_reported_once_and_never_removed()
    {
        _world.Agent.Biz.Add(new("orders", "0.9.0", BizState.Activated));
        var orders = _world.Add("orders");

        _world.SettleWithin(3600);

        Assert.True(_world.Find(orders)!.IsAvailable);
        Assert.Contains(_world.Agent.Biz, biz => biz.Version == "0.9.0");
        Assert.Single(_world.Events, item => item.Reason == nameof(FailureReason.ForeignBiz));
    }

    [Fact]
    public void Fenced_is_no_failure_of_the_Module()
    {
        var orders = _world.Add("orders");
        _world.Reconcile();
        _world.Agent.Refuse(_world.Now, FailureReason.Fenced);

        _world.Settle(finish: false);
        Assert.Null(_world.Status(orders).LastError);
        Assert.Empty(_world.Events);
        Assert.Single(_world.Sent);

        _world.SettleWithin(6);
        Assert.True(_world.Find(orders)!.IsAvailable);
    }
}
