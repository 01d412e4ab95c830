using Microsoft.Extensions.Time.Testing;
using ModuleController.Kube.Caches;

namespace ModuleController.Kube.Tests.Caches;

public sealed class CacheLagTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<double> _lags = [];
    private readonly List<double> _gaps = [];
    private readonly CacheLag _lag;

    public CacheLagTests() => _lag = new(_time, lag => _lags.Add(lag.TotalSeconds), gap => _gaps.Add(gap.TotalSeconds));

    [Fact]
    public void The_lag_of_a_write_is_the_time_from_its_answer_until_the_cache_has_observed_its_version()
    {
        _lag.Observed("5");
        _lag.Answered("9");
        _time.Advance(TimeSpan.FromSeconds(1));
        _lag.Answered("7");   // answers may arrive in another order than that of their writes
        _time.Advance(TimeSpan.FromSeconds(1));
        _lag.Observed("8");
        Assert.Equal([1], _lags);
        _time.Advance(TimeSpan.FromSeconds(1));
        _lag.Observed("12");
        Assert.Equal([1, 3], _lags);
    }

    [Fact]
    public void A_watch_has_a_gap_while_it_is_silent_and_a_write_is_not_observed()
    {
        _lag.Observed("5");
        _time.Advance(TimeSpan.FromMinutes(1));
        _lag.Observed("6");   // nothing was missing
        Assert.Empty(_gaps);
        _time.Advance(TimeSpan.FromMinutes(1));
        _lag.Answered("9");
        _time.Advance(TimeSpan.FromSeconds(2));
        _lag.Observed("7");
        _time.Advance(TimeSpan.FromSeconds(3));
        _lag.Observed("9");
        Assert.Equal([2, 3], _gaps);
        Assert.Equal([5], _lags);
    }

    [Fact]
    public void A_write_that_the_cache_observed_before_its_answer_arrived_has_no_lag()
    {
        _lag.Observed("7");
        _lag.Answered("6");
        _lag.Answered("7");
        Assert.Equal([0, 0], _lags);
    }

    [Fact]
    public void Versions_that_cannot_be_compared_are_not_measured()
    {
        _lag.Answered("v7-of-another-store");
        _lag.Answered(null);
        _lag.Observed("v8-of-another-store");
        _lag.Observed("8");
        Assert.Empty(_lags);
    }

    [Fact]
    public void Memory_is_bounded_and_writes_beyond_that_are_not_measured()
    {
        for (var version = 1; version <= 5000; version++) _lag.Answered($"{version}");
        _lag.Observed("5000");
        Assert.Equal(CacheLag.MostPending, _lags.Count);
    }
}
