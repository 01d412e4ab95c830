using Microsoft.Extensions.Time.Testing;
using ModuleController.Kube.Queues;

namespace ModuleController.Kube.Tests.Queues;

public sealed class WorkQueueTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly WorkQueue<string> _queue;

    public WorkQueueTests() => _queue = new(_time, new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(8)));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _queue.Dispose();

    [Fact]
    public async Task A_key_is_waiting_at_most_once()
    {
        _queue.Add("a");
        _queue.Add("a");
        _queue.Add("a", background: true);

        Assert.Equal(1, _queue.Depth);
        (await _queue.TakeAsync(Cancellation)).Dispose();
        Assert.False(_queue.TakeAsync(Cancellation).AsTask().IsCompleted);
    }

    [Fact]
    public async Task No_key_is_with_two_workers()
    {
        _queue.Add("a");
        var held = await _queue.TakeAsync(Cancellation);
        _queue.Add("a");

        var second = _queue.TakeAsync(Cancellation).AsTask();
        Assert.False(second.IsCompleted);

        held.Dispose();
        Assert.Equal("a", (await second).Key);
    }

    [Fact]
    public async Task A_key_added_while_held_comes_back_after_its_lease_ends()
    {
        _queue.Add("a");
        using (await _queue.TakeAsync(Cancellation))
        {
            _queue.Add("a");
            _queue.Add("a");
            Assert.Equal(0, _queue.Depth);
        }

        Assert.Equal(1, _queue.Depth);
        (await _queue.TakeAsync(Cancellation)).Dispose();
        Assert.Equal(0, _queue.Depth);
    }

    [Theory]
    [InlineData(5, 2)]
    [InlineData(2, 5)]
    public void Of_two_delays_the_earlier_counts(int first, int second)
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(first));
        _queue.AddAfter("a", TimeSpan.FromSeconds(second));

        _time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.Equal(0, _queue.Depth);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(1, _queue.Depth);
    }

    [Fact]
    public async Task An_immediate_add_drops_a_pending_delay()
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(5));
        _queue.Add("a");
        (await _queue.TakeAsync(Cancellation)).Dispose();

        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(0, _queue.Depth);
    }

    [Fact]
    public async Task What_a_worker_wishes_while_it_holds_the_key_stays()
    {
        _queue.Add("a");
        using (await _queue.TakeAsync(Cancellation)) _queue.AddAfter("a", TimeSpan.FromSeconds(5));

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(1, _queue.Depth);
    }

    [Fact]
    public async Task No_key_waits_for_anothers_back_off()
    {
        for (var i = 0; i < 4; i++)
        {
            _queue.Retry("a");
            _time.Advance(TimeSpan.FromSeconds(8));
            (await _queue.TakeAsync(Cancellation)).Dispose();
        }

        _queue.Retry("a");
        _queue.Retry("b");

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("b", (await _queue.TakeAsync(Cancellation)).Key);
        Assert.Equal(0, _queue.Depth);
    }

    [Fact]
    public async Task A_back_off_grows_and_starts_over_when_forgotten()
    {
        Assert.Equal([1, 2, 4, 8, 8], await Waits(5));
        _queue.Forget("a");
        Assert.Equal([1, 2], await Waits(2));

        async Task<List<int>> Waits(int count)
        {
            var waits = new List<int>();
            for (var i = 0; i < count; i++)
            {
                _queue.Retry("a");
                var seconds = 0;
                for (; _queue.Depth == 0; seconds++) _time.Advance(TimeSpan.FromSeconds(1));
                waits.Add(seconds);
                (await _queue.TakeAsync(Cancellation)).Dispose();
            }

            return waits;
        }
    }

    [Fact]
    public async Task Background_keys_come_after_all_others()
    {
        _queue.Add("resync", background: true);
        _queue.Add("promoted", background: true);
        _queue.Add("first");
        _queue.Add("promoted");

        Assert.Equal(["first", "promoted", "resync"], [await Next(), await Next(), await Next()]);

        async Task<string> Next()
        {
            using var lease = await _queue.TakeAsync(Cancellation);
            return lease.Key;
        }
    }

    [Fact]
    public async Task A_nearer_wish_stays_beside_a_key_that_waits_in_background()
    {
        _queue.Add("a", background: true);
        _queue.AddAfter("a", TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        _queue.Add("b");

        Assert.Equal(2, _queue.Depth);
        Assert.Equal("a", (await _queue.TakeAsync(Cancellation)).Key);
    }

    [Fact]
    public async Task A_cancelled_worker_takes_no_key_with_it()
    {
        using var cancelled = new CancellationTokenSource();
        var taking = _queue.TakeAsync(cancelled.Token).AsTask();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => taking);

        _queue.Add("a");
        Assert.Equal("a", (await _queue.TakeAsync(Cancellation)).Key);
    }

    [Fact]
    public async Task It_tells_its_depth_and_the_age_of_its_oldest_key()
    {
        Assert.Equal((0, TimeSpan.Zero), (_queue.Depth, _queue.OldestAge));
        _queue.Add("a");
        _time.Advance(TimeSpan.FromSeconds(3));
        _queue.Add("b");
        Assert.Equal((2, TimeSpan.FromSeconds(3)), (_queue.Depth, _queue.OldestAge));

        (await _queue.TakeAsync(Cancellation)).Dispose();
        Assert.Equal((1, TimeSpan.Zero), (_queue.Depth, _queue.OldestAge));
    }

    [Fact]
    public void What_is_added_after_the_end_is_dropped()
    {
        _queue.Dispose();
        _queue.Add("a");
        _queue.AddAfter("b", TimeSpan.FromSeconds(1));
        Assert.Equal(0, _queue.Depth);
    }
}
