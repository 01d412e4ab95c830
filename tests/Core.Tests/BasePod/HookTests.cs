using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.BasePod;

public sealed class HookTests
{
    private static readonly ModuleHooks All = new()
    {
        PreInstall = new() { Port = 1, Path = "/pre" },
        PostInstall = new() { Port = 2, Path = "/post", TimeoutSeconds = 3, Retries = 4, FailurePolicy = ModuleHook.Ignore },
        PreUninstall = new() { Port = 5, Path = "/before" },
        PostUninstall = new() { Port = 6, Path = "/after" },
    };

    private readonly World _world = new();

    public HookTests() => _world["orders"] = new() { Hooks = All };

    [Fact]
    public void An_install_carries_its_hooks_with_every_default_filled_in()
    {
        _world.Add("orders");
        _world.Settle();
        var install = Assert.IsType<ModuleCommand.Install>(Assert.Single(_world.Sent));
        Assert.Equal(new HookCall(1, "/pre", TimeSpan.FromSeconds(10), 0, IgnoreFailure: false), install.Before);
        Assert.Equal(new HookCall(2, "/post", TimeSpan.FromSeconds(3), 4, IgnoreFailure: true), install.After);
    }

    [Fact]
    public void While_a_hook_is_called_other_modules_are_installed_and_none_of_its_name()
    {
        var orders = _world.Add("orders");
        _world.Settle(finish: false);
        _world.Agent.EnterHook();
        Assert.Null(_world.Reconcile().Command);

        _world.Add("invoice");
        _world.Add("orders", "2.0.0");
        _world.Settle(finish: false);
        _world.Agent.Finish(_world.Now);
        _world.SettleWithin(5);
        Assert.Equal(["orders", "invoice"], _world.Sent.Select(command => command.Name));
        Assert.Equal((ModulePhase.Upgrading, "a hook of its install is under way on pod shop/base-1 (attempt 1)"),
            (_world.Status(orders).Status, _world.Status(orders).Message));

        _world.Agent.LeaveHook();
        _world.Settle();
        Assert.Equal(ModulePhase.Available, _world.Status(orders).Status);
    }

    [Fact]
    public void A_Module_that_is_deleted_while_a_hook_is_called_waits_for_its_end_however_long()
    {
        var orders = _world.Add("orders");
        _world.Settle(finish: false);
        _world.Agent.EnterHook();
        _world.Agent.Biz.Add(new("orders", "1.0.0", BizState.Resolved) { ModuleUid = orders.Metadata.Uid });
        _world.Delete(orders);
        _world.SettleWithin(3000, finish: false);
        Assert.NotNull(_world.Find(orders));

        _world.Agent.LeaveHook();
        _world.Agent.Biz.Clear();
        _world.SettleWithin(60);
        Assert.Null(_world.Find(orders));
        Assert.DoesNotContain(_world.Events, e => e.Reason == "NeedsRestart");
    }

    [Fact]
    public void While_a_hook_of_a_suspect_is_called_nothing_else_is_begun()
    {
        var orders = _world.Add("orders");
        _world.Settle(finish: false);
        _world.Agent.Restart(_world.Now);
        _world.SettleWithin(5, finish: false);
        Assert.Equal(nameof(FailureReason.BaseDied), _world.Status(orders).LastError?.Reason);
        Assert.Equal(2, _world.Sent.Count);
        _world.Agent.EnterHook();
        _world.Add("invoice");
        _world.SettleWithin(5, finish: false);
        Assert.Equal(2, _world.Sent.Count);
    }

    [Fact]
    public void A_suspects_hook_that_takes_longer_than_a_minute_keeps_nobody_waiting_any_more()
    {
        _world.Add("orders");
        _world.Settle(finish: false);
        _world.Agent.Restart(_world.Now);
        _world.SettleWithin(5, finish: false);
        _world.Agent.EnterHook();
        _world.Add("invoice");
        _world.SettleWithin(59, finish: false);
        Assert.DoesNotContain(_world.Sent, command => command.Name == "invoice");
        _world.SettleWithin(2, finish: false);
        Assert.Equal("invoice", _world.Sent[^1].Name);
    }

    [Fact]
    public void Commands_with_hooks_that_hang_are_limited_and_those_without_go_on_beside_them()
    {
        for (var number = 0; number < ModuleCommand.MostInHooks + 2; number++)
        {
            var name = $"hanging{number:00}";
            _world[name] = new() { Hooks = All };
            _world.Add(name);
            _world.Settle(finish: false);
            if (_world.Agent.Running is not null) _world.Agent.EnterHook();
        }

        Assert.Equal(ModuleCommand.MostInHooks, _world.Sent.Count);
        var passing = _world.Add("passing");
        _world.SettleWithin(5);
        Assert.Equal(ModulePhase.Available, _world.Status(passing).Status);
        Assert.Equal(ModuleCommand.MostInHooks + 1, _world.Sent.Count);
        Assert.Equal(2,
            _world.Modules.Values.Count(module =>
            module.Status.Message == "waiting for its turn on pod shop/base-1: 32 commands wait for their hooks there"));

        _world.Agent.LeaveHook();
        _world.Agent.Finish(_world.Now);
        _world.Settle(finish: false);
        Assert.StartsWith("hanging", _world.Agent.Running!.Name, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_deleted_goes_whatever_its_hooks_say()
    {
        var orders = _world.Add("orders");
        _world.Settle();
        _world.Delete(orders);
        _world.Settle();
        var uninstall = Assert.IsType<ModuleCommand.Uninstall>(_world.Sent[^1]);
        Assert.Equal((5, "/before", true), (uninstall.Before!.Port, uninstall.Before.Path, uninstall.Before.IgnoreFailure));
        Assert.Equal((6, "/after", true), (uninstall.After!.Port, uninstall.After.Path, uninstall.After.IgnoreFailure));
    }

    [Fact]
    public void What_is_replaced_stays_until_its_hook_agrees_and_the_attempts_grow_apart()
    {
        var old = _world.Add("orders");
        _world.Settle();
        var next = _world.Add("orders", "2.0.0", replaces: old);
        _world.Delete(old);
        _world.Settle(finish: false);
        var uninstall = Assert.IsType<ModuleCommand.Uninstall>(_world.Sent[^1]);
        Assert.False(uninstall.Before!.IgnoreFailure);
        _world.Agent.Finish(_world.Now, FailureReason.HookFailed, "preUninstall hook answered 409");
        _world.Settle(finish: false);
        Assert.Equal((ModulePhase.Terminating, "HookFailed"), (_world.Status(old).Status, _world.Status(old).LastError?.Reason));
        Assert.Contains(_world.Events, e => e.Module?.Metadata.Uid == old.Metadata.Uid && e.Reason == "HookFailed"
            && e.Message.Contains("409", StringComparison.Ordinal));
        Assert.Equal(2, _world.Sent.Count);

        _world.SettleWithin(2, finish: false);
        Assert.Equal(uninstall with { Attempt = 2 }, _world.Sent[^1]);

        // Nobody waits for the place any more: now it goes in any case.
        _world.Delete(next);
        _world.Agent.Finish(_world.Now, FailureReason.HookFailed);
        _world.SettleWithin(5);
        Assert.True(Assert.IsType<ModuleCommand.Uninstall>(_world.Sent[^1]).Before!.IgnoreFailure);
        Assert.Null(_world.Find(old));
    }

    [Fact]
    public void A_last_hook_that_failed_is_reported_when_the_Module_is_removed()
    {
        var old = _world.Add("orders");
        _world.Settle();
        _world.Add("orders", "2.0.0", replaces: old);
        _world.Delete(old);
        _world.Settle(finish: false);
        _world.Agent.FinishWithFailedHook(_world.Now);
        _world.Settle();
        Assert.Null(_world.Find(old));
        var planned = Assert.Single(_world.Events);
        Assert.Equal("orders:1.0.0 on pod shop/base-1 is uninstalled, but postUninstall hook answered 500", planned.Message);
        Assert.Equal(ModulePhase.Available, Assert.Single(_world.Modules.Values).Status.Status);
    }
}
