using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using static ModuleController.Core.Tests.BasePod.GatedPod;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>What the condition of a closed readiness gate says, and how often it is written.</summary>
public sealed class GateMessageTests
{
    [Fact]
    public void What_it_waits_for_is_reported_after_two_seconds()
    {
        var world = With("catalog", "orders", "ledger");
        world.Add("orders");
        world.Reconcile();
        Assert.Null(world.GateCondition);

        world.SettleWithin(1, finish: false);
        Assert.Null(world.GateCondition);
        world.SettleWithin(2, finish: false);

        var (status, reason, message) = GateCondition(world);
        Assert.Equal((Condition.False, ModulesGate.WaitingForModules), (status, reason));
        Assert.StartsWith("waiting for 3 of 3 required modules: catalog 1.0.0 (no Module on this pod yet), orders 1.0.0 (", message,
            StringComparison.Ordinal);
        Assert.Equal(1, world.GateWrites);
    }

    [Fact]
    public void A_failure_is_reported_at_once_and_smaller_news_every_half_minute()
    {
        var world = With("catalog", "orders");
        world.Add("catalog");
        world.Add("orders");
        world.SettleWithin(3, finish: false);
        world.Agent.Finish(world.Now);                                   // one of them serves: no news for an operator yet
        world.Settle(finish: false);
        Assert.Equal(1, world.GateWrites);

        world.Agent.Finish(world.Now, FailureReason.BizStartFailed, "cannot reach the ledger database");
        world.Settle(finish: false);

        var (status, reason, message) = GateCondition(world);
        Assert.Equal((Condition.False, ModulesGate.ModulesFailed), (status, reason));
        Assert.StartsWith("waiting for 1 of 2 required modules: ", message, StringComparison.Ordinal);
        Assert.Contains("1.0.0 (BizStartFailed: cannot reach the ledger database)", message, StringComparison.Ordinal);
        Assert.Equal(2, world.GateWrites);

        world.SettleWithin(3600);
        Assert.Equal(2, world.GateWrites);
    }

    [Fact]
    public void News_that_change_all_the_time_cost_a_write_in_half_a_minute()
    {
        var world = With("orders");
        world["orders"] = new() { InstallTimeout = TimeSpan.FromHours(1) };
        world.Served.Add("orders");
        var module = world.Add("orders");
        world.SettleWithin(3, finish: false);
        for (var number = 0; number < 60; number++)
        {
            world.Agent.Finish(world.Now, FailureReason.BizStartFailed, $"cause {number}");
            world.SettleWithin(5, finish: false);
        }

        Assert.InRange(world.Status(module).Attempts!.Value, 5, 60);
        Assert.InRange(world.GateWrites, 3, 12);                         // in five minutes
    }

    [Fact]
    public void The_message_stays_short_whatever_fails()
    {
        var names = Enumerable.Range(1, 12).Select(number => $"module-{number:00}").ToArray();
        var world = With(names);
        foreach (var name in names) world.Add(name);
        for (var round = 0; round < 12; round++)
        {
            world.Reconcile();
            world.Agent.Finish(world.Now, FailureReason.BizStartFailed, new string('x', 4000));
        }

        world.SettleWithin(60, finish: false);

        var (_, _, message) = GateCondition(world);
        Assert.StartsWith("waiting for 12 of 12 required modules: module-01 1.0.0 (BizStartFailed: xxx", message, StringComparison.Ordinal);
        Assert.EndsWith(" and 7 more", message, StringComparison.Ordinal);
        Assert.InRange(message.Length, 100, 1024);
    }
}
