using ModuleController.Core.Modules;
using ModuleController.Core.Planning;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Each reason that this planner meets. NoEligibleBase and ModuleNameConflict are met before a pod is found.</summary>
public sealed class FailureTests
{
    private readonly World _world = new();

    [Theory]
    [InlineData(FailureReason.InvalidArtifact)]
    [InlineData(FailureReason.DigestMismatch)]
    [InlineData(FailureReason.ArtifactNotFound)]
    [InlineData(FailureReason.BizStartFailed)]
    [InlineData(FailureReason.WebContextPathConflict)]
    [InlineData(FailureReason.HookFailed)]
    public void The_users_failures_are_final_for_this_artifact(FailureReason reason)
    {
        var orders = Fail(reason);

        _world.SettleWithin(3600);

        Assert.Single(_world.Sent);
        var status = _world.Status(orders);
        Assert.Equal((ModulePhase.Failed, 1, reason.ToString(), "FAILED"), (status.Status, status.Attempts, status.LastError!.Reason, status.LastError.Code));
        Assert.Equal($"{reason}: because of {reason}; is not tried again with this artifact", status.Message);
        var warning = Assert.Single(_world.Events);
        Assert.Equal((orders.Metadata.Uid, reason.ToString()), (warning.Module?.Metadata.Uid, warning.Reason));
        Assert.Equal($"orders:1.0.0 on pod shop/base-1: attempt 1 failed (FAILED): because of {reason}", warning.Message);
        Assert.Equal(1, _world.StatusWrites);
        Assert.False(_world.HasLabel("orders"));
    }

    [Fact]
    public void They_stay_final_in_a_new_base_life()
    {
        var orders = Fail(FailureReason.DigestMismatch);
        _world.Settle();
        _world.Advance(120);
        _world.Agent.Restart(_world.Now);

        _world.SettleWithin(3600);

        Assert.Single(_world.Sent);
        Assert.Equal((ModulePhase.Failed, nameof(FailureReason.DigestMismatch)), (_world.Status(orders).Status, _world.Status(orders).LastError!.Reason));
    }

    [Fact]
    public void They_are_the_environments_once_the_revision_was_available()
    {
        _world.Served.Add("orders");
        var orders = Fail(FailureReason.BizStartFailed);
        _world.Settle();
        Assert.Equal(ModulePhase.Pending, _world.Status(orders).Status);

        _world.SettleWithin(10);

        Assert.True(_world.Find(orders)!.IsAvailable);
        Assert.Null(_world.Status(orders).LastError);
    }

    [Fact]
    public void They_are_the_environments_for_a_Module_that_was_available_itself()
    {
        var orders = _world.Add("orders");
        _world.Settle();
        _world.Advance(3600);
        _world.Agent.Restart(_world.Now);
        _world.Reconcile();
        _world.Agent.Finish(_world.Now, FailureReason.BizStartFailed, "cannot reach the ledger database");

        _world.SettleWithin(10);

        Assert.True(_world.Find(orders)!.IsAvailable);
    }

    [Theory]
    [InlineData(FailureReason.ArtifactUnreachable)]
    [InlineData(FailureReason.DiskFull)]
    [InlineData(FailureReason.ArkletUnreachable)]
    [InlineData(FailureReason.AgentDisconnected)]
    public void The_environments_failures_are_tried_again_later_and_later(FailureReason reason)
    {
        var orders = Fail(reason);
        _world.Settle(finish: false);
        Assert.Equal((ModulePhase.Pending, 1), (_world.Status(orders).Status, _world.Status(orders).Attempts));
        Assert.StartsWith($"{reason}: because of {reason}; is tried again at 09:01:", _world.Status(orders).Message, StringComparison.Ordinal);
        var (tries, since, last) = (new List<double>(), _world.Now, _world.Sent.Count);
        while (tries.Count < 4)
        {
            _world.Advance(0.1);
            _world.Reconcile();
            if (_world.Sent.Count == last) continue;
            tries.Add((_world.Now - since).TotalSeconds);
            (since, last) = (_world.Now, _world.Sent.Count);
            _world.Agent.Finish(_world.Now, reason);
            _world.Settle(finish: false);
        }

        Assert.Equal(tries.Order(), tries);
        Assert.InRange(tries[0], 0.7, 1.2);
        Assert.InRange(tries[3], 6.3, 8.2);
        Assert.Equal(5, _world.Events.Count(item => item.Reason == reason.ToString()));
    }

    [Fact]
    public void A_failure_is_in_the_status_before_the_next_attempt_leaves()
    {
        var orders = Fail(FailureReason.ArtifactUnreachable);
        var plan = _world.Reconcile();

        Assert.Null(plan.Command);
        Assert.Equal(1, _world.Status(orders).Attempts);
        Assert.NotNull(plan.LookAgainAt);
    }

    [Fact]
    public void MetaspaceFull_is_tried_again_only_in_a_new_life()
    {
        var orders = Fail(FailureReason.MetaspaceFull);
        _world.SettleWithin(3600);
        Assert.Single(_world.Sent);
        Assert.Equal(ModulePhase.Failed, _world.Status(orders).Status);

        _world.Agent.Restart(_world.Now);
        _world.SettleWithin(5);

        Assert.Equal(2, _world.Sent.Count);
        Assert.True(_world.Find(orders)!.IsAvailable);
    }

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
        Assert.Equal((ModulePhase.Failed, nameof(FailureReason.InstallTimedOut)), (_world.Status(orders).Status, _world.Status(orders).LastError!.Reason));
        Assert.Contains("only a restart of the base helps", _world.Status(orders).Message, StringComparison.Ordinal);
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
    public void UninstallFailed_is_told_and_tried_again()
    {
        var orders = _world.Add("orders");
        _world.Settle();
        _world.Delete(orders);
        _world.Settle(finish: false);
        Assert.IsType<ModuleCommand.Uninstall>(_world.Agent.Running);
        _world.Agent.Finish(_world.Now, FailureReason.UninstallFailed);

        _world.Settle(finish: false);
        Assert.Equal((ModulePhase.Terminating, nameof(FailureReason.UninstallFailed)), (_world.Status(orders).Status, _world.Status(orders).LastError!.Reason));
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
    public void ForeignBiz_broken_in_the_way_is_told_and_left_alone()
    {
        _world.Agent.Biz.Add(new("orders", "1.0.0", BizState.Broken));
        var orders = _world.Add("orders");

        _world.SettleWithin(3600);

        Assert.Empty(_world.Sent);
        Assert.Equal(nameof(FailureReason.ForeignBiz), _world.Status(orders).LastError!.Reason);
        Assert.Single(_world.Agent.Biz);
    }

    [Fact]
    public void ForeignBiz_of_another_version_is_told_once_and_never_removed()
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

    [Fact]
    public void BaseDied_is_an_install_during_which_the_life_ended()
    {
        var (poison, other) = (_world.Add("a-poison"), _world.Add("b-other"));
        _world.Reconcile();
        _world.Advance(3);
        _world.Agent.Restart(_world.Now);
        _world.Sent.Clear();

        _world.Settle();

        var warning = Assert.Single(_world.Events);
        Assert.Equal((poison.Metadata.Uid, nameof(FailureReason.BaseDied)), (warning.Module?.Metadata.Uid, warning.Reason));
        // A suspect comes after all others.
        Assert.Equal(["b-other", "a-poison"], _world.Sent.Select(command => command.Name));
        Assert.True(_world.Find(other)!.IsAvailable && _world.Find(poison)!.IsAvailable);
        Assert.Equal(nameof(FailureReason.BaseDied), _world.Status(poison).LastError!.Reason);

        // It has lived for a minute: no suspect any more.
        _world.SettleWithin(61);
        Assert.Null(_world.Status(poison).LastError);
    }

    [Fact]
    public void BaseDied_is_known_from_the_agent_by_a_controller_that_was_not_there()
    {
        var poison = _world.Add("poison");
        _world.Reconcile();
        _world.Agent.Forget();
        _world.Memory = BasePodMemory.Empty;
        _world.Agent.Restart(_world.Now.AddSeconds(3));
        _world.Advance(20);
        _world.Agent.Connect();
        _world.Reconcile();
        Assert.Equal((nameof(FailureReason.BaseDied), "1"), (_world.Status(poison).LastError!.Reason, _world.Status(poison).LastError!.Code));

        // Said again in every snapshot of the life, and counted once.
        _world.Settle();
        _world.SettleWithin(10);
        Assert.Equal("1", _world.Status(poison).LastError!.Code);
        Assert.Single(_world.Events);
    }

    [Fact]
    public void BaseDied_is_also_an_install_that_was_answered_by_silence_before_the_new_life_was_seen()
    {
        var poison = _world.Add("poison");
        _world.Reconcile();
        _world.Advance(3);
        _world.Agent.Finish(_world.Now, FailureReason.ArkletUnreachable, "nothing listens");
        _world.Reconcile();
        Assert.Equal(nameof(FailureReason.ArkletUnreachable), _world.Status(poison).LastError!.Reason);

        _world.Agent.State = BaseState.Down;
        _world.Reconcile();
        _world.Advance(3);
        _world.Agent.Restart(_world.Now);
        _world.Settle();
        Assert.Equal((nameof(FailureReason.BaseDied), "1"), (_world.Status(poison).LastError!.Reason, _world.Status(poison).LastError!.Code));
    }

    [Fact]
    public void BaseDied_twice_is_final()
    {
        var poison = _world.Add("poison");
        _world.Settle();
        for (var death = 1; death <= 2; death++)
        {
            _world.Advance(20);
            _world.Agent.Restart(_world.Now);
            _world.Settle();
        }

        _world.SettleWithin(3600);
        Assert.Equal(2, _world.Sent.Count);
        Assert.Equal((ModulePhase.Failed, "2"), (_world.Status(poison).Status, _world.Status(poison).LastError!.Code));
        Assert.Equal(2, _world.Events.Count(item => item.Reason == nameof(FailureReason.BaseDied)));
    }

    [Fact]
    public void BaseDied_does_not_blame_what_lived_for_a_minute_here_or_elsewhere()
    {
        var (old, young) = (_world.Add("old"), _world.Add("young"));
        _world.Lived.Add("young:1.0.0");
        _world.Agent.Biz.Add(new("old", "1.0.0", BizState.Activated) { ModuleUid = old.Metadata.Uid, InstalledAt = _world.Now.AddMinutes(-2) });
        _world.Settle();
        _world.Advance(10);
        _world.Agent.Restart(_world.Now);

        _world.Settle();

        Assert.Empty(_world.Events);
        Assert.All([old, young], module => Assert.True(_world.Find(module)!.IsAvailable));
    }

    [Fact]
    public void BaseDied_blames_all_that_were_new_and_then_finds_the_one()
    {
        var (good, poison) = (_world.Add("a-good"), _world.Add("b-poison"));
        _world.Settle();
        Die();
        // It may have been either, or somebody's hand: it counts for neither, and both are back at once.
        Assert.Equal(["0+", "0+"], new[] { good, poison }.Select(module => _world.Status(module).LastError!.Code));
        Assert.Equal(["a-good", "b-poison"], _world.Sent.Select(command => command.Name));

        Die();
        Assert.Equal(["0++", "0++"], new[] { good, poison }.Select(module => _world.Status(module).LastError!.Code));
        Assert.Equal(["a-good"], _world.Sent.Select(command => command.Name));

        _world.SettleWithin(62);
        Assert.Equal(["a-good", "b-poison"], _world.Sent.Select(command => command.Name));
        Assert.Null(_world.Status(good).LastError);

        Die();
        Assert.Equal("1", _world.Status(poison).LastError!.Code);
        Die();
        Assert.Equal((ModulePhase.Failed, "2"), (_world.Status(poison).Status, _world.Status(poison).LastError!.Code));
        Assert.True(_world.Find(good)!.IsAvailable);

        void Die()
        {
            _world.Advance(10);
            _world.Agent.Restart(_world.Now);
            _world.Sent.Clear();
            _world.Settle();
        }
    }

    [Fact]
    public void BaseDied_during_an_install_is_pinned_on_it_only_where_nothing_else_was_new()
    {
        var (other, late) = (_world.Add("a-other"), _world.Add("b-late"));
        foreach (var code in (string[])["0+", "0++"])
        {
            DieDuringTheSecond();
            // The other one is seconds old: it may be what ends a base a little after its start.
            Assert.Equal([code, code], new[] { other, late }.Select(module => _world.Status(module).LastError!.Code));
        }

        _world.Settle();
        _world.Advance(61);
        for (var death = 1; death <= 2; death++)
        {
            DieDuringTheSecond();
            Assert.Equal(death.ToString(System.Globalization.CultureInfo.InvariantCulture), _world.Status(late).LastError!.Code);
        }

        _world.SettleWithin(3600);
        Assert.Equal((ModulePhase.Failed, "2"), (_world.Status(late).Status, _world.Status(late).LastError!.Code));
        Assert.True(_world.Find(other)!.IsAvailable);

        void DieDuringTheSecond()
        {
            for (var round = 0; round < 10 && _world.Agent.Running?.Name != "b-late"; round++)
            {
                _world.Agent.Finish(_world.Now);
                _world.Reconcile();
            }

            Assert.Equal("b-late", _world.Agent.Running?.Name);
            _world.Agent.Restart(_world.Now);
            _world.Reconcile();
        }
    }

    [Fact]
    public void BaseDied_is_shared_also_with_one_whose_status_was_written_before_a_write_failed()
    {
        var (written, unwritten) = (_world.Add("a-written"), _world.Add("b-unwritten"));
        _world.Settle();
        _world.Advance(10);
        _world.Agent.Restart(_world.Now);
        var before = _world.Modules[unwritten.Metadata.Uid!];
        _world.Reconcile();
        _world.Modules[unwritten.Metadata.Uid!] = before;
        _world.Memory = BasePodMemory.Empty;
        _world.Reconcile();
        Assert.Equal(["0+", "0+"], new[] { written, unwritten }.Select(module => _world.Status(module).LastError!.Code));
    }

    [Fact]
    public void A_paused_JVM_gets_nothing_new_for_ten_seconds_after_it_answers_again()
    {
        var orders = Fail(FailureReason.ArkletUnreachable);
        _world.Settle(finish: false);
        _world.Agent.State = BaseState.Hung;
        _world.Advance(30);
        _world.Settle(finish: false);
        (_world.Agent.State, _world.Agent.AnsweringSince) = (BaseState.Up, _world.Now);

        _world.SettleWithin(9.9);
        Assert.Single(_world.Sent);
        _world.SettleWithin(0.2);
        Assert.Equal(2, _world.Sent.Count);
        Assert.True(_world.Find(orders)!.IsAvailable);
    }

    private Module Fail(FailureReason reason)
    {
        var orders = _world.Add("orders");
        _world.Reconcile();
        _world.Agent.Finish(_world.Now, reason);
        return orders;
    }
}
