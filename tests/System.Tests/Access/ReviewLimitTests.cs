using ModuleController.ControlPlane.Access;

namespace ModuleController.SystemTests.Access;

/// <summary>How many reviews are in progress, and how many wait.</summary>
public sealed class ReviewLimitTests
{
    private readonly TaskCompletionSource<string> _answer = new();
    private int _asked;

    [Fact]
    public async Task So_many_are_in_progress_others_wait_and_more_are_turned_away()
    {
        using var limit = new ReviewLimit(concurrent: 2, waiting: 1);
        Task<string?>[] admitted = [RunAsync(limit), RunAsync(limit), RunAsync(limit)];

        Assert.Null(await RunAsync(limit));
        Assert.Equal(2, _asked);
        _answer.SetResult("yes");
        Assert.Equal(["yes", "yes", "yes"], await Task.WhenAll(admitted));
        Assert.Equal(3, _asked);
        Assert.Equal("yes", await RunAsync(limit));
    }

    [Fact]
    public async Task One_that_gives_up_or_fails_makes_room()
    {
        using var limit = new ReviewLimit(concurrent: 1, waiting: 1);
        using var stop = new CancellationTokenSource();
        var first = RunAsync(limit);
        var second = limit.RunAsync(() => Task.FromResult("no"), stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);

        var third = RunAsync(limit);
        _answer.SetException(new InvalidOperationException("broken"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => first);
        await Assert.ThrowsAsync<InvalidOperationException>(() => third);
        Assert.Equal("yes", await limit.RunAsync(() => Task.FromResult("yes"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_cache_forgets_after_its_time_and_keeps_no_more_than_it_may()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var cache = new ReviewCache<int, string>(TimeSpan.FromSeconds(10), capacity: 2, time);
        cache.Set(1, "one");
        cache.Set(2, "two");
        cache.Set(3, "three");
        cache.Set(2, "zwei");

        Assert.True(cache.TryGet(2, out var value) && value == "zwei");
        Assert.False(cache.TryGet(3, out _));
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.False(cache.TryGet(1, out _));
        cache.Set(3, "three");
        Assert.True(cache.TryGet(3, out _));
    }

    private Task<string?> RunAsync(ReviewLimit limit) => limit.RunAsync(
        () =>
        {
            _asked++;
            return _answer.Task;
        },
        TestContext.Current.CancellationToken);
}
