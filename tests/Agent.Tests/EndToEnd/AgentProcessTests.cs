using System.Text.RegularExpressions;
using Grpc.Core;
using ModuleController.Dev.ArkletSimulator;
using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.EndToEnd;

/// <summary>What the agent process does on its own: connecting, being refused, being alone, ending.</summary>
public sealed class AgentProcessTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private SimulatedBase _base = null!;
    private ScriptedGateway _gateway = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _base = await SimulatedBase.StartAsync(new());
        _gateway = await ScriptedGateway.StartAsync(Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _base.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_agent_identifies_itself_with_the_current_token_and_sends_heartbeats_at_the_requested_interval()
    {
        var token = _folder.Combine("token");
        await File.WriteAllTextAsync(token, "first\n", Cancellation);
        await using var agent = Start($"--token-file={token}");
        var session = await _gateway.AcceptAsync(Cancellation);
        Assert.Equal(("shop", "base-0", "pod-uid-0"), (session.Hello.PodNamespace, session.Hello.PodName, session.Hello.PodUid));
        Assert.Equal("Bearer first", session.Headers.GetValue("authorization"));
        await session.UntilAsync(s => s.Messages.Count(message => message.Heartbeat is not null) >= 2, "two heartbeats");

        await File.WriteAllTextAsync(token, "second", Cancellation);
        session.Close();
        var next = await _gateway.AcceptAsync(Cancellation);
        Assert.Equal("Bearer second", next.Headers.GetValue("authorization"));
    }

    [Fact]
    public async Task A_command_with_a_value_that_is_not_allowed_fails_and_its_stream_stays_open()
    {
        await using var agent = Start();
        var session = await KnownAsync();
        var bad = Install(session.Life, "orders", "1.0.0", Jar("orders"));
        bad.Install.Source.Md5 = "abc";
        var refused = await session.RunAsync(bad);
        Assert.Equal(
            (Outcome.Refused, Reason.InvalidArtifact, "source.md5 must be 32 hexadecimal digits, or empty"),
            (refused.Outcome, refused.Reason, refused.Message));
        Assert.Empty(_base.Statistics[^1].InstallsStarted);
        Assert.Equal(Outcome.Succeeded, (await session.RunAsync(Install(session.Life, "invoice", "1.0.0", Jar("invoice")))).Outcome);
        Assert.False(session.HasEnded);
    }

    [Fact]
    public async Task A_malformed_message_closes_the_stream_without_effect_and_the_agent_reconnects()
    {
        await using var agent = Start();
        var session = await KnownAsync();
        var bad = Install(session.Life, "orders", "1.0.0", Jar("orders"));
        bad.Install.Module = null;
        await session.SendAsync(bad);
        var next = await _gateway.AcceptAsync(Cancellation);
        await UntilAsync(() => Task.FromResult(
            session.HasEnded && agent.Output.Contains("module is missing", StringComparison.Ordinal)));
        Assert.Empty(_base.Statistics[^1].InstallsStarted);
        Assert.Equal(Outcome.Succeeded, (await next.RunAsync(Install(session.Life, "orders", "1.0.0", Jar("orders")))).Outcome);
    }

    // A range in NO_PROXY is what a cluster's addresses look like there; .NET knows names and suffixes only.
    [Fact]
    public async Task Only_downloads_use_the_proxy_of_the_environment()
    {
        await using var proxy = await SlowStore.StartAsync();
        proxy.Release();
        var environment = new Dictionary<string, string>
        {
            ["http_proxy"] = proxy.Url("").GetLeftPart(UriPartial.Authority),
            ["HTTPS_PROXY"] = proxy.Url("").GetLeftPart(UriPartial.Authority),
            ["NO_PROXY"] = "127.0.0.0/8",
        };
        await using var agent = AgentProcess.Start(_gateway.Address, _base.Arklet.Address.ToString(), _base.ArkletPort, _folder.Path,
            environment);
        var session = await KnownAsync();
        Assert.Equal(Outcome.Succeeded, (await session.RunAsync(Install(session.Life, "orders", "1.0.0", Jar("orders")))).Outcome);
        Assert.Equal(0, proxy.Requests);
        var fetched = await session.RunAsync(Fetch(session.Life, "remote", "1.0.0", new Uri("http://jars.example/remote.jar")));
        Assert.Equal((Reason.InvalidArtifact, 1), (fetched.Reason, proxy.Requests));
    }

    [Fact]
    public async Task A_replica_that_does_not_lead_sends_it_to_the_one_that_does()
    {
        await using var leader = await ScriptedGateway.StartAsync(Cancellation);
        _gateway.Refusal = (
            new Status(StatusCode.Unavailable, "this controller is not the leader"),
            new Metadata { { "leader-address", $"{leader.Address.Host}:{leader.Address.Port}" } });
        await using var agent = Start();
        Assert.Equal("base-0", (await leader.AcceptAsync(Cancellation)).Hello.PodName);
    }

    [Fact]
    public async Task A_leader_that_stops_sends_it_to_the_next_one_at_a_random_moment_of_the_named_time()
    {
        await using var next = await ScriptedGateway.StartAsync(Cancellation);
        await using var agent = Start();
        var session = await _gateway.AcceptAsync(Cancellation);
        session.Ending = (
            new Status(StatusCode.Unavailable, "this controller stops"),
            new Metadata { { "leader-address", $"{next.Address.Host}:{next.Address.Port}" }, { "reconnect-within-ms", "0" } });
        session.Close();

        Assert.Equal("base-0", (await next.AcceptAsync(Cancellation)).Hello.PodName);
        await UntilAsync(() => Task.FromResult(Regex.IsMatch(agent.Output, @"this controller stops; reconnecting in 00:00:00\s")));
    }

    [Fact]
    public async Task Without_a_controller_the_agent_replays_in_order_and_is_ready_afterwards()
    {
        await using var agent = Start("--replay-after=3s");
        var session = await KnownAsync();
        foreach (var name in new[] { "orders", "invoice" })
            Assert.Equal(Outcome.Succeeded, (await session.RunAsync(Install(session.Life, name, "1.0.0", Jar(name)))).Outcome);
        Assert.Equal((0, ""), await AgentProcess.RunAsync("ready", $"--state-dir={_folder.Path}"));

        await _gateway.DisposeAsync();
        await _base.KillAsync();
        File.Delete(Jar("orders").LocalPath);
        await UntilAsync(async () =>
            (await AgentProcess.RunAsync("ready", $"--state-dir={_folder.Path}")).Output.Contains("Down", StringComparison.Ordinal));
        await _base.StartLifeAsync();

        await UntilAsync(() => Task.FromResult(_base.Statistics[^1].Installs.Count == 2));
        Assert.Equal(2, _base.Statistics.Count);
        Assert.All(_base.Statistics[^1].Installs.Values, count => Assert.Equal(1, count));
        await UntilAsync(async () => (await AgentProcess.RunAsync("ready", $"--state-dir={_folder.Path}")).Code == 0);
        // What it printed may still be in the pipe.
        await UntilAsync(() => Task.FromResult(Begun().Count() == 2));
        Assert.Collection(
            Begun(), line => Assert.Contains("Install orders:1.0.0", line, StringComparison.Ordinal),
            line => Assert.Contains("Install invoice:1.0.0", line, StringComparison.Ordinal));

        IEnumerable<string> Begun() =>
            agent.Output.Split('\n')
            .Where(line => line.Contains("command replay/", StringComparison.Ordinal) && line.Contains("begins", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_agent_stops_at_once_on_SIGTERM_also_during_an_install()
    {
        _base.Order("orders", new() { Hangs = true });
        await using var agent = Start();
        var session = await KnownAsync();
        // The install would go on for an hour: that the agent ends at all means that it does not wait for it.
        await session.SendAsync(Install(session.Life, "orders", "1.0.0", Jar("orders"), seconds: 3600));
        await session.UntilAsync(s => s.Biz("orders", "1.0.0") is not null, "the install under way");
        var stopping = agent.StopAsync();
        await Eventually.Ends(stopping);
        Assert.Equal(0, await stopping);
    }

    [Fact]
    public async Task A_second_agent_on_the_same_folder_is_refused()
    {
        await using var agent = Start();
        await KnownAsync();
        var (code, output) = await AgentProcess.RunAsync(
            $"--controller-address={_gateway.Address}", "--pod-namespace=a", "--pod-name=b", "--pod-uid=c", $"--state-dir={_folder.Path}");
        Assert.Equal(1, code);
        Assert.Contains("held by another agent process", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_probe_without_an_agent_reports_the_reason()
    {
        var (code, output) = await AgentProcess.RunAsync("ready", $"--state-dir={_folder.Path}");
        Assert.Equal(1, code);
        Assert.Contains("ready.json", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_bad_option_is_named()
    {
        var (code, output) = await AgentProcess.RunAsync(
            "--controller-address=ftp://x", "--pod-name=b", "--pod-uid=c", "--arklet-port=70000", "--health-interval=fast", "--what=1");
        Assert.Equal(2, code);
        foreach (var option in new[] { "CONTROLLER_ADDRESS", "POD_NAMESPACE", "ARKLET_PORT", "HEALTH_INTERVAL", "--what" })
            Assert.Contains(option, output, StringComparison.Ordinal);
    }

    private AgentProcess Start(params string[] more) =>
        AgentProcess.Start(_gateway.Address, _base.Arklet.Address.ToString(), _base.ArkletPort, _folder.Path, more);

    private async Task<GatewaySession> KnownAsync()
    {
        var session = await _gateway.AcceptAsync(Cancellation);
        await session.UntilAsync(s => s.Snapshot is { BizKnown: true }, "a snapshot with the list of modules");
        return session;
    }

    private Uri Jar(string name)
    {
        var path = _folder.Combine($"{name}.source.jar");
        if (!File.Exists(path)) SampleJar.Write(path, name, "1.0.0", name);
        return new Uri(path);
    }

    /// <summary>For what another process shows only when asked.</summary>
    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        late.CancelAfter(TimeSpan.FromSeconds(90));
        while (!await condition()) await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, late.Token);
    }
}
