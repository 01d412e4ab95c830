using Microsoft.Extensions.Logging;
using ModuleController.Core.Builtin;
using ModuleController.Kube.Tests.Client;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Caches;

/// <summary>How a store follows the API server.</summary>
public sealed class ReflectorTests : IAsyncDisposable
{
    private readonly ReflectorBench _bench = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task It_lists_and_then_follows()
    {
        await _bench.CreateAsync("a");
        await _bench.StartAsync();
        Assert.Single(_bench.Store.List());

        await _bench.CreateAsync("b");
        await _bench.Cluster.DeleteAsync<Pod>(new("demo", "a"), cancellation: Cancellation);
        await Eventually.True(() => _bench.Store.List().SingleOrDefault()?.Metadata.Name == "b");
        Assert.Equal(["list pods", "watch pods"], _bench.Reads());
    }

    [Fact]
    public async Task A_dropped_stream_resumes_from_the_last_version()
    {
        await _bench.StartAsync();
        _bench.Cluster.CutWatches();
        await _bench.CreateAsync("a");
        await _bench.PassAsync(() => _bench.Store.Count == 1);
        Assert.Equal(["list pods", "watch pods", "watch pods"], _bench.Reads());
    }

    [Fact]
    public async Task A_410_lists_again()
    {
        await _bench.StartAsync();
        _bench.Cluster.Compact();
        _bench.Cluster.CutWatches();
        await _bench.CreateAsync("a");
        await _bench.PassAsync(() => _bench.Store.Count == 1);
        Assert.Equal(["list pods", "watch pods", "watch pods", "list pods", "watch pods"], await _bench.ReadsAsync(5));
    }

    [Fact]
    public async Task An_unreadable_event_lists_again()
    {
        await _bench.StartAsync();
        _bench.Cluster.SendGarbage<Pod>();
        await _bench.PassAsync(() => _bench.Reads().Length == 4);
        Assert.Equal(["list pods", "watch pods", "list pods", "watch pods"], _bench.Reads());
    }

    [Fact]
    public async Task The_first_list_is_tried_until_it_works()
    {
        var failures = 3;
        _bench.Cluster.Before = request => request == "list pods" && failures-- > 0 ? throw FakeCluster.Unreachable : Task.CompletedTask;
        _bench.Run(_bench.Reflector);
        Assert.False(_bench.Reflector.Synced.IsCompleted);
        await _bench.PassAsync(() => _bench.Reflector.Synced.IsCompleted);
        Assert.Equal(4, _bench.Reads().Count(request => request == "list pods"));
    }

    [Fact]
    public async Task An_object_that_cannot_be_read_keeps_its_last_state_and_is_logged_as_an_error()
    {
        _bench.Logs.Allow("its last known state is kept");
        await using var api = await ScriptedApi.StartAsync();
        var lists = 0;
        api.Answer = (request, response, _) => request.IsWatch
            ? ScriptedApi.Refuse(response, 410, "Expired")
            : ScriptedApi.Respond(response, 200, Interlocked.Increment(ref lists) == 1
                ? """{"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a","uid":"u"},"spec":{"nodeName":"n"}}]}"""
                : """{"metadata":{"resourceVersion":"2"},"items":[{"metadata":{"name":"a","uid":"u"},"spec":{"nodeName":[]}},{"metadata":{"name":"b"}}]}""");
        using var client = api.Client();
        _bench.Run(_bench.Of(client));

        await _bench.PassAsync(() => _bench.Store.Count == 2);
        Assert.Equal("n", _bench.Store.Get(new("", "a"))?.Spec.NodeName);
        Assert.Contains(_bench.Logs.Lines, line => line.Level == LogLevel.Error);

        await _bench.StopAsync();
    }

    [Fact]
    public async Task Pages_that_expire_are_asked_for_again_all_at_once()
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Answer = (request, response, ending) => request switch
        {
            { IsWatch: true } => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ending),
            _ when request.Query.ContainsKey("continue") => ScriptedApi.Refuse(response, 410, "Expired"),
            _ when request.Query.ContainsKey("limit") => ScriptedApi.Respond(response, 200, """{"metadata":{"resourceVersion":"1","continue":"x"},"items":[]}"""),
            _ => ScriptedApi.Respond(response, 200, """{"metadata":{"resourceVersion":"2"},"items":[{"metadata":{"name":"a"}}]}"""),
        };
        using var client = api.Client();
        _bench.Run(_bench.Of(client));
        await _bench.PassAsync(() => _bench.Store.Count == 1);

        // Before its client goes: what it watches with must not be taken from under it.
        await _bench.StopAsync();
    }

    [Fact]
    public async Task Objects_are_trimmed_before_they_are_kept()
    {
        await _bench.CreateAsync("a");
        _bench.Run(_bench.Of(_bench.Cluster, options: new() { Transform = pod => pod with { Spec = new() { NodeName = "trimmed" } } }));
        await Eventually.True(() => _bench.Store.Count == 1);
        await _bench.CreateAsync("b");
        await Eventually.True(() => _bench.Store.Count == 2);
        Assert.All(_bench.Store.List(), pod => Assert.Equal("trimmed", pod.Spec.NodeName));
    }
}
