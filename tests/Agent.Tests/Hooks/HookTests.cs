using ModuleController.Agent.Arklet;
using ModuleController.Agent.Tests.Commands;
using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.Hooks;

/// <summary>What the result of a hook does to its command.</summary>
public sealed class HookTests : HookedCommands
{
    [Fact]
    public async Task Hooks_are_called_around_install_and_uninstall_with_the_event_in_the_body()
    {
        var seen = new List<string>();
        Hooks.Called = request => seen.Add(
            $"{request.Event} {(Bench.Journal.State.Owner("orders", "1.0.0") is null ? "" : "ours ")}after {Arklet.Calls.Count} calls");
        var install = InstallOf("orders");
        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(install)).Outcome);
        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(UninstallOf("orders"))).Outcome);

        Assert.Equal(
            ["preInstall after 0 calls", "postInstall after 1 calls", "preUninstall ours after 1 calls",
            "postUninstall ours after 2 calls"], seen);
        var first = Hooks.Requests[0];
        Assert.Equal(("POST", "/hook/preInstall?of=orders"), (first.Method, first.Path));
        Assert.Equal(
            ["orders", "1.0.0", Uid("orders", "1.0.0"), "shop", "base-1", "uid-1", Bench.Life, install.Id, "1"],
            new[] { "module.name", "module.version", "module.uid", "pod.namespace", "pod.name", "pod.uid", "baseLife", "command", "try" }
                .Select(first.Text));
    }

    [Fact]
    public async Task A_failed_preInstall_hook_ends_the_install_before_Arklet_is_called()
    {
        Hooks.Answer = _ => 503;
        var result = await Bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.HookFailed, "PRE_INSTALL"), (result.Outcome, result.Reason, result.Code));
        Assert.Contains($"preInstall hook http://127.0.0.1:{Hooks.Port}/hook/preInstall answered 503 Said: no, not now", result.Message,
            StringComparison.Ordinal);
        Assert.Empty(Arklet.Calls);

        Hooks.Answer = _ => 200;
        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(InstallOf("orders", attempt: 2))).Outcome);
    }

    [Fact]
    public async Task A_failed_postInstall_hook_uninstalls_the_module_and_the_next_attempt_starts_without_it()
    {
        Hooks.Answer = request => request.Event == "postInstall" ? 500 : 200;
        var failed = await Bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.HookFailed, "POST_INSTALL"), (failed.Outcome, failed.Reason, failed.Code));
        Assert.Empty(Bench.Journal.State.Intents);
        Assert.Null(Bench.Journal.State.Owner("orders", "1.0.0"));

        Hooks.Answer = _ => 200;
        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(InstallOf("orders", attempt: 2))).Outcome);
        Assert.Equal(["install orders:1.0.0", "uninstall orders:1.0.0", "install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_new_version_whose_postInstall_hook_fails_does_not_become_active()
    {
        Hooks.Answer = request => request.Event == "postInstall" ? 500 : 200;
        Arklet.OnInstall = (name, version, _) =>
        {
            Arklet.List(name, version, ArkletBizState.Deactivated);
            return Task.FromResult(FakeArklet.Success);
        };
        Assert.Equal(Reason.HookFailed, (await Bench.RunAsync(InstallOf("orders"))).Reason);
        Assert.Equal(["install orders:1.0.0", "uninstall orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_module_that_can_not_be_uninstalled_after_a_failed_hook_is_stuck()
    {
        Hooks.Answer = request => request.Event == "postInstall" ? 500 : 200;
        Arklet.OnUninstall = (_, _, _) =>
            Task.FromResult(
            new ArkletResult(ArkletOutcome.InternalError, "CMD_PROCESS_INTERNAL_ERROR", "Internal Error", "java.lang.Error: no"));
        var result = await Bench.RunAsync(InstallOf("orders"));
        Assert.Equal(Reason.HookFailed, result.Reason);
        Assert.Contains("could not be uninstalled again", result.Message, StringComparison.Ordinal);
        Assert.True(Bench.Journal.State.IsStuck("orders", "1.0.0"));

        await Bench.LookAsync();
        await Bench.LookAsync();
        Assert.Empty(Bench.Runner.Running);
        Assert.Equal(["install orders:1.0.0", "uninstall orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_failed_preUninstall_hook_keeps_the_module_for_the_next_attempt()
    {
        await Bench.RunAsync(InstallOf("orders"));
        Hooks.Answer = _ => 409;
        var failed = await Bench.RunAsync(UninstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.HookFailed, "PRE_UNINSTALL"), (failed.Outcome, failed.Reason, failed.Code));
        Assert.NotNull(Bench.Journal.State.Owner("orders", "1.0.0"));
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);

        Hooks.Answer = _ => 200;
        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(UninstallOf("orders", attempt: 2))).Outcome);
    }

    [Fact]
    public async Task A_failed_postUninstall_hook_is_reported_and_the_module_is_removed()
    {
        await Bench.RunAsync(InstallOf("orders"));
        Hooks.Answer = request => request.Event == "postUninstall" ? 500 : 200;
        var failed = await Bench.RunAsync(UninstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.HookFailed, "POST_UNINSTALL"), (failed.Outcome, failed.Reason, failed.Code));
        Assert.Null(Bench.Journal.State.Owner("orders", "1.0.0"));
    }

    [Fact]
    public async Task A_JVM_exit_during_a_hook_is_reported_instead_of_the_hook()
    {
        Hooks.Called = request =>
        {
            if (request.Event == "postInstall") Arklet.BeginLife(TimeSpan.FromSeconds(1));
        };
        Hooks.Answer = request => request.Event == "postInstall" ? 500 : 200;
        var result = await Bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Reason.ArkletUnreachable, "BASE_LIFE_ENDED"), (result.Reason, result.Code));
    }

    [Fact]
    public async Task After_a_crash_in_the_postInstall_hook_it_is_called_again_and_nothing_is_installed_twice()
    {
        // Only the first one hangs: the second is called as soon as the agent is back.
        var ownedBefore = new List<bool>();
        Hooks.Called = _ => ownedBefore.Add(Bench.Journal.State.Owner("orders", "1.0.0") is not null);
        Hooks.Answer = request => request.Event == "postInstall" && ownedBefore.Count == 2 ? null : 200;
        var install = InstallOf("orders");
        Bench.Runner.Submit(install);
        await Eventually.True(() => ownedBefore.Count == 2);
        await Bench.RestartAsync();

        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(install)).Outcome);
        Assert.Equal([false, false, false], ownedBefore);
        Assert.Equal(["preInstall", "postInstall", "postInstall"], Hooks.Events);
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
        Assert.Equal(Reason.InstallTimedOut, (await Bench.RunAsync(InstallOf("orders", seconds: 4))).Reason);
        Assert.Equal(["preInstall"], Hooks.Events);

        var owned = false;
        Hooks.Called = _ => owned = Bench.Journal.State.Owner("orders", "1.0.0") is not null;
        Arklet.List("orders", "1.0.0");
        await Eventually.True(() => Bench.Journal.State.Owner("orders", "1.0.0") is not null);
        Assert.Equal((false, 2), (owned, Hooks.Requests.Count));
    }
}
