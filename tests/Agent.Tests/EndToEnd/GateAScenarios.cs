using ModuleController.Agent.Arklet;
using ModuleController.Agent.Tests.Contract;
using ModuleController.Protocol.V1;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;
using BizState = ModuleController.Protocol.V1.BizState;

namespace ModuleController.Agent.Tests.EndToEnd;

/// <summary>
/// An agent process, driven through gRPC by a scripted gateway, on a base. The same stories on the simulator and on a
/// real JVM, where the module's own HTTP answers prove them.
/// </summary>
public abstract class GateAScenarios(ContractFixture fixture) : IAsyncLifetime
{
    private readonly DirectoryInfo _state = Directory.CreateTempSubdirectory("agent-");
    private readonly HttpClient _http = new();
    private ScriptedGateway? _gateway;
    private AgentProcess? _agent;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private IContractBase Base => fixture.Base;

    private ScriptedGateway Gateway => _gateway!;

    public async ValueTask InitializeAsync()
    {
        fixture.SkipUnlessAvailable();
        await EmptyBaseAsync();
        _gateway = await ScriptedGateway.StartAsync(Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_agent is not null) await _agent.DisposeAsync();
        if (_gateway is not null) await _gateway.DisposeAsync();
        _http.Dispose();
        _state.Delete(recursive: true);
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_module_is_installed_once_whatever_is_repeated_and_uninstalled()
    {
        var agent = await ConnectAsync();
        var install = Install(agent.Life, "orders", "1.0.0", Base.Jar("orders", "1.0.0"));

        var first = await agent.RunAsync(install);
        Assert.Equal((Outcome.Succeeded, false), (first.Outcome, first.Repeated));
        Assert.Equal(("orders", "1.0.0"), (first.Artifact.Name, first.Artifact.Version));
        Assert.Equal("orders 1.0.0", await AnswerOfAsync("orders/hello"));
        var biz = agent.Biz("orders", "1.0.0")!;
        Assert.Equal((BizState.Activated, Uid("orders", "1.0.0"), first.Artifact.Sha256), (biz.State, biz.ModuleUid, biz.ArtifactSha256));

        var again = await agent.RunAsync(install);
        Assert.Equal((Outcome.Succeeded, true, first.Duration), (again.Outcome, again.Repeated, again.Duration));

        var uninstalled = await agent.RunAsync(Uninstall(agent.Life, "orders", "1.0.0"));
        Assert.Equal(Outcome.Succeeded, uninstalled.Outcome);
        Assert.Empty(agent.Snapshot!.Biz);
        Assert.NotEqual("orders 1.0.0", await AnswerOfAsync("orders/hello"));
    }

    [Fact]
    public async Task A_second_version_is_installed_beside_the_first_and_made_active_and_the_first_is_removed()
    {
        var agent = await ConnectAsync();
        await SucceedsAsync(agent, Install(agent.Life, "catalog", "1.0.0", Base.Jar("catalog", "1.0.0")));
        await SucceedsAsync(agent, Install(agent.Life, "catalog", "2.0.0", Base.Jar("catalog", "2.0.0"), activate: false));
        Assert.Equal((BizState.Activated, BizState.Deactivated),
            (agent.Biz("catalog", "1.0.0")!.State, agent.Biz("catalog", "2.0.0")!.State));
        Assert.Equal("catalog 1.0.0", await AnswerOfAsync("catalog-v1/hello"));
        Assert.Equal("catalog 2.0.0", await AnswerOfAsync("catalog-v2/hello"));

        await SucceedsAsync(agent, Switch(agent.Life, "catalog", "2.0.0"));
        Assert.Equal((BizState.Deactivated, BizState.Activated),
            (agent.Biz("catalog", "1.0.0")!.State, agent.Biz("catalog", "2.0.0")!.State));

        await SucceedsAsync(agent, Uninstall(agent.Life, "catalog", "1.0.0"));
        Assert.Null(agent.Biz("catalog", "1.0.0"));
        Assert.Equal("catalog 2.0.0", await AnswerOfAsync("catalog-v2/hello"));
        await SucceedsAsync(agent, Uninstall(agent.Life, "catalog", "2.0.0"));
    }

    [Fact]
    public async Task An_install_that_should_activate_switches_by_itself()
    {
        var agent = await ConnectAsync();
        await SucceedsAsync(agent, Install(agent.Life, "catalog", "1.0.0", Base.Jar("catalog", "1.0.0")));
        await SucceedsAsync(agent, Install(agent.Life, "catalog", "2.0.0", Base.Jar("catalog", "2.0.0"), activate: true));
        Assert.Equal((BizState.Deactivated, BizState.Activated),
            (agent.Biz("catalog", "1.0.0")!.State, agent.Biz("catalog", "2.0.0")!.State));
    }

    [Fact]
    public async Task A_failed_start_reports_its_root_cause_and_changes_no_other_module()
    {
        var agent = await ConnectAsync();
        await SucceedsAsync(agent, Install(agent.Life, "orders", "1.0.0", Base.Jar("orders", "1.0.0")));

        var conflict = await agent.RunAsync(Install(agent.Life, "orders", "1.1.0", Base.Jar("orders", "1.1.0")));
        Assert.Equal((Outcome.Failed, Reason.WebContextPathConflict), (conflict.Outcome, conflict.Reason));
        Assert.Contains("Child name [orders] is not unique", conflict.Message, StringComparison.Ordinal);
        Assert.Equal("orders 1.0.0", await AnswerOfAsync("orders/hello"));
        Assert.Null(agent.Biz("orders", "1.1.0"));

        await SucceedsAsync(agent, Uninstall(agent.Life, "orders", "1.0.0"));
        var failed = await agent.RunAsync(Install(agent.Life, "orders", "2.0.0", Base.Jar("orders", "2.0.0")));
        Assert.Equal((Outcome.Failed, Reason.BizStartFailed), (failed.Outcome, failed.Reason));
        Assert.Contains("cannot reach the ledger database at db.example:5432", failed.Message, StringComparison.Ordinal);
        Assert.Null(agent.Biz("orders", "2.0.0"));
    }

    [Fact]
    public async Task A_module_is_uninstalled_although_Arklet_answered_with_an_error()
    {
        var agent = await ConnectAsync();
        await SucceedsAsync(agent, Install(agent.Life, "plain", "1.0.0", Base.Jar("plain", "1.0.0")));
        var uninstalled = await agent.RunAsync(Uninstall(agent.Life, "plain", "1.0.0"));
        Assert.Equal((Outcome.Succeeded, "CMD_PROCESS_INTERNAL_ERROR"), (uninstalled.Outcome, uninstalled.Code));
        Assert.Null(agent.Biz("plain", "1.0.0"));
    }

    [Fact]
    public async Task The_base_is_reported_as_up_while_a_slow_module_starts()
    {
        var agent = await ConnectAsync();
        var install = Install(agent.Life, "slow", "1.0.0", Base.Jar("slow", "1.0.0"));
        await agent.SendAsync(install);
        await agent.UntilAsync(s => s.Snapshot!.Running.Any(running => running.CommandId == install.Id), "the command in a snapshot");
        await agent.UntilAsync(
            s => s.Biz("slow", "1.0.0") is { State: BizState.Resolved } starting && starting.ModuleUid == Uid("slow", "1.0.0"),
            "the starting module, known as that Module's");
        var result = await agent.UntilAsync(
            s => s.Messages.Select(message => message.Result).FirstOrDefault(r => r?.CommandId == install.Id), "its result");
        Assert.Equal(Outcome.Succeeded, result.Outcome);
        Assert.All(agent.Messages.Where(m => m.Heartbeat is not null), m => Assert.Equal(BaseState.Up, m.Heartbeat.BaseState));
        Assert.Equal("slow 1.0.0", await AnswerOfAsync("slow/hello"));
    }

    [Fact]
    public async Task A_module_that_hangs_is_stuck_and_others_proceed()
    {
        var agent = await ConnectAsync();
        var hangs = Install(agent.Life, "hangs", "1.0.0", Base.Jar("hangs", "1.0.0"), seconds: 10);
        await agent.SendAsync(hangs);
        var invoice = await agent.RunAsync(Install(agent.Life, "invoice", "1.0.0", Base.Jar("invoice", "1.0.0")));
        Assert.Equal(Outcome.Succeeded, invoice.Outcome);
        Assert.Equal("invoice 1.0.0", await AnswerOfAsync("invoice/hello"));

        var result = agent.Messages.Select(m => m.Result).Single(r => r?.CommandId == hangs.Id)!;
        Assert.Equal((Outcome.Failed, Reason.InstallTimedOut), (result.Outcome, result.Reason));
        Assert.Equal((BizState.Resolved, true), (agent.Biz("hangs", "1.0.0")!.State, agent.Biz("hangs", "1.0.0")!.Stuck));

        // Nothing more is sent for it: the answer comes at once.
        var next = await agent.RunAsync(Install(agent.Life, "hangs", "1.0.0", Base.Jar("hangs", "1.0.0"), attempt: 2));
        Assert.Equal((Reason.InstallTimedOut, "STUCK"), (next.Reason, next.Code));
        var removal = await agent.RunAsync(Uninstall(agent.Life, "hangs", "1.0.0"));
        Assert.Equal((Reason.UninstallFailed, "STUCK"), (removal.Reason, removal.Code));
    }

    [Fact]
    public async Task A_killed_JVM_is_a_new_base_life_within_seconds()
    {
        var agent = await ConnectAsync();
        var before = agent.Life;
        await SucceedsAsync(agent, Install(before, "invoice", "1.0.0", Base.Jar("invoice", "1.0.0")));
        // Lives differ by their starts, which with real JVMs lie seconds apart: this one must have lived a little.
        await agent.UntilAsync(
            s => s.Messages.Any(message =>
                (message.Heartbeat?.Jvm ?? message.Snapshot?.Jvm)?.Uptime?.ToTimeSpan() > TimeSpan.FromSeconds(2)),
            "a base that has been up for two seconds");
        await Base.RestartAsync(Cancellation);
        await agent.UntilAsync(s => s.Snapshot is { BizKnown: true } now && now.BaseLife.Id != before, "a snapshot of the new life");
        Assert.Empty(agent.Snapshot!.Biz);

        var late = await agent.RunAsync(Uninstall(before, "invoice", "1.0.0"));
        Assert.Equal((Outcome.Refused, "OTHER_BASE_LIFE"), (late.Outcome, late.Code));
        await SucceedsAsync(agent, Install(agent.Life, "invoice", "1.0.0", Base.Jar("invoice", "1.0.0")));
        Assert.Equal("invoice 1.0.0", await AnswerOfAsync("invoice/hello"));
    }

    [Fact]
    public async Task An_agent_killed_between_Arklets_answer_and_its_journal_finds_the_install_and_does_not_repeat_it()
    {
        await using var proxy = new HoldingProxy(Base.Host, Base.ArkletPort);
        var agent = await ConnectAsync(arkletPort: proxy.Port);
        var life = agent.Life;
        var install = Install(life, "invoice", "1.0.0", Base.Jar("invoice", "1.0.0"));
        await agent.SendAsync(install);
        Assert.Contains("\"SUCCESS\"", await proxy.Held.WaitAsync(TimeSpan.FromSeconds(90), Cancellation), StringComparison.Ordinal);
        await _agent!.KillAsync();

        agent = await ConnectAsync(arkletPort: proxy.Port);
        Assert.Equal(life, agent.Hello.BaseLife?.Id ?? agent.Life);
        await agent.UntilAsync(s => s.Biz("invoice", "1.0.0")?.ModuleUid == Uid("invoice", "1.0.0"), "the module, known as that Module's");
        var result = await agent.RunAsync(install);
        Assert.Equal(Outcome.Succeeded, result.Outcome);
        Assert.Equal(1, proxy.Passed);
        Assert.Equal("invoice 1.0.0", await AnswerOfAsync("invoice/hello"));
    }

    private async Task<GatewaySession> ConnectAsync(int? arkletPort = null)
    {
        if (_agent is not null) await _agent.DisposeAsync();
        _agent = AgentProcess.Start(Gateway.Address, Base.Host, arkletPort ?? Base.ArkletPort, _state.FullName);
        var accepting = Gateway.AcceptAsync(Cancellation);
        await Task.WhenAny(accepting, _agent.Exited);
        Assert.False(_agent.HasExited, $"the agent ended:\n{_agent.Output}");
        var session = await accepting;
        await session.UntilAsync(s => s.Snapshot is { BizKnown: true }, "a snapshot with the list of modules");
        return session;
    }

    private static async Task SucceedsAsync(GatewaySession agent, Command command)
    {
        var result = await agent.RunAsync(command);
        Assert.True(result.Outcome is Outcome.Succeeded, result.ToString());
    }

    /// <summary>A new life where the test before left something; it takes the real one seconds.</summary>
    private async Task EmptyBaseAsync()
    {
        using var arklet = new ArkletClient(new ArkletOptions(Base.Host, Base.ArkletPort), TimeProvider.System);
        if (await arklet.QueryAllAsync(Cancellation) is not { Count: 0 }) await Base.RestartAsync(Cancellation);
    }

    private async Task<string> AnswerOfAsync(string path)
    {
        using var answer = await _http.GetAsync(new Uri(Base.Web, path), Cancellation);
        return (await answer.Content.ReadAsStringAsync(Cancellation)).Trim();
    }
}

/// <summary>The stories on the simulator.</summary>
public sealed class SimulatedGateATests(SimulatedFixture fixture) : GateAScenarios(fixture), IClassFixture<SimulatedFixture>;

/// <summary>The stories on a real JVM.</summary>
[Collection(RealBaseCollection.Name)]
public sealed class RealGateATests(RealFixture fixture) : GateAScenarios(fixture), IClassFixture<RealFixture>;
