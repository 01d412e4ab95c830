using ModuleController.Agent.Arklet;
using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.Commands;

public sealed class CommandRunnerTests : IAsyncLifetime
{
    private RunnerBench _bench = null!;

    private FakeArklet Arklet => _bench.Arklet;

    public async ValueTask InitializeAsync() => _bench = await RunnerBench.StartAsync();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task The_intent_is_on_the_disk_before_Arklet_is_called()
    {
        var written = "";
        Arklet.OnInstall = (name, version, _) =>
        {
            written = _bench.ReadJournal();
            Arklet.List(name, version);
            return Task.FromResult(FakeArklet.Success);
        };
        var install = InstallOf("orders");
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(install)).Outcome);
        Assert.Contains($"\"kind\":\"intent\",\"commandId\":\"{install.Id}\"", written, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repeated_id_is_answered_and_not_executed_also_by_the_next_process()
    {
        var first = await _bench.RunAsync(InstallOf("orders"));
        var second = await _bench.RunAsync(InstallOf("orders"));
        await _bench.RestartAsync();
        var third = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal([false, true, true], new[] { first, second, third }.Select(result => result.Repeated));
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_repeated_id_joins_the_one_that_runs()
    {
        var release = new TaskCompletionSource();
        Arklet.OnInstall = async (name, version, cancellation) =>
        {
            await release.Task.WaitAsync(cancellation);
            Arklet.List(name, version);
            return FakeArklet.Success;
        };
        var install = InstallOf("orders");
        var done = _bench.Expect(install.Id);
        _bench.Runner.Submit(install);
        _bench.Runner.Submit(install);
        Assert.Equal(install.Id, Assert.Single(_bench.Runner.Running).CommandId);
        release.SetResult();
        Assert.False((await done).Repeated);
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_lower_epoch_is_fenced_and_the_highest_survives_a_restart()
    {
        await _bench.RunAsync(InstallOf("orders", epoch: 5));
        await _bench.RestartAsync();
        var fenced = await _bench.RunAsync(InstallOf("invoice", epoch: 4));
        Assert.Equal((Outcome.Refused, Reason.Fenced), (fenced.Outcome, fenced.Reason));
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_command_for_another_base_life_is_refused()
    {
        var refused = await _bench.RunAsync(Install("b-1", "orders", "1.0.0", _bench.Jar("orders", "1.0.0")));
        Assert.Equal((Outcome.Refused, "OTHER_BASE_LIFE"), (refused.Outcome, refused.Code));
        Assert.Empty(Arklet.Calls);
    }

    [Fact]
    public async Task An_unknown_outcome_that_shows_up_later_is_a_success()
    {
        _bench.SettleTime = TimeSpan.FromMinutes(1);
        await _bench.RestartAsync();
        Arklet.OnInstall = (name, version, _) =>
        {
            Later(() => Arklet.List(name, version, ArkletBizState.Resolved), 100);
            Later(() => Arklet.List(name, version), 300);
            return Task.FromResult(FakeArklet.Unknown);
        };
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("orders"))).Outcome);
        Assert.Equal(Uid("orders", "1.0.0"), _bench.Journal.State.Owner("orders", "1.0.0")!.ModuleUid);
    }

    [Fact]
    public async Task An_unknown_outcome_that_settles_to_nothing_is_a_failure_and_if_it_comes_after_all_it_is_known_whose_it_is()
    {
        Arklet.OnInstall = (_, _, _) => Task.FromResult(FakeArklet.Unknown);
        var result = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.ArkletUnreachable), (result.Outcome, result.Reason));

        Arklet.List("orders", "1.0.0");
        await _bench.LookAsync();
        Assert.Equal(Uid("orders", "1.0.0"), _bench.Journal.State.Owner("orders", "1.0.0")!.ModuleUid);
        var next = await _bench.RunAsync(InstallOf("orders", attempt: 2));
        Assert.Equal((Outcome.Succeeded, "PRESENT"), (next.Outcome, next.Code));
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_late_success_of_a_module_that_was_stuck_counts()
    {
        Arklet.OnInstall = async (name, version, cancellation) =>
        {
            Arklet.List(name, version, ArkletBizState.Resolved);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            return FakeArklet.Unknown;
        };
        var timedOut = await _bench.RunAsync(InstallOf("orders", seconds: 4));
        Assert.Equal(Reason.InstallTimedOut, timedOut.Reason);
        Assert.True(_bench.Journal.State.IsStuck("orders", "1.0.0"));

        Arklet.List("orders", "1.0.0");
        await _bench.LookAsync();
        Assert.False(_bench.Journal.State.IsStuck("orders", "1.0.0"));
        Assert.Equal(Uid("orders", "1.0.0"), _bench.Journal.State.Owner("orders", "1.0.0")!.ModuleUid);
    }

    [Fact]
    public async Task A_success_is_worth_nothing_when_the_life_ends_with_it()
    {
        var life = _bench.Life;
        Arklet.OnInstall = (_, _, _) =>
        {
            Arklet.BeginLife(TimeSpan.FromSeconds(1));
            return Task.FromResult(FakeArklet.Success);
        };
        var result = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.ArkletUnreachable, "BASE_LIFE_ENDED"), (result.Outcome, result.Reason, result.Code));
        Assert.NotEqual(life, _bench.Life);
    }

    [Fact]
    public async Task A_process_that_ended_before_the_result_was_written_finds_its_module_and_repeats_nothing()
    {
        var install = InstallOf("orders");
        await CrashDuringInstallAsync(install, (name, version) => Arklet.List(name, version));
        var result = await _bench.RunAsync(install);
        Assert.Equal(Outcome.Succeeded, result.Outcome);
        Assert.Equal(Uid("orders", "1.0.0"), _bench.Journal.State.Owner("orders", "1.0.0")!.ModuleUid);
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_process_that_ended_before_anything_came_of_it_says_so_and_the_next_attempt_runs()
    {
        var install = InstallOf("orders");
        await CrashDuringInstallAsync(install, (_, _) => { });
        var result = await _bench.RunAsync(install);
        Assert.Equal((Outcome.Failed, Reason.AgentDisconnected, "AGENT_RESTARTED"), (result.Outcome, result.Reason, result.Code));

        Arklet.OnInstall = null;
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("orders", attempt: 2))).Outcome);
        Assert.Equal(["install orders:1.0.0", "install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task What_nobody_here_installed_is_left_alone_until_it_is_adopted()
    {
        Arklet.List("orders", "1.0.0");
        await _bench.LookAsync();
        var foreign = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Reason.ForeignBiz, "BIZ_PRESENT"), (foreign.Reason, foreign.Code));
        Assert.Equal(Reason.ForeignBiz, (await _bench.RunAsync(Uninstall(_bench.Life, "orders", "1.0.0"))).Reason);

        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(Adopt(_bench.Life, "orders", "1.0.0"))).Outcome);
        Assert.Equal("PRESENT", (await _bench.RunAsync(InstallOf("orders", attempt: 2))).Code);
        Assert.Empty(Arklet.Calls);

        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(Disown(_bench.Life, "orders", "1.0.0"))).Outcome);
        Assert.Null(_bench.Journal.State.Owner("orders", "1.0.0"));
    }

    [Fact]
    public async Task The_same_version_of_another_Module_must_go_first()
    {
        await _bench.RunAsync(InstallOf("orders"));
        var other = await _bench.RunAsync(
            Install(_bench.Life, "orders", "1.0.0", _bench.Jar("orders", "1.0.0"), uid: "another-uid"));
        Assert.Equal((Outcome.Failed, Reason.ModuleNameConflict, "BIZ_OWNED"), (other.Outcome, other.Reason, other.Code));
    }

    [Fact]
    public async Task A_broken_module_of_ours_is_taken_away_and_the_failure_told()
    {
        Arklet.OnInstall = (name, version, _) =>
        {
            Arklet.List(name, version, ArkletBizState.Broken);
            return Task.FromResult(new ArkletResult(
                ArkletOutcome.InternalError, "CMD_PROCESS_INTERNAL_ERROR", "Internal Error", "java.io.IOException: licence.bin: truncated"));
        };
        var result = await _bench.RunAsync(InstallOf("orders"));
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
    public async Task The_last_cause_says_the_reason(string cause, Reason reason)
    {
        Arklet.OnInstall = (_, _, _) => Task.FromResult(new ArkletResult(
            ArkletOutcome.InternalError, "CMD_PROCESS_INTERNAL_ERROR", "java.lang.reflect.InvocationTargetException", cause));
        var result = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Outcome.Failed, reason, cause), (result.Outcome, result.Reason, result.Message));
    }

    [Fact]
    public async Task A_second_version_that_can_not_be_switched_to_is_installed_and_not_the_active_one()
    {
        Arklet.OnInstall = (name, version, _) =>
        {
            Arklet.List(name, version, ArkletBizState.Deactivated);
            return Task.FromResult(FakeArklet.Success);
        };
        Arklet.OnSwitch = (_, _, _) => Task.FromResult(new ArkletResult(ArkletOutcome.IllegalState, "ILLEGAL_STATE_BIZ", "its state must not be"));
        var result = await _bench.RunAsync(InstallOf("orders"));
        Assert.Equal((Outcome.Failed, Reason.SwitchFailed), (result.Outcome, result.Reason));
        Assert.NotNull(_bench.Journal.State.Owner("orders", "1.0.0"));
    }

    [Fact]
    public async Task A_conflict_is_tried_again_when_the_other_command_is_over()
    {
        var tries = 0;
        Arklet.OnInstall = (name, version, _) =>
        {
            if (++tries < 3) return Task.FromResult(new ArkletResult(ArkletOutcome.Conflict, "FAILED", "exist unfinished command"));
            Arklet.List(name, version);
            return Task.FromResult(FakeArklet.Success);
        };
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("orders"))).Outcome);
        Assert.Equal(3, tries);
    }

    [Fact]
    public async Task An_uninstall_of_what_is_not_there_is_done_and_one_that_leaves_it_there_failed()
    {
        Assert.Equal("ABSENT", (await _bench.RunAsync(Uninstall(_bench.Life, "none", "1.0.0"))).Code);
        await _bench.RunAsync(InstallOf("orders"));
        Arklet.OnUninstall = (_, _, _) => Task.FromResult(new ArkletResult(ArkletOutcome.InternalError, "CMD_PROCESS_INTERNAL_ERROR", "Internal Error", "java.lang.Error: no"));
        var failed = await _bench.RunAsync(Uninstall(_bench.Life, "orders", "1.0.0"));
        Assert.Equal((Outcome.Failed, Reason.UninstallFailed, true), (failed.Outcome, failed.Reason, failed.Message.Contains("java.lang.Error: no", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Nobody_on_Arklets_port_is_a_base_that_is_down()
    {
        var (life, jar) = (_bench.Life, _bench.Jar("orders", "1.0.0"));
        Arklet.Health = HealthOutcome.ConnectionRefused;
        var result = await _bench.RunAsync(Install(life, "orders", "1.0.0", jar));
        Assert.Equal((Outcome.Failed, Reason.ArkletUnreachable), (result.Outcome, result.Reason));
        Assert.Equal(BaseState.Down, _bench.Observer.View.State);
    }

    [Fact]
    public async Task What_vanished_by_another_hand_is_not_ours_any_more()
    {
        await _bench.RunAsync(InstallOf("orders"));
        Arklet.Unlist("orders", "1.0.0");
        await _bench.LookAsync();
        Assert.Null(_bench.Journal.State.Owner("orders", "1.0.0"));
    }

    [Fact]
    public async Task Fetches_run_beside_the_command_that_has_arklet_and_the_install_takes_what_was_fetched()
    {
        var release = new TaskCompletionSource();
        Arklet.OnInstall = async (name, version, cancellation) =>
        {
            await release.Task.WaitAsync(cancellation);
            Arklet.List(name, version);
            return FakeArklet.Success;
        };
        var install = InstallOf("orders");
        var done = _bench.Expect(install.Id);
        _bench.Runner.Submit(install);
        var jar = _bench.Jar("invoice", "2.0.0");
        var fetched = await _bench.RunAsync(Fetch(_bench.Life, "invoice", "2.0.0", jar));
        Assert.Equal((Outcome.Succeeded, "invoice"), (fetched.Outcome, fetched.Artifact.Name));
        Assert.Equal([Uid("invoice", "2.0.0")], Snapshot().Staged);
        Assert.Equal(install.Id, Assert.Single(_bench.Runner.Running).CommandId);
        release.SetResult();
        Assert.Equal(Outcome.Succeeded, (await done).Outcome);

        File.Delete(jar.LocalPath);
        await _bench.RestartAsync();
        Assert.Equal([Uid("invoice", "2.0.0")], Snapshot().Staged);
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(Install(_bench.Life, "invoice", "2.0.0", jar))).Outcome);
        Assert.Empty(Snapshot().Staged);
    }

    [Fact]
    public async Task A_fetch_that_fails_says_why_and_stages_nothing()
    {
        var wrong = await _bench.RunAsync(Fetch(_bench.Life, "orders", "2.0.0", _bench.Jar("orders", "1.0.0")));
        Assert.Equal((Outcome.Failed, Reason.InvalidArtifact, "OTHER_MODULE"), (wrong.Outcome, wrong.Reason, wrong.Code));
        var digest = await _bench.RunAsync(Fetch(_bench.Life, "orders", "2.0.0", _bench.Jar("orders", "2.0.0"), attempt: 2, sha256: new string('0', 64)));
        Assert.Equal((Outcome.Failed, Reason.DigestMismatch), (digest.Outcome, digest.Reason));
        Assert.Empty(Snapshot().Staged);
        Assert.Empty(Snapshot().Attempts);
        Assert.Empty(Arklet.Calls);
    }

    [Fact]
    public async Task Fetches_run_two_at_a_time()
    {
        await using var store = await SlowStore.StartAsync();
        foreach (var name in (string[])["a", "b", "c"]) _bench.Runner.Submit(Fetch(_bench.Life, name, "1.0.0", store.Url(name)));
        await Eventually.True(() => store.Waiting == 2);
        Assert.Equal(2, _bench.Runner.Running.Count(running => running.Phase is CommandPhase.Downloading));
        store.Release();
        await Eventually.True(() => _bench.Runner.Running.Count == 0);
        Assert.Equal(3, store.Requests);
    }

    [Fact]
    public async Task An_inspection_whose_download_hangs_does_not_keep_an_install_waiting()
    {
        await using var store = await SlowStore.StartAsync();
        var inspect = Inspect("invoice", "1.0.0", store.Url("invoice"));
        _bench.Runner.Submit(inspect);
        await Eventually.True(() => store.Waiting == 1);

        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(InstallOf("orders"))).Outcome);
        Assert.Equal(inspect.Id, Assert.Single(_bench.Runner.Running).CommandId);
        store.Release();
        await Eventually.True(() => _bench.Runner.Running.Count == 0);
    }

    private Snapshot Snapshot() => Link.Snapshots.Build(
        _bench.Observer.View, _bench.Journal.State, _bench.Runner.Running, 1, TimeProvider.System.GetUtcNow());

    private Command InstallOf(string name, int attempt = 1, double seconds = 60, ulong epoch = 1) =>
        Install(_bench.Life, name, "1.0.0", _bench.Jar(name, "1.0.0"), attempt, seconds, epoch: epoch);

    /// <summary>Ends the process while Arklet carries the install out, so that the intent has no result.</summary>
    private async Task CrashDuringInstallAsync(Command install, Action<string, string> effect)
    {
        var called = new TaskCompletionSource();
        Arklet.OnInstall = async (name, version, cancellation) =>
        {
            effect(name, version);
            called.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            return FakeArklet.Unknown;
        };
        _bench.Runner.Submit(install);
        await called.Task.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
        await _bench.RestartAsync();
    }

    private static void Later(Action action, int milliseconds) => _ = Task.Run(async () =>
    {
        await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), TimeProvider.System);
        action();
    });
}
