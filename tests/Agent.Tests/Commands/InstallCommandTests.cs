using ModuleController.Agent.Arklet;
using ModuleController.Protocol.V1;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.Commands;

public sealed class InstallCommandTests : IAsyncLifetime
{
    private RunnerBench _bench = null!;

    private FakeArklet Arklet => _bench.Arklet;

    public async ValueTask InitializeAsync() => _bench = await RunnerBench.StartAsync();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task An_install_without_an_answer_succeeds_when_its_biz_is_listed_later()
    {
        _bench.SettleTime = TimeSpan.FromMinutes(1);
        await _bench.RestartAsync();
        Arklet.OnInstall = (name, version, _) =>
        {
            Later(() => Arklet.List(name, version, ArkletBizState.Resolved), 100);
            Later(() => Arklet.List(name, version), 300);
            return Task.FromResult(FakeArklet.Unknown);
        };
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(_bench.InstallOf("orders"))).Outcome);
        Assert.Equal(Uid("orders", "1.0.0"), _bench.Journal.State.Owner("orders", "1.0.0")!.ModuleUid);
    }

    [Fact]
    public async Task An_install_without_an_answer_fails_after_the_settle_time_and_a_later_biz_is_owned_by_its_Module()
    {
        Arklet.OnInstall = (_, _, _) => Task.FromResult(FakeArklet.Unknown);
        var result = await _bench.RunAsync(_bench.InstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.ArkletUnreachable), (result.Outcome, result.Reason));

        Arklet.List("orders", "1.0.0");
        await _bench.LookAsync();
        Assert.Equal(Uid("orders", "1.0.0"), _bench.Journal.State.Owner("orders", "1.0.0")!.ModuleUid);
        var next = await _bench.RunAsync(_bench.InstallOf("orders", attempt: 2));
        Assert.Equal((Outcome.Succeeded, "PRESENT"), (next.Outcome, next.Code));
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_stuck_module_that_starts_later_is_installed()
    {
        Arklet.OnInstall = async (name, version, cancellation) =>
        {
            Arklet.List(name, version, ArkletBizState.Resolved);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            return FakeArklet.Unknown;
        };
        var timedOut = await _bench.RunAsync(_bench.InstallOf("orders", seconds: 4));
        Assert.Equal(Reason.InstallTimedOut, timedOut.Reason);
        Assert.True(_bench.Journal.State.IsStuck("orders", "1.0.0"));

        Arklet.List("orders", "1.0.0");
        await _bench.LookAsync();
        Assert.False(_bench.Journal.State.IsStuck("orders", "1.0.0"));
        Assert.Equal(Uid("orders", "1.0.0"), _bench.Journal.State.Owner("orders", "1.0.0")!.ModuleUid);
    }

    [Fact]
    public async Task A_success_does_not_count_if_the_base_life_has_ended()
    {
        var life = _bench.Life;
        Arklet.OnInstall = (_, _, _) =>
        {
            Arklet.BeginLife(TimeSpan.FromSeconds(1));
            return Task.FromResult(FakeArklet.Success);
        };
        var result = await _bench.RunAsync(_bench.InstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.ArkletUnreachable, "BASE_LIFE_ENDED"), (result.Outcome, result.Reason, result.Code));
        Assert.NotEqual(life, _bench.Life);
    }

    [Fact]
    public async Task A_module_that_failed_to_start_is_removed_and_its_cause_reported()
    {
        Arklet.OnInstall = (name, version, _) =>
        {
            Arklet.List(name, version, ArkletBizState.Broken);
            return Task.FromResult(new ArkletResult(
                ArkletOutcome.InternalError, "CMD_PROCESS_INTERNAL_ERROR", "Internal Error",
                "java.io.IOException: licence.bin: truncated"));
        };
        var result = await _bench.RunAsync(_bench.InstallOf("orders"));
        Assert.Equal((Reason.BizStartFailed, "java.io.IOException: licence.bin: truncated"), (result.Reason, result.Message));
        Assert.Equal(["install orders:1.0.0", "uninstall orders:1.0.0"], Arklet.Calls);
    }

    [Theory]
    [InlineData("java.lang.IllegalArgumentException: Child name [orders] is not unique", Reason.WebContextPathConflict)]
    [InlineData("java.lang.IllegalStateException: Duplicated context path: /orders", Reason.WebContextPathConflict)]
    [InlineData("java.lang.OutOfMemoryError: Metaspace", Reason.MetaspaceFull)]
    [InlineData("java.lang.ExceptionInInitializerError: Exception java.lang.OutOfMemoryError: Metaspace", Reason.MetaspaceFull)]
    [InlineData("java.io.IOException: No space left on device", Reason.DiskFull)]
    [InlineData("java.lang.IllegalStateException: anything else", Reason.BizStartFailed)]
    public async Task The_last_cause_determines_the_reason(string cause, Reason reason)
    {
        Arklet.OnInstall = (_, _, _) => Task.FromResult(new ArkletResult(
            ArkletOutcome.InternalError, "CMD_PROCESS_INTERNAL_ERROR", "java.lang.reflect.InvocationTargetException", cause));
        var result = await _bench.RunAsync(_bench.InstallOf("orders"));
        Assert.Equal((Outcome.Failed, reason, cause), (result.Outcome, result.Reason, result.Message));
    }

    [Fact]
    public async Task A_second_version_whose_switch_fails_is_installed_and_not_active()
    {
        Arklet.OnInstall = (name, version, _) =>
        {
            Arklet.List(name, version, ArkletBizState.Deactivated);
            return Task.FromResult(FakeArklet.Success);
        };
        Arklet.OnSwitch = (_, _, _) =>
            Task.FromResult(new ArkletResult(ArkletOutcome.IllegalState, "ILLEGAL_STATE_BIZ", "its state must not be"));
        var result = await _bench.RunAsync(_bench.InstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.SwitchFailed), (result.Outcome, result.Reason));
        Assert.NotNull(_bench.Journal.State.Owner("orders", "1.0.0"));
    }

    [Fact]
    public async Task A_conflict_is_retried_until_the_other_command_has_ended()
    {
        var tries = 0;
        Arklet.OnInstall = (name, version, _) =>
        {
            if (++tries < 3) return Task.FromResult(new ArkletResult(ArkletOutcome.Conflict, "FAILED", "exist unfinished command"));
            Arklet.List(name, version);
            return Task.FromResult(FakeArklet.Success);
        };
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(_bench.InstallOf("orders"))).Outcome);
        Assert.Equal(3, tries);
    }

    private static void Later(Action action, int milliseconds) => _ = Task.Run(async () =>
    {
        await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), TimeProvider.System);
        action();
    });
}
