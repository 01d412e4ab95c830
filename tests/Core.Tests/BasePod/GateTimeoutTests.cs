using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using static ModuleController.Core.Tests.BasePod.GatedPod;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Whether a readiness gate opens without a required module that does not come up.</summary>
public sealed class GateTimeoutTests
{
    [Fact]
    public void After_the_timeout_it_opens_without_what_cannot_be_fetched_and_warns()
    {
        var world = With("catalog", "orders");
        world.Add("catalog");
        world.Settle();
        world.Add("orders");
        Unreachable(world, GateTimeout - TimeSpan.FromSeconds(10));
        Assert.False(world.IsGateOpen);
        Assert.DoesNotContain(world.Events, item => item.Reason == ModulesGate.OpenedAfterTimeout);

        Unreachable(world, TimeSpan.FromSeconds(60));

        var (status, reason, message) = GateCondition(world);
        Assert.Equal((Condition.True, ModulesGate.OpenedAfterTimeout), (status, reason));
        Assert.StartsWith("opened after 600 s without 1 of 2 required modules: orders 1.0.0 (ArtifactUnreachable: ", message,
            StringComparison.Ordinal);
        var warning = Assert.Single(world.Events, item => item.Reason == ModulesGate.OpenedAfterTimeout);
        Assert.Null(warning.Module);
        Assert.Contains("orders 1.0.0", warning.Message, StringComparison.Ordinal);

        // When it can be fetched again, the condition says so; it was open all the while.
        world.SettleWithin(600);
        Assert.Equal((Condition.True, ModulesGate.ModulesInstalled, "all 2 required modules are installed; base life life-1"),
            GateCondition(world));
    }

    [Theory]
    [InlineData(FailureReason.BizStartFailed)]
    [InlineData(FailureReason.ArtifactNotFound)]
    [InlineData(FailureReason.ArtifactDenied)]
    [InlineData(FailureReason.DigestMismatch)]
    [InlineData(FailureReason.MetaspaceFull)]
    public void It_stays_closed_where_this_base_or_the_artifact_is_to_blame(FailureReason failure)
    {
        var world = With("orders");
        world.Add("orders");
        world.Reconcile();
        world.Agent.Finish(world.Now, failure);

        world.SettleWithin(3600, finish: false);

        Assert.Equal((Condition.False, ModulesGate.ModulesFailed), (GateCondition(world).Status, GateCondition(world).Reason));
        Assert.Contains($"orders 1.0.0 ({failure}: ", GateCondition(world).Message, StringComparison.Ordinal);
        Assert.Equal(1, world.GateWrites);
    }

    [Fact]
    public void It_stays_closed_however_often_a_proven_revision_is_tried_again()
    {
        var world = With("orders");
        world.Served.Add("orders");
        var module = world.Add("orders");

        Failing(world, TimeSpan.FromHours(1), FailureReason.BizStartFailed);

        Assert.InRange(world.Status(module).Attempts!.Value, 10, 100);
        Assert.Equal((Condition.False, ModulesGate.ModulesFailed), (GateCondition(world).Status, GateCondition(world).Reason));
    }

    [Fact]
    public void After_the_timeout_it_opens_where_the_revision_fails_on_older_pods_too()
    {
        var world = With("orders");
        world.Add("orders");
        world.Reconcile();
        world.Agent.Finish(world.Now, FailureReason.BizStartFailed, "no ledger");
        world.SettleWithin(3600, finish: false);
        Assert.False(world.IsGateOpen);

        world.FailingOnOlderPods.Add("orders");
        world.Settle(finish: false);

        Assert.Equal((Condition.True, ModulesGate.OpenedAfterTimeout), (GateCondition(world).Status, GateCondition(world).Reason));
        Assert.Single(world.Events, item => item.Reason == ModulesGate.OpenedAfterTimeout);
    }

    [Fact]
    public void After_the_timeout_it_opens_without_a_revision_that_was_given_up_everywhere()
    {
        var world = new World { Gate = new([World.Required("orders") with { FailsOnOlderPods = true }], GateTimeout) };
        world.SettleWithin(GateTimeout.TotalSeconds - 10);
        Assert.Equal("waiting for 1 of 1 required modules: orders 1.0.0 (no Module on this pod, and it fails on older ones)",
            GateCondition(world).Message);

        world.SettleWithin(60);

        Assert.Equal((Condition.True, ModulesGate.OpenedAfterTimeout), (GateCondition(world).Status, GateCondition(world).Reason));
    }

    [Fact]
    public void One_that_may_not_be_missing_keeps_it_closed_for_all()
    {
        var world = With("catalog", "orders");
        world.FailingOnOlderPods.Add("orders");
        world.Add("catalog");
        world.Add("orders");
        for (var attempt = 0; attempt < 2; attempt++)
        {
            world.Reconcile();
            world.Agent.Finish(world.Now, FailureReason.BizStartFailed);
        }

        world.SettleWithin(3600, finish: false);

        Assert.False(world.IsGateOpen);
        Assert.StartsWith("waiting for 2 of 2", GateCondition(world).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_of_an_earlier_life_is_no_excuse_in_this_one()
    {
        var world = With("orders");
        world.Add("orders");
        Unreachable(world, GateTimeout - TimeSpan.FromSeconds(30));
        world.Agent.Restart(world.Now);

        Unreachable(world, TimeSpan.FromSeconds(120));
        Assert.False(world.IsGateOpen);                                  // this life has waited for two minutes only
        Unreachable(world, GateTimeout);

        Assert.True(world.IsGateOpen);
    }

    private static void Unreachable(World world, TimeSpan duration) => Failing(world, duration, FailureReason.ArtifactUnreachable);

    /// <summary>For so long, each attempt ends like this.</summary>
    private static void Failing(World world, TimeSpan duration, FailureReason failure)
    {
        var end = world.Now + duration;
        while (world.Now < end)
        {
            world.Settle(finish: false);
            if (world.Agent.Running is not null) world.Agent.Finish(world.Now, failure);
            else world.Advance(5);
        }

        world.Settle(finish: false);
    }
}
