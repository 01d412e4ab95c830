using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Tests.BasePod;

public sealed class DeletionTests
{
    private readonly World _world = new();
    private readonly Module _orders;

    public DeletionTests()
    {
        _world["orders"] = new() { TrafficDrain = TimeSpan.FromSeconds(5) };
        _orders = _world.Add("orders");
        _world.Settle();
        _world.Advance(600);
        _world.Sent.Clear();
    }

    [Fact]
    public void The_label_goes_then_the_endpoints_then_the_drain_then_the_module_then_the_finalizer()
    {
        _world.InEndpoints.Add("orders");
        _world.Delete(_orders);
        _world.Reconcile();
        Assert.False(_world.HasLabel("orders"));

        _world.SettleWithin(20);
        Assert.Empty(_world.Sent);

        _world.InEndpoints.Clear();
        _world.SettleWithin(4.9);
        Assert.Empty(_world.Sent);
        Assert.Equal((ModulePhase.Terminating, "waiting for the traffic of orders:1.0.0 to drain"),
            (_world.Status(_orders).Status, _world.Status(_orders).Message));

        _world.SettleWithin(0.2, finish: false);
        Assert.IsType<ModuleCommand.Uninstall>(Assert.Single(_world.Sent));
        Assert.NotNull(_world.Find(_orders));

        _world.Settle();
        Assert.Null(_world.Find(_orders));
        Assert.Empty(_world.Agent.Biz);
        Assert.Equal("0", _world.Pod!.Metadata.Labels[Labels.ModuleInstanceCount]);
    }

    [Fact]
    public void Endpoints_that_never_let_go_are_waited_for_a_minute()
    {
        _world.InEndpoints.Add("orders");
        _world.Delete(_orders);

        _world.SettleWithin(64.5);
        Assert.Empty(_world.Sent);
        _world.SettleWithin(1);
        Assert.Null(_world.Find(_orders));
    }

    [Fact]
    public void Without_a_drain_nothing_but_label_uninstall_and_finalizer_is_written()
    {
        _world["orders"] = new();
        var (labels, statuses) = (_world.LabelWrites, _world.StatusWrites);
        _world.Delete(_orders);

        _world.Settle();

        Assert.Equal((1, 0), (_world.LabelWrites - labels, _world.StatusWrites - statuses));
        Assert.Null(_world.Find(_orders));
    }

    [Fact]
    public void A_Module_whose_pod_terminates_is_let_go_at_once_and_traffic_is_cut()
    {
        var other = _world.Add("catalog");
        _world.Settle();
        _world.Sent.Clear();
        _world.Delete(_orders);
        _world.SetPod(meta => meta with { DeletionTimestamp = _world.Now });

        _world.Settle();

        Assert.Null(_world.Find(_orders));
        Assert.False(_world.HasLabel("catalog"));
        Assert.Equal((ModulePhase.Terminating, "pod shop/base-1 is being deleted"),
            (_world.Status(other).Status, _world.Status(other).Message));
        Assert.Empty(_world.Sent);
    }

    [Theory]
    [InlineData("Succeeded")]
    [InlineData("Failed")]
    public void A_Module_whose_pod_has_finished_is_let_go_at_once(string phase)
    {
        _world.Delete(_orders);
        _world.Pod = _world.Pod! with { Status = new() { Phase = phase } };

        _world.Settle();

        Assert.Null(_world.Find(_orders));
        Assert.False(_world.HasLabel("orders"));
        Assert.Empty(_world.Sent);
    }

    [Fact]
    public void A_Module_whose_pod_is_gone_is_let_go_at_once()
    {
        _world.Delete(_orders);
        _world.Pod = null;

        _world.Settle();

        Assert.Null(_world.Find(_orders));
    }

    [Fact]
    public void A_Module_of_an_earlier_pod_of_that_name_is_let_go_at_once_and_has_no_say()
    {
        _world.Delete(_orders);
        _world.SetPod(meta => meta with { Uid = "pod-2" });
        _world.Memory = BasePodMemory.Empty;
        _world.Agent.Restart(_world.Now);

        _world.Settle();

        Assert.Null(_world.Find(_orders));
        Assert.False(_world.HasLabel("orders"));
        Assert.Empty(_world.Sent);
    }

    [Fact]
    public void In_a_terminating_namespace_Modules_are_let_go_at_once_without_events()
    {
        _world.Agent.Disconnect(_world.Now);
        _world.Delete(_orders);
        _world.IsNamespaceTerminating = true;

        _world.Settle();

        Assert.Null(_world.Find(_orders));
        Assert.Empty(_world.Events);
    }

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

    [Fact]
    public void An_install_under_way_is_waited_for()
    {
        var catalog = _world.Add("catalog");
        _world.Settle(finish: false);
        _world.Delete(catalog);

        _world.Settle(finish: false);
        Assert.NotNull(_world.Find(catalog));

        _world.Settle();
        Assert.Null(_world.Find(catalog));
        Assert.DoesNotContain(_world.Agent.Biz, biz => biz.Name == "catalog");
    }

    [Fact]
    public void What_was_never_installed_goes_at_once_and_foreign_finalizers_stay()
    {
        var catalog = _world.Add("catalog");
        _world.Modules[catalog.Metadata.Uid!] = catalog with
        {
            Metadata = catalog.Metadata with { Finalizers = ["koupleless.io/module-existed", "else.io/keep", FinalizerNames.Module] },
        };
        _world.Delete(catalog);

        _world.Settle();

        Assert.Equal(["else.io/keep"], _world.Find(catalog)!.Metadata.Finalizers);
        Assert.Empty(_world.Sent);
    }

    [Fact]
    public void Deleted_directly_it_is_disowned_and_stays_in_the_base()
    {
        _world.Delete(_orders, Labels.DeleteModuleDirectly);

        _world.Settle();

        Assert.IsType<ModuleCommand.Disown>(Assert.Single(_world.Sent));
        Assert.Null(_world.Find(_orders));
        Assert.Null(Assert.Single(_world.Agent.Biz).ModuleUid);
        Assert.False(_world.HasLabel("orders"));
        _world.SettleWithin(3600);
        Assert.Single(_world.Agent.Biz);
    }

    [Fact]
    public void An_orphan_is_removed_after_a_minute_and_not_before_the_agents_had_time_to_report()
    {
        _world.Modules.Clear();
        _world.SettleWithin(59);
        Assert.Empty(_world.Sent);
        Assert.False(_world.HasLabel("orders"));

        _world.AcceptingSince = _world.Now;
        _world.SettleWithin(9);
        Assert.Empty(_world.Sent);
        _world.SettleWithin(2);
        Assert.Empty(_world.Agent.Biz);
    }

    [Fact]
    public void After_a_restart_of_ours_the_drain_starts_over()
    {
        _world.Delete(_orders);
        _world.SettleWithin(4);
        _world.Memory = BasePodMemory.Empty;

        _world.SettleWithin(4);
        Assert.Empty(_world.Sent);
        _world.SettleWithin(2);
        Assert.Null(_world.Find(_orders));
    }
}
