using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Caches;

/// <summary>
/// Our client and cache, over HTTP, against a server that ends the watch of a slow reader. The informer has a clock of its own, on
/// which a wait takes no time and is noted. The connection buffers some MiB, so the bursts are larger than that.
/// </summary>
public sealed class SlowWatchTests : IAsyncLifetime
{
    private const int ObjectCount = 100;
    private const int MostWrites = 4_000;   // the server's log keeps more, so that no watch is too old

    private static readonly string Payload = new('x', 64 * 1024);
    private static readonly TimeSpan ResumeGap = TimeSpan.FromSeconds(0.5);

    private readonly LogGuard _logs = new();
    private readonly ImpatientTime _time = new();
    private readonly CancellationTokenSource _stop = new();
    private ApiServerHost _host = null!;
    private KubeClient _client = null!;
    private Task _run = Task.CompletedTask;
    private int _writes;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await ApiServerHost.StartAsync(new(), Cancellation);
        _client = new(Transport.To(_host.ServerUri, _host.AdminToken), new ResourceJson());
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Eventually.Ends(_run);
        _stop.Dispose();
        _client.Dispose();
        await _host.DisposeAsync();
        _logs.Dispose();
    }

    [Fact]
    public async Task A_burst_of_large_objects_reaches_the_cache_without_another_list_and_without_backoff()
    {
        var pods = await StartAsync(new());
        for (var i = 0; i < 1_000; i++) Write();
        await Eventually.True(() => IsCurrent(pods), State);
        Assert.Equal(1, Requests("list"));
        Assert.All(_time.Waits, wait => Assert.InRange(wait, TimeSpan.Zero, ResumeGap));
    }

    [Fact]
    public async Task A_reader_so_slow_that_the_server_ends_its_watch_again_and_again_resumes_and_misses_nothing()
    {
        using var gate = new ManualResetEventSlim();
        var isHeld = false;
        var pods = await StartAsync(new()
        {
            Transform = pod =>
            {
                Volatile.Write(ref isHeld, true);
                gate.Wait(Cancellation);
                return pod;
            },
        });
        for (var round = 1; round <= 3; round++)
        {
            gate.Reset();
            Volatile.Write(ref isHeld, false);
            Write();
            await Eventually.True(() => Volatile.Read(ref isHeld));
            while (_host.Log.SlowWatchersEnded < round && _writes < MostWrites) Write();
            gate.Set();
            await Eventually.True(() => IsCurrent(pods) && Requests("watch") == round + 1, State);
        }

        Assert.Equal(3, _host.Log.SlowWatchersEnded);
        Assert.Equal(1, Requests("list"));
        Assert.All(_time.Waits, wait => Assert.InRange(wait, TimeSpan.Zero, ResumeGap));
    }

    private async Task<Informer<Pod>> StartAsync(InformerOptions<Pod> options)
    {
        var pods = new Informer<Pod>(_client, options, _time, _logs.CreateLogger("Reflector"));
        _run = pods.RunAsync(_stop.Token);
        await pods.WaitForSyncAsync(Cancellation);
        await Eventually.True(() => Requests("watch") == 1);
        return pods;
    }

    /// <summary>Straight into the log, where no request limits the rate.</summary>
    private void Write()
    {
        var name = Name(_writes++ % ObjectCount);
        _host.Log.Commit(new("pods", "default", name), _ => { }, _ => new Edit(new()
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Pod",
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["namespace"] = "default",
                ["uid"] = name,
                ["annotations"] = new JsonObject { ["payload"] = Payload, ["write"] = $"{_writes}" },
            },
        }));
    }

    private bool IsCurrent(Informer<Pod> pods) => Enumerable.Range(0, Math.Min(_writes, ObjectCount)).Select(Name).All(name =>
        pods.Get(new("default", name))?.Metadata.ResourceVersion == $"{_host.Log.Find(new("pods", "default", name))!.Revision}");

    private long Requests(string verb) => _host.Counters.Snapshot()
        .Where(entry => entry.Key.Verb == verb && entry.Key.Resource == "pods").Sum(entry => entry.Value);

    private string State() =>
        $"{_writes} writes, {Requests("list")} lists, {Requests("watch")} watches, {_host.Log.SlowWatchersEnded} ended; waits: "
            + $"{string.Join(", ", _time.Waits)}";

    private static string Name(int number) => $"pod-{number}";
}
