using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Which failures are final, and when the others are tried again. NoEligibleBase and ModuleNameConflict are met before a pod is
/// found.</summary>
public sealed class RetriedFailureTests
{
    private readonly World _world = new();

    [Theory]
    [InlineData(FailureReason.InvalidArtifact)]
    [InlineData(FailureReason.DigestMismatch)]
    [InlineData(FailureReason.ArtifactNotFound)]
    [InlineData(FailureReason.ArtifactDenied)]
    [InlineData(FailureReason.BizStartFailed)]
    [InlineData(FailureReason.WebContextPathConflict)]
    [InlineData(FailureReason.HookFailed)]
    public void The_users_failures_are_final_for_this_artifact(FailureReason reason)
    {
        var orders = Fail(reason);

        _world.SettleWithin(3600);

        Assert.Single(_world.Sent);
        var status = _world.Status(orders);
        Assert.Equal((ModulePhase.Failed, 1, reason.ToString(), "FAILED"),
            (status.Status, status.Attempts, status.LastError!.Reason, status.LastError.Code));
        var end = reason == FailureReason.HookFailed
            ? "before its hook is corrected and the annotation koupleless.io/action is set to retry"
            : "with this artifact";
        Assert.Equal($"{reason}: because of {reason}; is not tried again {end}", status.Message);
        var warning = Assert.Single(_world.Events);
        Assert.Equal((orders.Metadata.Uid, reason.ToString()), (warning.Module?.Metadata.Uid, warning.Reason));
        Assert.Equal($"Failed to install orders:1.0.0 on pod shop/base-1 (FAILED): because of {reason}", warning.Message);
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
        Assert.Equal((ModulePhase.Failed, nameof(FailureReason.DigestMismatch)),
            (_world.Status(orders).Status, _world.Status(orders).LastError!.Reason));
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
    [InlineData(FailureReason.Fenced)]   // of an agent that is ahead: it gets no commands until another leader starts
    public void The_environments_failures_are_tried_again_later_and_later(FailureReason reason)
    {
        var orders = Fail(reason);
        _world.Settle(finish: false);
        Assert.Equal((ModulePhase.Pending, 1), (_world.Status(orders).Status, _world.Status(orders).Attempts));
        Assert.StartsWith($"{reason}: because of {reason}; is tried again at 09:01:", _world.Status(orders).Message,
            StringComparison.Ordinal);
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
    public void Every_attempt_that_fails_alike_is_one_series_of_events()
    {
        Fail(FailureReason.DiskFull);
        for (var attempt = 2; attempt <= 4; attempt++)
        {
            while (_world.Agent.Running is null) _world.SettleWithin(1, finish: false);
            _world.Agent.Finish(_world.Now, FailureReason.DiskFull);
            _world.Settle(finish: false);
        }

        Assert.Equal(4, _world.Events.Count);
        Assert.Single(_world.Events.Select(item => (item.Module?.Metadata.Uid, item.Reason, item.Message)).Distinct());
    }

    [Fact]
    public void A_failure_is_in_the_status_before_the_next_attempt_leaves()
    {
        var orders = Fail(FailureReason.ArtifactUnreachable);
        var plan = _world.Reconcile();

        Assert.Null(plan.Command);
        Assert.Equal(1, _world.Status(orders).Attempts);
        Assert.NotNull(plan.RequeueAt);
    }

    [Fact]
    public void A_wait_that_the_store_asks_for_is_kept_also_by_another_controller()
    {
        var orders = Fail(FailureReason.ArtifactUnreachable);
        var id = _world.Sent[0].Id;
        _world.Agent.Answers[id] = _world.Agent.Answers[id] with { RetryAfter = TimeSpan.FromSeconds(90) };
        _world.Settle(finish: false);
        Assert.Equal(90, _world.Status(orders).LastError!.RetryAfterSeconds);
        _world.Agent.Answers.Clear();
        _world.Memory = BasePodMemory.Empty;

        _world.SettleWithin(89, finish: false);
        Assert.Single(_world.Sent);
        _world.SettleWithin(2);
        Assert.True(_world.Find(orders)!.IsAvailable);
        Assert.Null(_world.Status(orders).LastError);
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
