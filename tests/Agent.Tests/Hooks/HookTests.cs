using Google.Protobuf.WellKnownTypes;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Tests.Commands;
using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.Hooks;

/// <summary>What the result of a hook does to its command.</summary>
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
    public async Task Hooks_are_called_around_install_and_uninstall_with_the_event_in_the_body()
    {
        var seen = new List<string>();
        _hooks.Called = request => seen.Add(
            $"{request.Event} {(_bench.Journal.State.Owner("orders", "1.0.0") is null ? "" : "ours ")}after {Arklet.Calls.Count} calls");
        var install = InstallOf("orders");
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(install)).Outcome);
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(UninstallOf("orders"))).Outcome);

        Assert.Equal(
            ["preInstall after 0 calls", "postInstall after 1 calls", "preUninstall ours after 1 calls",
            "postUninstall ours after 2 calls"], seen);
        var first = _hooks.Requests[0];
        Assert.Equal(("POST", "/hook/preInstall?of=orders"), (first.Method, first.Path));
        Assert.Equal(
            ["orders", "1.0.0", Uid("orders", "1.0.0"), "shop", "base-1", "uid-1", _bench.Life, install.Id, "1"],
            new[] { "module.name", "module.version", "module.uid", "pod.namespace", "pod.name", "pod.uid", "baseLife", "command", "try" }
                .Select(first.Text));
    }

    [Fact]
    public async Task A_failed_preInstall_hook_ends_the_install_before_Arklet_is_called()
    {
        _hooks.Answer = _ => 503;
        var result = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.HookFailed, "PRE_INSTALL"), (result.Outcome, result.Reason, result.Code));
        Assert.Contains($"preInstall hook http://127.0.0.1:{_hooks.Port}/hook/preInstall answered 503 Said: no, not now", result.Message,
            StringComparison.Ordinal);
        Assert.Empty(Arklet.Calls);

        _hooks.Answer = _ => 200;
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("orders", attempt: 2))).Outcome);
    }

    [Fact]
    public async Task A_failed_postInstall_hook_uninstalls_the_module_and_the_next_attempt_starts_without_it()
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
    public async Task A_new_version_whose_postInstall_hook_fails_does_not_become_active()
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
    public async Task A_module_that_can_not_be_uninstalled_after_a_failed_hook_is_stuck()
    {
        _hooks.Answer = request => request.Event == "postInstall" ? 500 : 200;
        Arklet.OnUninstall = (_, _, _) =>
            Task.FromResult(
            new ArkletResult(ArkletOutcome.InternalError, "CMD_PROCESS_INTERNAL_ERROR", "Internal Error", "java.lang.Error: no"));
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
    public async Task A_failed_preUninstall_hook_keeps_the_module_for_the_next_attempt()
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
    public async Task A_failed_postUninstall_hook_is_reported_and_the_module_is_removed()
    {
        await _bench.RunAsync(InstallOf("orders"));
        _hooks.Answer = request => request.Event == "postUninstall" ? 500 : 200;
        var failed = await _bench.RunAsync(UninstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.HookFailed, "POST_UNINSTALL"), (failed.Outcome, failed.Reason, failed.Code));
        Assert.Null(_bench.Journal.State.Owner("orders", "1.0.0"));
    }

    [Fact]
    public async Task A_JVM_exit_during_a_hook_is_reported_instead_of_the_hook()
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
    public async Task After_a_crash_in_the_postInstall_hook_it_is_called_again_and_nothing_is_installed_twice()
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
