using ModuleController.Core.Builtin;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Caches;

/// <summary>When a watch that ended is followed by the next one.</summary>
public sealed class ReflectorBackoffTests : IAsyncDisposable
{
    private readonly ReflectorBench _bench = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task A_watch_that_delivered_events_resumes_immediately_at_most_twice_a_second()
    {
        var time = await _bench.StartImpatientlyAsync();
        time.Advance(TimeSpan.FromSeconds(2));
        await _bench.DeliverAsync("a");
        await _bench.EndAsync(_bench.Cluster.EndWatches);
        Assert.Empty(time.Waits);

        // These watches end in the moment in which they began.
        await _bench.DeliverAsync("b");
        await _bench.EndAsync(_bench.Cluster.EndWatches);
        await _bench.DeliverAsync("c");
        await _bench.EndAsync(_bench.Cluster.CutWatches);
        Assert.Equal([0.5, 0.5], time.Waits.Select(wait => wait.TotalSeconds));
        Assert.Equal(1, _bench.Lists());
    }

    [Fact]
    public async Task A_bookmark_counts_as_an_event()
    {
        var time = await _bench.StartImpatientlyAsync();
        var version = _bench.Store.ResourceVersion;
        _bench.Cluster.SendBookmark<Pod>();
        await Eventually.True(() => _bench.Store.ResourceVersion != version);
        await _bench.EndAsync(_bench.Cluster.EndWatches);
        Assert.Equal([0.5], time.Waits.Select(wait => wait.TotalSeconds));
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task An_error_of_the_server_after_events_ends_a_watch_that_delivered(int code)
    {
        var time = await _bench.StartImpatientlyAsync();
        await _bench.DeliverAsync("a");
        await _bench.EndAsync(() => _bench.Cluster.SendError<Pod>(code, "InTrouble"));
        Assert.Equal([0.5], time.Waits.Select(wait => wait.TotalSeconds));

        await _bench.EndAsync(() => _bench.Cluster.SendError<Pod>(code, "InTrouble"));   // without events
        Assert.InRange(time.Waits.Last().TotalSeconds, 0.8, 1.6);
        Assert.Equal(1, _bench.Lists());
    }

    [Fact]
    public async Task A_watch_that_ended_within_a_second_without_events_backs_off_until_one_delivers()
    {
        var time = await _bench.StartImpatientlyAsync();
        await _bench.EndAsync(_bench.Cluster.EndWatches);
        await _bench.EndAsync(_bench.Cluster.EndWatches);
        var waits = time.Waits.Select(wait => wait.TotalSeconds).ToArray();
        Assert.InRange(waits[0], 0.8, 1.6);
        Assert.InRange(waits[1], 1.6, 3.2);

        await _bench.DeliverAsync("a");
        await _bench.EndAsync(_bench.Cluster.EndWatches);
        await _bench.EndAsync(_bench.Cluster.EndWatches);
        waits = [.. time.Waits.Select(wait => wait.TotalSeconds)];
        Assert.Equal(0.5, waits[2]);
        Assert.InRange(waits[3], 0.8, 1.6);
    }

    [Fact]
    public async Task A_quiet_watch_that_ended_in_good_order_is_followed_by_the_next_and_one_that_failed_backs_off()
    {
        var time = await _bench.StartImpatientlyAsync();
        time.Advance(TimeSpan.FromSeconds(2));
        await _bench.EndAsync(_bench.Cluster.EndWatches);
        Assert.Empty(time.Waits);

        time.Advance(TimeSpan.FromSeconds(2));
        await _bench.EndAsync(_bench.Cluster.CutWatches);
        Assert.InRange(Assert.Single(time.Waits).TotalSeconds, 0.8, 1.6);
    }

    [Fact]
    public async Task A_410_after_events_backs_off_and_lists_again()
    {
        var time = await _bench.StartImpatientlyAsync();
        await _bench.DeliverAsync("a");
        await _bench.EndAsync(() => _bench.Cluster.SendError<Pod>(410, "Expired"));
        Assert.InRange(Assert.Single(time.Waits).TotalSeconds, 0.8, 1.6);
        Assert.Equal(2, _bench.Lists());
    }

    [Fact]
    public async Task Backoff_is_from_0_8_to_30_s_with_jitter_and_starts_over_after_a_watch_that_outlived_it()
    {
        var time = new ImpatientTime();
        var failures = 9;
        _bench.Cluster.Before = _ => failures-- > 0 ? throw FakeCluster.Unreachable : Task.CompletedTask;
        var reflector = _bench.Of(_bench.Cluster, time);
        _bench.Run(reflector);
        await reflector.Synced.WaitAsync(Cancellation);

        var waits = time.Waits.Select(wait => wait.TotalSeconds).ToArray();
        Assert.Equal(9, waits.Length);
        Assert.InRange(waits[0], 0.8, 1.6);
        Assert.InRange(waits[2], 3.2, 6.4);
        Assert.All(waits, wait => Assert.InRange(wait, 0.8, 30));
        Assert.InRange(waits[^1], 15, 30);

        await Eventually.True(() => _bench.Reads().Contains("watch pods"));
        time.Advance(TimeSpan.FromSeconds(31));
        _bench.Cluster.CutWatches();
        await Eventually.True(() => time.Waits.Count == 10);
        Assert.InRange(time.Waits.Last().TotalSeconds, 0.8, 1.6);
    }
}
