using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Core.Builtin;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Tests.Client;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Caches;

public sealed class ReflectorTests : IAsyncDisposable
{
    private readonly LogGuard _logs = new();
    private readonly FakeTimeProvider _time = new();
    private readonly FakeCluster _cluster = new();
    private readonly Store<Pod> _store = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Reflector<Pod> _reflector;
    private Task _run = Task.CompletedTask;

    public ReflectorTests() => _reflector = new(_cluster, _store, new(), _time, _logs.CreateLogger("Reflector"));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Eventually.Ends(_run);
        _stop.Dispose();
        _logs.Dispose();
    }

    [Fact]
    public async Task It_lists_and_then_follows()
    {
        await CreateAsync("a");
        await StartAsync();
        Assert.Single(_store.List());

        await CreateAsync("b");
        await _cluster.DeleteAsync<Pod>(new("demo", "a"), cancellation: Cancellation);
        await Eventually.True(() => _store.List().SingleOrDefault()?.Metadata.Name == "b");
        Assert.Equal(["list pods", "watch pods"], Reads());
    }

    [Fact]
    public async Task A_dropped_stream_resumes_from_the_last_version()
    {
        await StartAsync();
        _cluster.CutWatches();
        await CreateAsync("a");
        await PassAsync(() => _store.Count == 1);
        Assert.Equal(["list pods", "watch pods", "watch pods"], Reads());
    }

    [Fact]
    public async Task A_410_lists_again()
    {
        await StartAsync();
        _cluster.Compact();
        _cluster.CutWatches();
        await CreateAsync("a");
        await PassAsync(() => _store.Count == 1);
        Assert.Equal(["list pods", "watch pods", "watch pods", "list pods", "watch pods"], await ReadsAsync(5));
    }

    [Fact]
    public async Task An_unreadable_event_lists_again()
    {
        await StartAsync();
        _cluster.SendGarbage<Pod>();
        await PassAsync(() => Reads().Length == 4);
        Assert.Equal(["list pods", "watch pods", "list pods", "watch pods"], Reads());
    }

    [Fact]
    public async Task The_first_list_is_tried_until_it_works()
    {
        var failures = 3;
        _cluster.Before = request => request == "list pods" && failures-- > 0 ? throw FakeCluster.Unreachable : Task.CompletedTask;
        _run = _reflector.RunAsync(_stop.Token);
        Assert.False(_reflector.Synced.IsCompleted);
        await PassAsync(() => _reflector.Synced.IsCompleted);
        Assert.Equal(4, Reads().Count(request => request == "list pods"));
    }

    [Fact]
    public async Task A_watch_that_delivered_events_resumes_immediately_at_most_twice_a_second()
    {
        var time = await StartImpatientlyAsync();
        time.Advance(TimeSpan.FromSeconds(2));
        await DeliverAsync("a");
        await EndAsync(_cluster.EndWatches);
        Assert.Empty(time.Waits);

        // These watches end in the moment in which they began.
        await DeliverAsync("b");
        await EndAsync(_cluster.EndWatches);
        await DeliverAsync("c");
        await EndAsync(_cluster.CutWatches);
        Assert.Equal([0.5, 0.5], time.Waits.Select(wait => wait.TotalSeconds));
        Assert.Equal(1, Lists());
    }

    [Fact]
    public async Task A_bookmark_counts_as_an_event()
    {
        var time = await StartImpatientlyAsync();
        var version = _store.ResourceVersion;
        _cluster.SendBookmark<Pod>();
        await Eventually.True(() => _store.ResourceVersion != version);
        await EndAsync(_cluster.EndWatches);
        Assert.Equal([0.5], time.Waits.Select(wait => wait.TotalSeconds));
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task An_error_of_the_server_after_events_ends_a_watch_that_delivered(int code)
    {
        var time = await StartImpatientlyAsync();
        await DeliverAsync("a");
        await EndAsync(() => _cluster.SendError<Pod>(code, "InTrouble"));
        Assert.Equal([0.5], time.Waits.Select(wait => wait.TotalSeconds));

        await EndAsync(() => _cluster.SendError<Pod>(code, "InTrouble"));   // without events
        Assert.InRange(time.Waits.Last().TotalSeconds, 0.8, 1.6);
        Assert.Equal(1, Lists());
    }

    [Fact]
    public async Task A_watch_that_ended_within_a_second_without_events_backs_off_until_one_delivers()
    {
        var time = await StartImpatientlyAsync();
        await EndAsync(_cluster.EndWatches);
        await EndAsync(_cluster.EndWatches);
        var waits = time.Waits.Select(wait => wait.TotalSeconds).ToArray();
        Assert.InRange(waits[0], 0.8, 1.6);
        Assert.InRange(waits[1], 1.6, 3.2);

        await DeliverAsync("a");
        await EndAsync(_cluster.EndWatches);
        await EndAsync(_cluster.EndWatches);
        waits = [.. time.Waits.Select(wait => wait.TotalSeconds)];
        Assert.Equal(0.5, waits[2]);
        Assert.InRange(waits[3], 0.8, 1.6);
    }

    [Fact]
    public async Task A_quiet_watch_that_ended_in_good_order_is_followed_by_the_next_and_one_that_failed_backs_off()
    {
        var time = await StartImpatientlyAsync();
        time.Advance(TimeSpan.FromSeconds(2));
        await EndAsync(_cluster.EndWatches);
        Assert.Empty(time.Waits);

        time.Advance(TimeSpan.FromSeconds(2));
        await EndAsync(_cluster.CutWatches);
        Assert.InRange(Assert.Single(time.Waits).TotalSeconds, 0.8, 1.6);
    }

    [Fact]
    public async Task A_410_after_events_backs_off_and_lists_again()
    {
        var time = await StartImpatientlyAsync();
        await DeliverAsync("a");
        await EndAsync(() => _cluster.SendError<Pod>(410, "Expired"));
        Assert.InRange(Assert.Single(time.Waits).TotalSeconds, 0.8, 1.6);
        Assert.Equal(2, Lists());
    }

    [Fact]
    public async Task Backoff_is_from_0_8_to_30_s_with_jitter_and_starts_over_after_a_watch_that_outlived_it()
    {
        var time = new ImpatientTime();
        var failures = 9;
        _cluster.Before = _ => failures-- > 0 ? throw FakeCluster.Unreachable : Task.CompletedTask;
        var reflector = new Reflector<Pod>(_cluster, _store, new(), time, _logs.CreateLogger("Reflector"));
        _run = reflector.RunAsync(_stop.Token);
        await reflector.Synced.WaitAsync(Cancellation);

        var waits = time.Waits.Select(wait => wait.TotalSeconds).ToArray();
        Assert.Equal(9, waits.Length);
        Assert.InRange(waits[0], 0.8, 1.6);
        Assert.InRange(waits[2], 3.2, 6.4);
        Assert.All(waits, wait => Assert.InRange(wait, 0.8, 30));
        Assert.InRange(waits[^1], 15, 30);

        await Eventually.True(() => Reads().Contains("watch pods"));
        time.Advance(TimeSpan.FromSeconds(31));
        _cluster.CutWatches();
        await Eventually.True(() => time.Waits.Count == 10);
        Assert.InRange(time.Waits.Last().TotalSeconds, 0.8, 1.6);
    }

    [Fact]
    public async Task An_object_that_cannot_be_read_keeps_its_last_state_and_is_logged_as_an_error()
    {
        _logs.Allow("its last known state is kept");
        await using var api = await ScriptedApi.StartAsync();
        var lists = 0;
        api.Answer = (request, response, _) => request.IsWatch
            ? ScriptedApi.Refuse(response, 410, "Expired")
            : ScriptedApi.Respond(response, 200, Interlocked.Increment(ref lists) == 1
                ? """{"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a","uid":"u"},"spec":{"nodeName":"n"}}]}"""
                : """{"metadata":{"resourceVersion":"2"},"items":[{"metadata":{"name":"a","uid":"u"},"spec":{"nodeName":[]}},{"metadata":{"name":"b"}}]}""");
        using var client = api.Client();
        _run = new Reflector<Pod>(client, _store, new(), _time, _logs.CreateLogger("Reflector")).RunAsync(_stop.Token);

        await PassAsync(() => _store.Count == 2);
        Assert.Equal("n", _store.Get(new("", "a"))?.Spec.NodeName);
        Assert.Contains(_logs.Lines, line => line.Level == LogLevel.Error);

        await _stop.CancelAsync();
        await _run;
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
        _run = new Reflector<Pod>(client, _store, new(), _time, _logs.CreateLogger("Reflector")).RunAsync(_stop.Token);
        await PassAsync(() => _store.Count == 1);

        // Before its client goes: what it watches with must not be taken from under it.
        await _stop.CancelAsync();
        await _run;
    }

    [Fact]
    public async Task Objects_are_trimmed_before_they_are_kept()
    {
        await CreateAsync("a");
        _run = new Reflector<Pod>(_cluster, _store, new() { Transform = pod => pod with { Spec = new() { NodeName = "trimmed" } } }, _time,
            _logs.CreateLogger("Reflector"))
            .RunAsync(_stop.Token);
        await Eventually.True(() => _store.Count == 1);
        await CreateAsync("b");
        await Eventually.True(() => _store.Count == 2);
        Assert.All(_store.List(), pod => Assert.Equal("trimmed", pod.Spec.NodeName));
    }

    private async Task StartAsync()
    {
        _run = _reflector.RunAsync(_stop.Token);
        await _reflector.Synced.WaitAsync(Cancellation);
        await Eventually.True(() => Reads().Contains("watch pods"));
    }

    /// <summary>A reflector whose waits are over at once, and which watches now.</summary>
    private async Task<ImpatientTime> StartImpatientlyAsync()
    {
        var time = new ImpatientTime();
        _run = new Reflector<Pod>(_cluster, _store, new(), time, _logs.CreateLogger("Reflector")).RunAsync(_stop.Token);
        await Eventually.True(() => Watches() == 1);
        return time;
    }

    private async Task DeliverAsync(string name)
    {
        await CreateAsync(name);
        await Eventually.True(() => _store.Get(new("demo", name)) is not null);
    }

    /// <summary>Ends the open watch, and waits for the next one.</summary>
    private async Task EndAsync(Action end)
    {
        var before = Watches();
        end();
        await Eventually.True(() => Watches() == before + 1);
    }

    private int Watches() => Reads().Count(request => request == "watch pods");

    private int Lists() => Reads().Count(request => request == "list pods");

    private Task<Pod> CreateAsync(string name) =>
        _cluster.CreateAsync(new Pod { Metadata = new() { Name = name, Namespace = "demo" } }, "test", Cancellation);

    private string[] Reads() => [.. _cluster.Requests.Where(request => request is "list pods" or "watch pods")];

    private async Task<string[]> ReadsAsync(int count)
    {
        await PassAsync(() => Reads().Length >= count);
        return Reads();
    }

    /// <summary>Lets fake time pass in small steps until something is so.</summary>
    private Task PassAsync(Func<bool> condition) => Eventually.True(
        () =>
        {
            if (condition()) return true;
            _time.Advance(TimeSpan.FromSeconds(0.2));
            return false;
        },
        () => string.Create(CultureInfo.InvariantCulture, $"{string.Join(", ", _cluster.Requests)}; {_store.Count} objects"));
}
