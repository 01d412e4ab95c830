using Google.Protobuf.WellKnownTypes;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Tests.Commands;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.Hooks;

public sealed class HookTests : IAsyncLifetime
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
    public async Task Hooks_are_called_around_install_and_uninstall_and_are_told_what_happens()
    {
        var seen = new List<string>();
        _hooks.Called = request => seen.Add(
            $"{request.Event} {(_bench.Journal.State.Owner("orders", "1.0.0") is null ? "" : "ours ")}after {Arklet.Calls.Count} calls");
        var install = InstallOf("orders");
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(install)).Outcome);
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(UninstallOf("orders"))).Outcome);

        Assert.Equal(["preInstall after 0 calls", "postInstall after 1 calls", "preUninstall ours after 1 calls", "postUninstall ours after 2 calls"], seen);
        var first = _hooks.Requests[0];
        Assert.Equal(("POST", "/hook/preInstall?of=orders"), (first.Method, first.Path));
        Assert.Equal(
            ["orders", "1.0.0", Uid("orders", "1.0.0"), "shop", "base-1", "uid-1", _bench.Life, install.Id, "1"],
            new[] { "module.name", "module.version", "module.uid", "pod.namespace", "pod.name", "pod.uid", "baseLife", "command", "try" }.Select(first.Text));
    }

    [Fact]
    public async Task A_preInstall_hook_that_fails_ends_the_install_before_Arklet_is_called()
    {
        _hooks.Answer = _ => 503;
        var result = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.HookFailed, "PRE_INSTALL"), (result.Outcome, result.Reason, result.Code));
        Assert.Contains($"preInstall hook http://127.0.0.1:{_hooks.Port}/hook/preInstall answered 503 Said: no, not now", result.Message, StringComparison.Ordinal);
        Assert.Empty(Arklet.Calls);

        _hooks.Answer = _ => 200;
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("orders", attempt: 2))).Outcome);
    }

    [Fact]
    public async Task A_postInstall_hook_that_fails_leaves_nothing_behind_and_the_next_attempt_starts_clean()
    {
        _hooks.Answer = request => request.Event == "postInstall" ? 500 : 200;
        var failed = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.HookFailed, "POST_INSTALL"), (failed.Outcome, failed.Reason, failed.Code));
        Assert.Empty(_bench.Journal.State.Intents);
        Assert.Null(_bench.Journal.State.Owner("orders", "1.0.0"));

        _hooks.Answer = _ => 200;
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("orders", attempt: 2))).Outcome);
        Assert.Equal(["install orders:1.0.0", "uninstall orders:1.0.0", "install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_new_version_that_its_postInstall_hook_refuses_is_never_switched_to()
    {
        _hooks.Answer = request => request.Event == "postInstall" ? 500 : 200;
        Arklet.OnInstall = (name, version, _) =>
        {
            Arklet.List(name, version, ArkletBizState.Deactivated);
            return Task.FromResult(FakeArklet.Success);
        };
        Assert.Equal(Reason.HookFailed, (await _bench.RunAsync(InstallOf("orders"))).Reason);
        Assert.Equal(["install orders:1.0.0", "uninstall orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task What_can_not_be_uninstalled_after_its_hook_failed_is_stuck_and_left_alone()
    {
        _hooks.Answer = request => request.Event == "postInstall" ? 500 : 200;
        Arklet.OnUninstall = (_, _, _) => Task.FromResult(new ArkletResult(ArkletOutcome.InternalError, "CMD_PROCESS_INTERNAL_ERROR", "Internal Error", "java.lang.Error: no"));
        var result = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal(Reason.HookFailed, result.Reason);
        Assert.Contains("could not be uninstalled again", result.Message, StringComparison.Ordinal);
        Assert.True(_bench.Journal.State.IsStuck("orders", "1.0.0"));

        await _bench.LookAsync();
        await _bench.LookAsync();
        Assert.Empty(_bench.Runner.Running);
        Assert.Equal(["install orders:1.0.0", "uninstall orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_preUninstall_hook_that_fails_keeps_the_module_and_the_next_attempt_may_take_it()
    {
        await _bench.RunAsync(InstallOf("orders"));
        _hooks.Answer = _ => 409;
        var failed = await _bench.RunAsync(UninstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.HookFailed, "PRE_UNINSTALL"), (failed.Outcome, failed.Reason, failed.Code));
        Assert.NotNull(_bench.Journal.State.Owner("orders", "1.0.0"));
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);

        _hooks.Answer = _ => 200;
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(UninstallOf("orders", attempt: 2))).Outcome);
    }

    [Fact]
    public async Task A_postUninstall_hook_that_fails_is_told_and_the_module_is_gone()
    {
        await _bench.RunAsync(InstallOf("orders"));
        _hooks.Answer = request => request.Event == "postUninstall" ? 500 : 200;
        var failed = await _bench.RunAsync(UninstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.HookFailed, "POST_UNINSTALL"), (failed.Outcome, failed.Reason, failed.Code));
        Assert.Null(_bench.Journal.State.Owner("orders", "1.0.0"));
    }

    [Fact]
    public async Task A_failure_that_is_to_be_ignored_changes_nothing()
    {
        _hooks.Answer = _ => 500;
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("orders", change: hook => hook.IgnoreFailure = true))).Outcome);
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(UninstallOf("orders", change: hook => hook.IgnoreFailure = true))).Outcome);
        Assert.Equal(["preInstall", "postInstall", "preUninstall", "postUninstall"], _hooks.Events);
    }

    [Fact]
    public async Task A_hook_that_hangs_costs_its_own_time_and_other_modules_are_installed_meanwhile()
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
        Assert.Equal((Reason.HookFailed, true), ((await result).Reason, (await result).Message.Contains("did not answer within 10 s", StringComparison.Ordinal)));
        Assert.Equal(["install invoice:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task Nothing_is_begun_for_a_module_while_a_hook_of_its_name_is_being_called()
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
    public async Task Each_try_is_numbered_and_the_last_one_counts()
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
    public async Task Nobody_at_the_port_is_a_failure_that_names_it()
    {
        var install = InstallOf("orders");
        _hooks.Dispose();
        var result = await _bench.RunAsync(install);
        Assert.Equal(Reason.HookFailed, result.Reason);
        Assert.Contains("refused", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_base_that_ends_under_a_hook_is_the_news_and_not_the_hook()
    {
        _hooks.Called = request =>
        {
            if (request.Event == "postInstall") Arklet.BeginLife(TimeSpan.FromSeconds(1));
        };
        _hooks.Answer = request => request.Event == "postInstall" ? 500 : 200;
        var result = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Reason.ArkletUnreachable, "BASE_LIFE_ENDED"), (result.Reason, result.Code));
    }

    [Fact]
    public async Task An_agent_that_died_in_the_postInstall_hook_calls_it_again_and_installs_nothing_twice()
    {
        // Only the first one hangs: the second is called as soon as the agent is back.
        var ownedBefore = new List<bool>();
        _hooks.Called = _ => ownedBefore.Add(_bench.Journal.State.Owner("orders", "1.0.0") is not null);
        _hooks.Answer = request => request.Event == "postInstall" && ownedBefore.Count == 2 ? null : 200;
        var install = InstallOf("orders");
        _bench.Runner.Submit(install);
        await Eventually.True(() => ownedBefore.Count == 2);
        await _bench.RestartAsync();

        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(install)).Outcome);
        Assert.Equal([false, false, false], ownedBefore);
        Assert.Equal(["preInstall", "postInstall", "postInstall"], _hooks.Events);
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_late_success_is_installed_only_after_its_postInstall_hook()
    {
        Arklet.OnInstall = async (name, version, cancellation) =>
        {
            Arklet.List(name, version, ArkletBizState.Resolved);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            return FakeArklet.Unknown;
        };
        Assert.Equal(Reason.InstallTimedOut, (await _bench.RunAsync(InstallOf("orders", seconds: 4))).Reason);
        Assert.Equal(["preInstall"], _hooks.Events);

        var owned = false;
        _hooks.Called = _ => owned = _bench.Journal.State.Owner("orders", "1.0.0") is not null;
        Arklet.List("orders", "1.0.0");
        await Eventually.True(() => _bench.Journal.State.Owner("orders", "1.0.0") is not null);
        Assert.Equal((false, 2), (owned, _hooks.Requests.Count));
    }

    [Fact]
    public async Task A_hook_that_ends_after_the_time_of_its_install_still_decides()
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
    public async Task Hooks_that_hang_leave_room_for_commands_without_any_and_one_too_many_is_refused_and_may_come_again()
    {
        _hooks.Answer = _ => null;
        for (var number = 0; number < Limits.HookedCommands; number++) _bench.Runner.Submit(Hanging($"hanging{number}"));
        await Eventually.True(() => _hooks.Requests.Count == Limits.HookedCommands);
        Assert.All(_bench.Runner.Running, running => Assert.Equal(CommandPhase.Hook, running.Phase));
        var refused = await _bench.RunAsync(Hanging("late"));
        Assert.Equal((Outcome.Refused, "TOO_MANY_HOOKS"), (refused.Outcome, refused.Code));
        Assert.Equal(Limits.HookedCommands, _hooks.Requests.Count);

        for (var number = 0; number < Limits.RunningCommands; number++)
            Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(Install(_bench.Life, $"passing{number}", "1.0.0", _bench.Jar($"passing{number}", "1.0.0")))).Outcome);
        _hooks.Answer = _ => 200;
        _hooks.HangUp();
        await Eventually.True(() => _bench.Runner.Running.Count == 0);
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(Hanging("late"))).Outcome);

        Command Hanging(string name) => InstallOf(name, change: hook => (hook.Timeout, hook.Retries) = (Duration.FromTimeSpan(TimeSpan.FromMinutes(30)), 1));
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
        var hook = new Hook { Port = (uint)_hooks.Port, Path = $"/hook/{@event}?of={name}", Timeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(60)) };
        change?.Invoke(hook);
        return hook;
    }
}
