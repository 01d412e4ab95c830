using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using ModuleController.Agent.Arklet;
using ModuleController.Dev.ArkletSimulator;

namespace ModuleController.Agent.Tests.Simulator;

/// <summary>What the simulator does to order, beyond the contract that it shares with a real base.</summary>
public sealed class SimulatedBaseTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);
    private readonly DirectoryInfo _jars = Directory.CreateTempSubdirectory("jars-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _jars.Delete(recursive: true);

    [Fact]
    public async Task A_paused_base_executes_waiting_requests_when_it_resumes_also_without_a_client()
    {
        await using var simulated = await SimulatedBase.StartAsync(new());
        using var client = Client(simulated, TimeSpan.FromMilliseconds(100));
        using var patient = Client(simulated);
        simulated.Hang();

        using (var socket = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            await socket.ConnectAsync("127.0.0.1", simulated.ArkletPort, Cancellation);
            var body = $$"""{"bizName":"a","bizVersion":"1","bizUrl":"{{Jar("a", "1").AbsoluteUri}}"}""";
            await socket.SendAsync(
                Encoding.ASCII.GetBytes($"POST /installBiz HTTP/1.1\r\nContent-Length: {body.Length}\r\n\r\n{body}"), Cancellation);
        }

        Assert.Equal(HealthOutcome.NoAnswer, (await client.HealthAsync(Cancellation)).Outcome);
        Assert.Equal(ArkletOutcome.Unreachable, (await client.InstallAsync("b", "1", Jar("b", "1"), Cancellation)).Outcome);
        Assert.Empty(simulated.Biz);
        simulated.Resume();

        await UntilAsync(() => simulated.Biz.GetValueOrDefault("a:1") == "activated");
        Assert.Equal("a", Assert.Single((await patient.QueryAllAsync(Cancellation))!).Name);
    }

    [Fact]
    public async Task Each_life_counts_and_logs_its_requests()
    {
        var log = Path.Combine(_jars.FullName, "log.txt");
        await using (var simulated = await SimulatedBase.StartAsync(new() { LogFile = log }))
        {
            using var client = Client(simulated);
            await client.InstallAsync("a", "1", Jar("a", "1"), Cancellation);
            await client.InstallAsync("a", "1", Jar("a", "1"), Cancellation);
            await client.InstallAsync("a", "2", Jar("a", "2"), Cancellation);
            await client.SwitchAsync("a", "2", Cancellation);
            await client.UninstallAsync("a", "1", Cancellation);
            await simulated.RestartAsync();
            await client.InstallAsync("a", "2", Jar("a", "2"), Cancellation);

            Assert.Collection(
                simulated.Statistics,
                first =>
                {
                    Assert.Equal([("a:1", 1), ("a:2", 1)], first.Installs.Select(i => (i.Key, i.Value)).Order());
                    Assert.Equal([("a:1", 1)], first.Repeats.Select(i => (i.Key, i.Value)));
                    Assert.Equal([("a:1", 1)], first.Uninstalls.Select(i => (i.Key, i.Value)));
                    Assert.Equal([("a:2", 1)], first.Switches.Select(i => (i.Key, i.Value)));
                    Assert.Equal(1, first.MaxConcurrent);
                },
                second => Assert.Equal([("a:2", 1)], second.Installs.Select(i => (i.Key, i.Value))));
        }

        var lines = (await File.ReadAllLinesAsync(log, Cancellation)).Select(l => l.Split(' ')).ToList();
        Assert.Equal(
            ["install-started a 1", "installed a 1", "repeated a 1", "install-started a 2", "installed a 2", "switched a 2",
                "uninstalled a 1",
             "install-started a 2", "installed a 2"],
            lines.Select(l => string.Join(' ', l[1..4])));
        Assert.Equal(2, lines.Select(l => l[0]).Distinct().Count());
    }

    [Fact]
    public async Task A_behaviour_overrides_the_jar_and_one_of_a_version_overrides_one_of_all_versions()
    {
        await using var simulated = await SimulatedBase.StartAsync(new());
        using var client = Client(simulated);
        var jar = Jar("a", "1", ("Simulator-Fail-Cause", "java.lang.Error: of the jar"));

        Assert.Equal("java.lang.Error: of the jar", (await client.InstallAsync("a", "1", jar, Cancellation)).Cause);
        simulated.Order("a", new BizBehavior { FailCause = "java.lang.Error: of all versions" });
        Assert.Equal("java.lang.Error: of all versions", (await client.InstallAsync("a", "1", jar, Cancellation)).Cause);
        simulated.Order("a:1", new BizBehavior { FailCause = "java.lang.Error: of this version" });
        Assert.Equal("java.lang.Error: of this version", (await client.InstallAsync("a", "1", jar, Cancellation)).Cause);
    }

    [Fact]
    public async Task A_switch_that_fails_changes_nothing()
    {
        await using var simulated = await SimulatedBase.StartAsync(new());
        using var client = Client(simulated);
        simulated.Order("a:2", new BizBehavior { SwitchFailCause = "java.lang.Error: no" });
        await client.InstallAsync("a", "1", Jar("a", "1"), Cancellation);
        await client.InstallAsync("a", "2", Jar("a", "2"), Cancellation);

        var result = await client.SwitchAsync("a", "2", Cancellation);

        Assert.Equal((ArkletOutcome.InternalError, "java.lang.Error: no"), (result.Outcome, result.Cause));
        Assert.Equal([("a:1", "activated"), ("a:2", "deactivated")], simulated.Biz.Select(b => (b.Key, b.Value)).Order());
    }

    [Fact]
    public async Task A_module_that_ends_the_jvm_leaves_its_command_unknown_and_an_empty_new_life()
    {
        await using var simulated = await SimulatedBase.StartAsync(new());
        using var client = Client(simulated);
        await client.InstallAsync("a", "1", Jar("a", "1"), Cancellation);

        var result = await client.InstallAsync("b", "1", Jar("b", "1", ("Simulator-Exits", "true")), Cancellation);

        Assert.Equal(ArkletOutcome.Unknown, result.Outcome);
        await UntilAsync(() => simulated.Statistics.Count == 2);
        await UntilAsync(async () => await client.QueryAllAsync(Cancellation) is []);
    }

    [Fact]
    public async Task A_module_may_end_the_jvm_some_time_after_its_start_and_not_once_it_was_removed()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var simulated = await SimulatedBase.StartAsync(new() { Time = time });
        using var client = Client(simulated);
        var jar = Jar("b", "1", ("Simulator-Exits-After-Millis", "300"));

        await client.InstallAsync("b", "1", jar, Cancellation);
        await client.UninstallAsync("b", "1", Cancellation);
        time.Advance(TimeSpan.FromMilliseconds(300));
        Assert.Equal(ArkletOutcome.Success, (await client.InstallAsync("b", "1", jar, Cancellation)).Outcome);
        Assert.Single(simulated.Statistics);

        time.Advance(TimeSpan.FromMilliseconds(300));
        await UntilAsync(() => simulated.Statistics.Count == 2);
        await UntilAsync(async () => await client.QueryAllAsync(Cancellation) is []);
    }

    [Fact]
    public async Task A_base_that_stops_accepting_refuses_connections_and_keeps_its_modules()
    {
        await using var simulated = await SimulatedBase.StartAsync(new());
        using var client = Client(simulated);
        await client.InstallAsync("a", "1", Jar("a", "1"), Cancellation);

        simulated.StopAccepting();
        Assert.Equal(HealthOutcome.ConnectionRefused, (await client.HealthAsync(Cancellation)).Outcome);
        simulated.ResumeAccepting();

        Assert.Single((await client.QueryAllAsync(Cancellation))!);
    }

    [Fact]
    public async Task A_killed_base_refuses_connections_until_its_next_life_on_the_same_ports()
    {
        await using var simulated = await SimulatedBase.StartAsync(new());
        using var client = Client(simulated);
        var ports = (simulated.ArkletPort, simulated.WebPort);

        await simulated.KillAsync();
        Assert.Equal(HealthOutcome.ConnectionRefused, (await client.HealthAsync(Cancellation)).Outcome);
        await simulated.StartLifeAsync();

        Assert.Equal(ports, (simulated.ArkletPort, simulated.WebPort));
        Assert.Equal(HealthOutcome.Answered, (await client.HealthAsync(Cancellation)).Outcome);
    }

    [Fact]
    public async Task During_the_start_the_web_answers_and_Arklet_does_not()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var simulated = await SimulatedBase.StartAsync(new() { StartDelay = TimeSpan.FromSeconds(3), Time = time });
        using var client = Client(simulated);
        using var http = new HttpClient { BaseAddress = simulated.Web };

        Assert.Equal(503, (int)(await http.GetAsync("actuator/health/readiness", Cancellation)).StatusCode);
        Assert.Equal(HealthOutcome.ConnectionRefused, (await client.HealthAsync(Cancellation)).Outcome);
        time.Advance(TimeSpan.FromSeconds(3));

        await UntilAsync(async () => (await client.HealthAsync(Cancellation)).Outcome == HealthOutcome.Answered);
        await UntilAsync(async () => (await http.GetAsync("actuator/health/readiness", Cancellation)).IsSuccessStatusCode);
    }

    [Fact]
    public async Task Ports_can_be_reused_at_once_although_child_processes_inherited_them()
    {
        await using var simulated = await SimulatedBase.StartAsync(new());
        using var enough = new CancellationTokenSource();
        var begun = 0;
        var starting = Task.Run(() =>
        {
            while (!enough.IsCancellationRequested)
            {
                using var process = Process.Start("true");
                process.WaitForExit();
                Interlocked.Increment(ref begun);
            }
        }, Cancellation);

        for (var restarts = 0; restarts < 200 || Volatile.Read(ref begun) < 20; restarts++) await simulated.RestartAsync();
        await enough.CancelAsync();
        await starting;
    }

    [Fact]
    public async Task A_failed_start_of_a_life_is_reported()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var simulated = await SimulatedBase.StartAsync(new() { StartDelay = TimeSpan.FromSeconds(3), Time = time });
        // Bound by both, which is allowed until one of them listens.
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Bind(simulated.Arklet);
        other.Listen();
        Assert.False(simulated.Failed.IsCompleted);

        time.Advance(TimeSpan.FromSeconds(3));

        var error = await Assert.ThrowsAsync<SocketException>(() => simulated.Failed.WaitAsync(Timeout, Cancellation));
        Assert.Equal(SocketError.AddressAlreadyInUse, error.SocketErrorCode);
    }

    [Fact]
    public async Task Hundreds_of_bases_run_in_one_process()
    {
        var jar = Jar("a", "1");
        var bases = await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => SimulatedBase.StartAsync(new())));

        var outcomes = await Task.WhenAll(bases.Select(async b =>
        {
            using var client = new ArkletClient(new ArkletOptions("127.0.0.1", b.ArkletPort), TimeProvider.System);
            return (await client.InstallAsync("a", "1", jar, Cancellation)).Outcome;
        }));

        foreach (var simulated in bases) await simulated.DisposeAsync();
        Assert.All(outcomes, o => Assert.Equal(ArkletOutcome.Success, o));
        Assert.All(bases, b => Assert.Equal(1, Assert.Single(b.Statistics).Installs["a:1"]));
    }

    [Fact]
    public void A_long_attribute_survives_the_manifests_lines()
    {
        var cause = "java.lang.IllegalStateException: " + string.Join(' ', Enumerable.Range(0, 60));

        var manifest = BizManifest.Read(Jar("a-rather-long-name", "1.2.3", ("Simulator-Fail-Cause", cause)).LocalPath);

        Assert.Equal(("a-rather-long-name", "1.2.3", "a-rather-long-name", cause),
            (manifest.Name, manifest.Version, manifest.WebContextPath, manifest["Simulator-Fail-Cause"]));
    }

    /// <param name="timeout">With a base that answers; short where it is known that nobody does.</param>
    private static ArkletClient Client(SimulatedBase simulated, TimeSpan? timeout = null) =>
        new(new ArkletOptions("127.0.0.1", simulated.ArkletPort) { ContinueTimeout = timeout ?? Timeout }, TimeProvider.System);

    private static Task UntilAsync(Func<bool> isTrue) => UntilAsync(() => Task.FromResult(isTrue()));

    private static async Task UntilAsync(Func<Task<bool>> isTrue)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await isTrue())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Timeout, "waited too long");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Cancellation);
        }
    }

    private Uri Jar(string name, string version, params (string Name, string Value)[] attributes)
    {
        var path = Path.Combine(_jars.FullName, $"{name}-{version}.jar");
        SampleJar.Write(path, name, version, version == "1" || version.Contains('.', StringComparison.Ordinal)
            ? name : $"{name}-{version}", attributes.ToDictionary(a => a.Name, a => a.Value));
        return new(path);
    }
}
