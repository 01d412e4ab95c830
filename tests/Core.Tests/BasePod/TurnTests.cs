using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>What a Module waits for whose turn does not come.</summary>
public sealed class TurnTests
{
    private readonly World _world = new();

    [Fact]
    public void The_command_ahead_is_named_when_it_lasts()
    {
        var (first, second) = (_world.Add("a"), _world.Add("b"));
        var since = _world.Now;
        _world.Settle(finish: false);
        _world.SettleWithin(59, finish: false);
        Assert.Equal("waiting for its turn on pod shop/base-1", _world.Status(second).Message);

        _world.SettleWithin(4, finish: false);
        Assert.Equal(
            $"waiting for its turn on pod shop/base-1: install of a:1.0.0 (Module {first.Metadata.Name}) has been under way since "
                + $"{since:HH:mm:ss} UTC",
            _world.Status(second).Message);

        // The time stays, whatever a new controller remembers.
        var writes = _world.StatusWrites;
        _world.SettleWithin(600, finish: false);
        Assert.Equal(writes, _world.StatusWrites);
    }

    [Fact]
    public void A_hook_of_a_module_of_the_same_name_is_named_when_it_lasts()
    {
        _world["orders"] = new() { Hooks = new() { PreInstall = new() { Path = "/ready", Port = 8080 } }, InstallsFirst = true };
        var first = _world.Add("orders");
        _world.Settle(finish: false);
        var since = _world.Now;
        _world.Agent.EnterHook();
        var second = _world.Add("orders", "2.0.0");

        _world.SettleWithin(70, finish: false);
        Assert.Equal(
            $"waiting for its turn on pod shop/base-1: a hook of install of orders:1.0.0 (Module {first.Metadata.Name}) has been under way "
            + $"since {since:HH:mm:ss} UTC",
            _world.Status(second).Message);
    }

    [Fact]
    public void The_oldest_fetch_is_named_where_two_run()
    {
        _world.Agent.CanFetch = true;
        var old = ((string[])["a", "b", "c"]).Select(name => _world.Add(name)).ToList();
        _world.SettleWithin(10);
        var next = old.ConvertAll(module => _world.Add(module.Spec.Module.Name, "2.0.0", replaces: module));
        var since = _world.Now;

        _world.SettleWithin(70, finish: false);
        Assert.Equal(2, _world.Agent.Fetching.Count);
        Assert.Equal(
            $"waiting for its turn on pod shop/base-1: fetch of a:2.0.0 (Module {next[0].Metadata.Name}) has been under way since "
                + $"{since:HH:mm:ss} UTC",
            _world.Status(next[2]).Message);
    }

    [Fact]
    public void A_module_that_waits_says_that_its_agent_is_silent()
    {
        _world.Add("a");
        var second = _world.Add("b");
        _world.SettleWithin(10, finish: false);
        Assert.Equal("waiting for its turn on pod shop/base-1", _world.Status(second).Message);

        _world.Agent.Disconnect(_world.Now);
        var since = _world.Now;
        _world.SettleWithin(120);
        Assert.Equal($"the agent of pod shop/base-1 has sent no message since {since:HH:mm:ss} UTC", _world.Status(second).Message);
        Assert.Equal(ModulePhase.Prepare, _world.Status(second).Status);
    }

    [Theory]
    [InlineData(true, "the agent of pod shop/base-1 refused the uninstall; it is sent again")]
    [InlineData(false, "waiting for the next attempt to uninstall: the last one failed with Fenced")]
    public void An_uninstall_that_is_not_carried_out_says_why(bool isRefused, string message)
    {
        var orders = _world.Add("orders");
        _world.Settle();
        _world.Delete(orders);
        for (var attempt = 0; attempt < 4; attempt++)
        {
            _world.SettleWithin(2.5, finish: false);
            for (var step = 0; step < 100 && _world.Agent.Running is null; step++)
            {
                _world.Advance(0.5);
                _world.Reconcile();
            }

            if (isRefused) _world.Agent.Refuse(_world.Now, FailureReason.Fenced);
            else _world.Agent.Finish(_world.Now, FailureReason.Fenced);
        }

        _world.SettleWithin(2.5, finish: false);
        Assert.Equal((ModulePhase.Terminating, message), (_world.Status(orders).Status, _world.Status(orders).Message));
    }

    [Fact]
    public void A_suspect_names_the_last_module_that_it_waits_for()
    {
        var (suspect, other, last) = (_world.Add("a"), _world.Add("b"), _world.Add("c"));
        _world.Settle(finish: false);
        Assert.Equal("a", _world.Agent.Running?.Name);
        _world.Advance(1);
        _world.Agent.Restart(_world.Now);
        _world.SettleWithin(5, finish: false);

        Assert.Equal("b", _world.Agent.Running?.Name);
        Assert.Equal(
            $"suspected of having ended the base: waiting for Module {last.Metadata.Name} (c:1.0.0) to be installed",
            _world.Status(suspect).Message);
        Assert.Equal("waiting for its turn on pod shop/base-1", _world.Status(last).Message);
        Assert.Equal(ModulePhase.Upgrading, _world.Status(other).Status);
    }
}
