using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Attempts that a new stream, or a new controller, hears of from the agent's journal.</summary>
public sealed class AttemptTests
{
    private readonly World _world = new();

    public AttemptTests() => _world["orders"] = new() { Hooks = new() { PreUninstall = new() { Port = 5, Path = "/before" } } };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void After_a_reconnect_the_next_attempt_has_a_number_that_was_never_used(bool isNewController)
    {
        Refuse(attempts: 4);
        Reconnect(isNewController);
        _world.SettleWithin(60, finish: false);
        Assert.Equal(Enumerable.Range(1, 5), Uninstalls().Select(command => command.Attempt));

        _world.Agent.Finish(_world.Now);
        _world.SettleWithin(5);
        Assert.Equal("orders:2.0.0", Assert.Single(_world.Agent.Biz) is { } biz ? $"{biz.Name}:{biz.Version}" : "");
    }

    [Fact]
    public void The_pauses_go_on_growing_over_streams_and_count_from_the_answer()
    {
        Refuse(attempts: 5);
        var answered = _world.Now;
        for (var tick = 1; tick <= 200 && Uninstalls().Count == 5; tick++)
        {
            _world.Advance(0.25);
            if (tick % 12 == 0) Reconnect(isNewController: tick % 24 == 0);
            _world.Settle(finish: false);
        }

        Assert.Equal(6, Uninstalls()[^1].Attempt);
        Assert.InRange(_world.Now - answered, TimeSpan.FromSeconds(16 * 0.8), TimeSpan.FromSeconds(16.25));
    }

    [Fact]
    public void An_answer_that_was_lost_leads_to_no_second_execution_where_the_base_shows_that_it_was_done()
    {
        var old = Upgrade();
        _world.Settle(finish: false);
        _world.Agent.Disconnect(_world.Now);
        _world.Agent.Finish(_world.Now);
        _world.Agent.Connect();
        _world.SettleWithin(60);
        Assert.Single(Uninstalls());
        Assert.Null(_world.Find(old));
    }

    [Fact]
    public void A_failure_whose_answer_was_lost_uses_its_number_up_all_the_same()
    {
        Upgrade();
        _world.Settle(finish: false);
        _world.Agent.Disconnect(_world.Now);
        _world.Agent.Finish(_world.Now, FailureReason.HookFailed);
        _world.Agent.Connect();
        _world.SettleWithin(5, finish: false);
        Assert.Equal([1, 2], Uninstalls().Select(command => command.Attempt));
    }

    [Fact]
    public void Attempts_of_another_base_life_count_for_nothing()
    {
        Refuse(attempts: 3);
        var stale = _world.State().View!.Attempts;
        Assert.NotEmpty(stale);
        _world.Agent.Restart(_world.Now);
        _world.Agent.Biz.Add(new("orders", "1.0.0", BizState.Activated) { ModuleUid = Uninstalls()[0].ModuleUid });
        var state = _world.State();
        var plan = BasePodPlanner.Plan(state with { View = state.View! with { Attempts = stale } }, _world.Now.AddMinutes(10));
        Assert.Equal(1, Assert.IsType<ModuleCommand.Uninstall>(plan.Command).Attempt);
    }

    private List<ModuleCommand.Uninstall> Uninstalls() => [.. _world.Sent.OfType<ModuleCommand.Uninstall>()];

    private Module Upgrade()
    {
        var old = _world.Add("orders");
        _world.Settle();
        _world.Add("orders", "2.0.0", replaces: old);
        _world.Delete(old);
        return old;
    }

    private void Refuse(int attempts)
    {
        Upgrade();
        for (var attempt = 1; attempt <= attempts; attempt++)
        {
            while (_world.Agent.Running is null)
            {
                _world.Settle(finish: false);
                if (_world.Agent.Running is null) _world.Advance(0.25);
            }

            _world.Agent.Finish(_world.Now, FailureReason.HookFailed, "preUninstall hook answered 409");
        }

        _world.Settle(finish: false);
    }

    private void Reconnect(bool isNewController)
    {
        _world.Agent.Disconnect(_world.Now);
        if (isNewController)
        {
            _world.Agent.Forget();
            _world.Memory = BasePodMemory.Empty;
        }

        _world.Agent.Connect();
    }
}
