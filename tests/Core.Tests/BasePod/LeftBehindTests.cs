using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Modules that cannot be uninstalled: how long that is tried, and what is reported of the biz that is left in the pod.</summary>
public sealed class LeftBehindTests
{
    private readonly World _world = new();
    private readonly Module _orders;

    public LeftBehindTests() => _orders = _world.AddInstalled("orders", drain: TimeSpan.FromSeconds(5));

    [Fact]
    public void A_stuck_module_is_left_behind_and_named()
    {
        _world.Agent.Biz[0] = _world.Agent.Biz[0] with { State = BizState.Resolved, IsStuck = true };
        _world.Delete(_orders);

        _world.Settle();

        Assert.Null(_world.Find(_orders));
        Assert.Empty(_world.Sent);
        Assert.Contains(_world.Events, item => item.Reason == "NeedsRestart"
            && item.Message.StartsWith("orders:1.0.0 of Module orders-1 is stuck in pod shop/base-1 and was left there",
                StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(BizState.Deactivated)]
    [InlineData(BizState.Activated)]
    public void An_uninstall_that_times_out_leaves_it_behind_too_and_is_not_repeated(BizState listed)
    {
        _world.Delete(_orders);
        _world.SettleWithin(6, finish: false);
        _world.Agent.Hang(_world.Now);
        _world.Agent.Biz[0] = _world.Agent.Biz[0] with { State = listed };

        _world.SettleWithin(3600);

        Assert.Null(_world.Find(_orders));
        Assert.Single(_world.Sent);
    }

    [Fact]
    public void After_five_rejected_uninstalls_it_is_left_behind_and_named_and_the_pod_needs_a_restart()
    {
        _world.Delete(_orders);
        for (var attempt = 1; attempt <= 5; attempt++)
        {
            Assert.NotNull(_world.Find(_orders));
            Assert.False(_world.State().View!.NeedsRestart);
            while (_world.Agent.Running is null) _world.SettleWithin(1, finish: false);
            _world.Agent.Finish(_world.Now, FailureReason.UninstallFailed);
            _world.Settle(finish: false);
        }

        Assert.Null(_world.Find(_orders));
        Assert.True(_world.State().View!.NeedsRestart);
        Assert.Contains(_world.Events, item => item is { Module: null, Reason: "NeedsRestart" }
            && item.Message.StartsWith("orders:1.0.0 of Module orders-1 is left in pod shop/base-1", StringComparison.Ordinal));
        Assert.Contains(_world.Events, item => item is { Module: not null, Reason: nameof(FailureReason.UninstallFailed) }
            && item.Message.EndsWith("its uninstall was rejected 5 times: because of UninstallFailed", StringComparison.Ordinal));

        // It is an orphan from then on, and removed when Arklet lets it go.
        _world.SettleWithin(600);
        Assert.Empty(_world.Agent.Biz);
        Assert.False(_world.State().View!.NeedsRestart);
    }

    [Fact]
    public void Five_failed_hooks_are_no_rejections()
    {
        _world["orders"] = _world["orders"] with { Hooks = new() { PreUninstall = new() { Port = 8080 } } };
        _world.Delete(_orders);
        for (var attempt = 1; attempt <= 6; attempt++)
        {
            while (_world.Agent.Running is null) _world.SettleWithin(1, finish: false);
            _world.Agent.Finish(_world.Now, FailureReason.HookFailed);
            _world.Settle(finish: false);
        }

        Assert.NotNull(_world.Find(_orders));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Only_what_Arklet_rejected_five_times_is_left_behind_whoever_leads(bool isNewController)
    {
        _world.Delete(_orders);
        foreach (
            var reason in (FailureReason[])[FailureReason.HookFailed, FailureReason.HookFailed, FailureReason.ArkletUnreachable,
            FailureReason.HookFailed])
            Reject(reason);
        _world.SettleWithin(30, finish: false);
        _world.Agent.Refuse(_world.Now, FailureReason.ArkletUnreachable);
        for (var rejection = 1; rejection <= 5; rejection++)
        {
            Assert.NotNull(_world.Find(_orders));
            Assert.False(_world.State().View!.NeedsRestart);
            Reject(FailureReason.UninstallFailed);
            if (!isNewController) continue;
            _world.Agent.Forget();
            (_world.Memory, _world.AcceptingSince) = (BasePodMemory.Empty, _world.Now);
            _world.Agent.Connect();
            _world.Settle(finish: false);
        }

        Assert.Null(_world.Find(_orders));
        Assert.True(_world.State().View!.NeedsRestart);
        Assert.Contains(_world.Events, item => item.Reason == nameof(FailureReason.UninstallFailed)
            && item.Message.Contains("its uninstall was rejected 5 times", StringComparison.Ordinal));

        void Reject(FailureReason reason)
        {
            while (_world.Agent.Running is null) _world.SettleWithin(1, finish: false);
            _world.Agent.Finish(_world.Now, reason);
            _world.Settle(finish: false);
        }
    }

    [Fact]
    public void An_agent_that_gets_no_commands_is_waited_for_two_minutes_and_what_is_left_is_named()
    {
        _world.Agent.IsFenced = true;
        _world.Settle(finish: false);
        _world.Delete(_orders);

        _world.SettleWithin(119, finish: false);
        Assert.NotNull(_world.Find(_orders));
        Assert.StartsWith("waiting for the agent of pod shop/base-1 to get commands again (Fenced), until ", _world.Status(_orders).Message,
            StringComparison.Ordinal);

        _world.SettleWithin(2, finish: false);
        Assert.Null(_world.Find(_orders));
        Assert.Single(_world.Events, item => item.Reason == "ModuleLeftBehind"
            && item.Message.Contains("orders:1.0.0", StringComparison.Ordinal)
            && item.Message.Contains("Fenced", StringComparison.Ordinal));
    }

    [Fact]
    public void A_start_that_nobody_knows_the_end_of_is_waited_for_as_long_as_an_install_may_take()
    {
        _world.Agent.Biz[0] = _world.Agent.Biz[0] with { State = BizState.Resolved };
        _world.Delete(_orders);

        _world.SettleWithin(299);
        Assert.NotNull(_world.Find(_orders));
        _world.SettleWithin(2);
        Assert.Null(_world.Find(_orders));
    }

    [Fact]
    public void A_base_that_does_not_answer_is_waited_for_two_minutes_and_what_may_be_left_is_named()
    {
        _world.Agent.Disconnect(_world.Now);
        _world.Delete(_orders);

        _world.SettleWithin(119);
        Assert.NotNull(_world.Find(_orders));
        Assert.False(_world.HasLabel("orders"));
        Assert.StartsWith("waiting for the base of pod shop/base-1 to answer, until ", _world.Status(_orders).Message,
            StringComparison.Ordinal);

        _world.SettleWithin(2);
        Assert.Null(_world.Find(_orders));
        Assert.Single(_world.Events, item => item.Reason == "ModuleLeftBehind"
            && item.Message.Contains("orders:1.0.0", StringComparison.Ordinal));
        Assert.Empty(_world.Sent);

        // It answers again: what was left is an orphan, and goes.
        _world.Agent.Connect();
        _world.SettleWithin(59);
        Assert.NotEmpty(_world.Agent.Biz);
        _world.SettleWithin(2);
        Assert.Empty(_world.Agent.Biz);
    }

    [Fact]
    public void An_agent_that_a_new_leader_never_heard_counts_from_when_it_could_connect()
    {
        _world.Agent.Forget();
        (_world.Memory, _world.AcceptingSince) = (BasePodMemory.Empty, _world.Now);
        _world.Delete(_orders);

        _world.SettleWithin(119);
        Assert.NotNull(_world.Find(_orders));
        _world.SettleWithin(2);
        Assert.Null(_world.Find(_orders));
    }
}
