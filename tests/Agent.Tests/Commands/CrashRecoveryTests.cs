using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.Commands;

public sealed class CrashRecoveryTests : IAsyncLifetime
{
    private RunnerBench _bench = null!;

    private FakeArklet Arklet => _bench.Arklet;

    public async ValueTask InitializeAsync() => _bench = await RunnerBench.StartAsync();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task After_a_crash_between_Arklets_answer_and_the_journal_the_install_is_found_and_not_repeated()
    {
        var install = _bench.InstallOf("orders");
        await CrashDuringInstallAsync(install, (name, version) => Arklet.List(name, version));
        var result = await _bench.RunAsync(install);
        Assert.Equal(Outcome.Succeeded, result.Outcome);
        Assert.Equal(Uid("orders", "1.0.0"), _bench.Journal.State.Owner("orders", "1.0.0")!.ModuleUid);
        Assert.Equal(["install orders:1.0.0"], Arklet.Calls);
    }

    [Fact]
    public async Task After_a_crash_before_Arklet_acted_the_command_fails_and_the_next_attempt_runs()
    {
        var install = _bench.InstallOf("orders");
        await CrashDuringInstallAsync(install, (_, _) => { });
        var result = await _bench.RunAsync(install);
        Assert.Equal((Outcome.Failed, Reason.AgentDisconnected, "AGENT_RESTARTED"), (result.Outcome, result.Reason, result.Code));

        Arklet.OnInstall = null;
        Assert.Equal(Outcome.Succeeded, (await _bench.RunAsync(_bench.InstallOf("orders", attempt: 2))).Outcome);
        Assert.Equal(["install orders:1.0.0", "install orders:1.0.0"], Arklet.Calls);
    }

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
}
