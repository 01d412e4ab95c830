using Google.Protobuf.WellKnownTypes;
using ModuleController.Agent.Tests.Commands;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.Hooks;

/// <summary>The calls themselves: timeouts, tries, and what runs beside them.</summary>
public sealed class HookCallTests : HookedCommands
{
    [Fact]
    public async Task Tries_are_numbered_and_the_last_one_counts()
    {
        Hooks.Answer = request => request.Text("try") == "3" ? 200 : 500;
        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(InstallOf("orders", change: hook => hook.Retries = 2))).Outcome);
        Assert.Equal(["1", "2", "3", "1", "2", "3"], Hooks.Requests.Select(request => request.Text("try")));
    }

    [Fact]
    public async Task A_redirect_is_not_followed_and_counts_as_a_failure()
    {
        Hooks.Answer = _ => 302;
        var result = await Bench.RunAsync(InstallOf("orders"));
        Assert.Equal(Reason.HookFailed, result.Reason);
        Assert.Equal(["/hook/preInstall?of=orders"], Hooks.Requests.Select(request => request.Path));
    }

    [Fact]
    public async Task A_refused_connection_is_a_failure_that_names_the_port()
    {
        var install = InstallOf("orders");
        Hooks.Dispose();
        var result = await Bench.RunAsync(install);
        Assert.Equal(Reason.HookFailed, result.Reason);
        Assert.Contains("refused", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_modules_are_installed_while_a_hook_hangs()
    {
        Hooks.Answer = request => request.Text("module.name") == "orders" ? null : 200;
        var hanging = InstallOf("orders", seconds: 4, change: hook => hook.Timeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(10)));
        var result = Bench.Expect(hanging.Id);
        Bench.Runner.Submit(hanging);
        await Eventually.True(() => Hooks.Requests.Count == 1);
        Assert.Equal(CommandPhase.Hook, Assert.Single(Bench.Runner.Running).Phase);

        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(InstallOf("invoice"))).Outcome);
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
        Hooks.Called = request => release.Task.Wait();
        var install = InstallOf("orders");
        var (first, second) = (Bench.Expect(install.Id), Uninstall(Bench.Life, "orders", "1.0.0"));
        Bench.Runner.Submit(install);
        await Eventually.True(() => Hooks.Requests.Count == 1);
        var removed = Bench.Expect(second.Id);
        Bench.Runner.Submit(second);
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
        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(InstallOf("orders", seconds: 4))).Outcome);
        Assert.Equal(["preInstall", "postInstall"], Hooks.Events);

        Hooks.Answer = request => request.Event == "postInstall" ? 500 : 200;
        Assert.Equal((Reason.HookFailed, "POST_INSTALL"), await InstallInvoiceAsync());
        Assert.DoesNotContain(Arklet.Listed, biz => biz.Name == "invoice");

        async Task<(Reason, string)> InstallInvoiceAsync()
        {
            var result = await Bench.RunAsync(InstallOf("invoice", seconds: 4));
            return (result.Reason, result.Code);
        }
    }

    [Fact]
    public async Task Hanging_hooks_leave_room_for_commands_without_hooks_and_commands_over_the_limit_are_refused()
    {
        Hooks.Answer = _ => null;
        for (var number = 0; number < Limits.HookedCommands; number++) Bench.Runner.Submit(Hanging($"hanging{number}"));
        await Eventually.True(() => Hooks.Requests.Count == Limits.HookedCommands);
        Assert.All(Bench.Runner.Running, running => Assert.Equal(CommandPhase.Hook, running.Phase));
        var refused = await Bench.RunAsync(Hanging("late"));
        Assert.Equal((Outcome.Refused, "TOO_MANY_HOOKS"), (refused.Outcome, refused.Code));
        Assert.Equal(Limits.HookedCommands, Hooks.Requests.Count);

        for (var number = 0; number < Limits.RunningCommands; number++)
            Assert.Equal(Outcome.Succeeded,
                (await Bench.RunAsync(
                Install(Bench.Life, $"passing{number}", "1.0.0", Bench.Jar($"passing{number}", "1.0.0")))).Outcome);
        Hooks.Answer = _ => 200;
        Hooks.HangUp();
        await Eventually.True(() => Bench.Runner.Running.Count == 0);
        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(Hanging("late"))).Outcome);

        Command Hanging(string name) =>
            InstallOf(name, change: hook => (hook.Timeout, hook.Retries) = (Duration.FromTimeSpan(TimeSpan.FromMinutes(30)), 1));
    }

    [Fact]
    public async Task An_ignored_failure_changes_nothing()
    {
        Hooks.Answer = _ => 500;
        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(InstallOf("orders", change: hook => hook.IgnoreFailure = true))).Outcome);
        Assert.Equal(Outcome.Succeeded, (await Bench.RunAsync(UninstallOf("orders", change: hook => hook.IgnoreFailure = true))).Outcome);
        Assert.Equal(["preInstall", "postInstall", "preUninstall", "postUninstall"], Hooks.Events);
    }
}
