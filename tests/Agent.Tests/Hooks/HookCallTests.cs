using Google.Protobuf.WellKnownTypes;
using ModuleController.Agent.Tests.Commands;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.Hooks;

/// <summary>The calls themselves: timeouts, tries, and what runs beside them.</summary>
public sealed class HookCallTests : IAsyncLifetime
{
    private readonly HookServer _hooks = new();
    private RunnerBench _bench = null!;

    private FakeArklet Arklet => _bench.Arklet;

    public async ValueTask InitializeAsync() => _bench = await RunnerBench.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _bench.DisposeAsync();
        _hooks.Dispose();
    }

    [Fact]
    public async Task Tries_are_numbered_and_the_last_one_counts()
    {
        _hooks.Answer = request => request.Text("try") == "3" ? 200 : 500;
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("orders", change: hook => hook.Retries = 2))).Outcome);
        Assert.Equal(["1", "2", "3", "1", "2", "3"], _hooks.Requests.Select(request => request.Text("try")));
    }

    [Fact]
    public async Task A_redirect_is_not_followed_and_counts_as_a_failure()
    {
        _hooks.Answer = _ => 302;
        var result = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal(Reason.HookFailed, result.Reason);
        Assert.Equal(["/hook/preInstall?of=orders"], _hooks.Requests.Select(request => request.Path));
    }

    [Fact]
    public async Task A_refused_connection_is_a_failure_that_names_the_port()
    {
        var install = InstallOf("orders");
        _hooks.Dispose();
        var result = await _bench.RunAsync(install);
        Assert.Equal(Reason.HookFailed, result.Reason);
        Assert.Contains("refused", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_modules_are_installed_while_a_hook_hangs()
    {
        _hooks.Answer = request => request.Text("module.name") == "orders" ? null : 200;
        var hanging = InstallOf("orders", seconds: 4, change: hook => hook.Timeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(10)));
        var result = _bench.Expect(hanging.Id);
        _bench.Runner.Submit(hanging);
        await Eventually.True(() => _hooks.Requests.Count == 1);
        Assert.Equal(CommandPhase.Hook, Assert.Single(_bench.Runner.Running).Phase);

        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("invoice"))).Outcome);
        Assert.False(result.IsCompleted);
        // Its own time-out, not the command's: that clock stands still meanwhile.
        Assert.Equal((Reason.HookFailed, true),
            ((await result).Reason, (await result).Message.Contains("did not answer within 10 s", StringComparison.Ordinal)));
        Assert.Equal(["install invoice:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task No_command_starts_for_a_module_while_a_hook_of_its_name_is_called()
    {
        var release = new TaskCompletionSource();
        _hooks.Called = request => release.Task.Wait();
        var install = InstallOf("orders");
        var (first, second) = (_bench.Expect(install.Id), Uninstall(_bench.Life, "orders", "1.0.0"));
        _bench.Runner.Submit(install);
        await Eventually.True(() => _hooks.Requests.Count == 1);
        var removed = _bench.Expect(second.Id);
        _bench.Runner.Submit(second);
        release.SetResult();
        Assert.Equal(Outcome.Succeeded, (await first).Outcome);
        Assert.Equal((Outcome.Succeeded, "SUCCESS"), ((await removed).Outcome, (await removed).Code));
    }

    [Fact]
    public async Task A_hook_that_ends_after_the_deadline_of_its_install_still_decides()
    {
        Arklet.OnInstall = async (name, version, cancellation) =>
        {
            Arklet.List(name, version);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            return FakeArklet.Unknown;
        };
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("orders", seconds: 4))).Outcome);
        Assert.Equal(["preInstall", "postInstall"], _hooks.Events);

        _hooks.Answer = request => request.Event == "postInstall" ? 500 : 200;
        Assert.Equal((Reason.HookFailed, "POST_INSTALL"), await InstallInvoiceAsync());
        Assert.DoesNotContain(Arklet.Listed, biz => biz.Name == "invoice");

        async Task<(Reason, string)> InstallInvoiceAsync()
        {
            var result = await _bench.RunAsync(InstallOf("invoice", seconds: 4));
            return (result.Reason, result.Code);
        }
    }

    [Fact]
    public async Task Hanging_hooks_leave_room_for_commands_without_hooks_and_commands_over_the_limit_are_refused()
    {
        _hooks.Answer = _ => null;
        for (var number = 0; number < Limits.HookedCommands; number++) _bench.Runner.Submit(Hanging($"hanging{number}"));
        await Eventually.True(() => _hooks.Requests.Count == Limits.HookedCommands);
        Assert.All(_bench.Runner.Running, running => Assert.Equal(CommandPhase.Hook, running.Phase));
        var refused = await _bench.RunAsync(Hanging("late"));
        Assert.Equal((Outcome.Refused, "TOO_MANY_HOOKS"), (refused.Outcome, refused.Code));
        Assert.Equal(Limits.HookedCommands, _hooks.Requests.Count);

        for (var number = 0; number < Limits.RunningCommands; number++)
            Assert.Equal(Outcome.Succeeded,
                (await _bench.RunAsync(
                Install(_bench.Life, $"passing{number}", "1.0.0", _bench.Jar($"passing{number}", "1.0.0")))).Outcome);
        _hooks.Answer = _ => 200;
        _hooks.HangUp();
        await Eventually.True(() => _bench.Runner.Running.Count == 0);
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(Hanging("late"))).Outcome);

        Command Hanging(string name) =>
            InstallOf(name, change: hook => (hook.Timeout, hook.Retries) = (Duration.FromTimeSpan(TimeSpan.FromMinutes(30)), 1));
    }

    [Fact]
    public async Task An_ignored_failure_changes_nothing()
    {
        _hooks.Answer = _ => 500;
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("orders", change: hook => hook.IgnoreFailure = true))).Outcome);
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(UninstallOf("orders", change: hook => hook.IgnoreFailure = true))).Outcome);
        Assert.Equal(["preInstall", "postInstall", "preUninstall", "postUninstall"], _hooks.Events);
    }

    private Command InstallOf(string name, int attempt = 1, double seconds = 60, Action<Hook>? change = null)
    {
        var command = Install(_bench.Life, name, "1.0.0", _bench.Jar(name, "1.0.0"), attempt, seconds);
        command.Install.PreInstall = NewHook("preInstall", name, change);
        command.Install.PostInstall = NewHook("postInstall", name, change);
        return command;
    }

    private Command UninstallOf(string name, int attempt = 1, Action<Hook>? change = null)
    {
        var command = Uninstall(_bench.Life, name, "1.0.0", attempt);
        command.Uninstall.PreUninstall = NewHook("preUninstall", name, change);
        command.Uninstall.PostUninstall = NewHook("postUninstall", name, change);
        return command;
    }

    private Hook NewHook(string @event, string name, Action<Hook>? change)
    {
        var hook = new Hook
        {
            Port = (uint)_hooks.Port,
            Path = $"/hook/{@event}?of={name}",
            Timeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(60))
        };
        change?.Invoke(hook);
        return hook;
    }
}
