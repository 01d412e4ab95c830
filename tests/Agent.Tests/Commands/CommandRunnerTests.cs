using ModuleController.Agent.Arklet;
using ModuleController.Protocol.V1;
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
        var install = _bench.InstallOf("orders");
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(install)).Outcome);
        Assert.Contains($"\"kind\":\"intent\",\"commandId\":\"{install.Id}\"", written, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repeated_id_is_answered_from_the_journal_also_after_a_restart()
    {
        var first = await _bench.RunAsync(_bench.InstallOf("orders"));
        var second = await _bench.RunAsync(_bench.InstallOf("orders"));
        await _bench.RestartAsync();
        var third = await _bench.RunAsync(_bench.InstallOf("orders"));
        Assert.Equal([false, true, true], new[] { first, second, third }.Select(result => result.Repeated));
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_repeated_id_joins_the_running_command()
    {
        var release = Arklet.HoldInstalls();
        var install = _bench.InstallOf("orders");
        var done = _bench.Expect(install.Id);
        _bench.Runner.Submit(install);
        _bench.Runner.Submit(install);
        Assert.Equal(install.Id, Assert.Single(_bench.Runner.Running).CommandId);
        release.SetResult();
        Assert.False((await done).Repeated);
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task A_command_of_a_lower_epoch_is_refused_also_after_a_restart()
    {
        await _bench.RunAsync(_bench.InstallOf("orders", epoch: 5));
        await _bench.RestartAsync();
        var fenced = await _bench.RunAsync(_bench.InstallOf("invoice", epoch: 4));
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
    public async Task A_refused_connection_to_Arklet_means_that_the_base_is_down()
    {
        var (life, jar) = (_bench.Life, _bench.Jar("orders", "1.0.0"));
        Arklet.Health = HealthOutcome.ConnectionRefused;
        var result = await _bench.RunAsync(Install(life, "orders", "1.0.0", jar));
        Assert.Equal((Outcome.Failed, Reason.ArkletUnreachable), (result.Outcome, result.Reason));
        Assert.Equal(BaseState.Down, _bench.Observer.View.State);
    }

    [Fact]
    public async Task A_foreign_biz_is_not_changed_until_it_is_adopted()
    {
        Arklet.List("orders", "1.0.0");
        await _bench.LookAsync();
        var foreign = await _bench.RunAsync(_bench.InstallOf("orders"));
        Assert.Equal((Reason.ForeignBiz, "BIZ_PRESENT"), (foreign.Reason, foreign.Code));
        Assert.Equal(Reason.ForeignBiz, (await _bench.RunAsync(Uninstall(_bench.Life, "orders", "1.0.0"))).Reason);

        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(Adopt(_bench.Life, "orders", "1.0.0"))).Outcome);
        Assert.Equal("PRESENT", (await _bench.RunAsync(_bench.InstallOf("orders", attempt: 2))).Code);
        Assert.Empty(Arklet.Calls);

        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(Disown(_bench.Life, "orders", "1.0.0"))).Outcome);
        Assert.Null(_bench.Journal.State.Owner("orders", "1.0.0"));
    }

    [Fact]
    public async Task A_biz_that_someone_else_removed_is_not_owned_any_more()
    {
        await _bench.RunAsync(_bench.InstallOf("orders"));
        Arklet.Unlist("orders", "1.0.0");
        await _bench.LookAsync();
        Assert.Null(_bench.Journal.State.Owner("orders", "1.0.0"));
    }

    [Fact]
    public async Task An_uninstall_succeeds_if_the_biz_is_absent_and_fails_if_it_stays()
    {
        Assert.Equal("ABSENT", (await _bench.RunAsync(Uninstall(_bench.Life, "none", "1.0.0"))).Code);
        await _bench.RunAsync(_bench.InstallOf("orders"));
        Arklet.OnUninstall = (_, _, _) =>
            Task.FromResult(
            new ArkletResult(ArkletOutcome.InternalError, "CMD_PROCESS_INTERNAL_ERROR", "Internal Error", "java.lang.Error: no"));
        var failed = await _bench.RunAsync(Uninstall(_bench.Life, "orders", "1.0.0"));
        Assert.Equal((Outcome.Failed, Reason.UninstallFailed, true),
            (failed.Outcome, failed.Reason, failed.Message.Contains("java.lang.Error: no", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_same_version_of_another_Module_must_be_removed_first()
    {
        await _bench.RunAsync(_bench.InstallOf("orders"));
        var other = await _bench.RunAsync(
            Install(_bench.Life, "orders", "1.0.0", _bench.Jar("orders", "1.0.0"), uid: "another-uid"));
        Assert.Equal((Outcome.Failed, Reason.ModuleNameConflict, "BIZ_OWNED"), (other.Outcome, other.Reason, other.Code));
    }
}
