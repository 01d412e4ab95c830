namespace ModuleController.Agent.Commands;

/// <summary>
/// One command's turn at the base: the lane, which only one command has, and the time that it may take. While a hook is
/// called the lane is another's and the time stands still, so that a hook costs its own time-out and nothing else.
/// </summary>
public sealed class Turn : IDisposable
{
    private readonly SemaphoreSlim _lane;
    private readonly TimeProvider _time;
    private readonly CancellationToken _ending;
    private CancellationTokenSource _clock;
    private CancellationTokenSource _deadline;
    private TimeSpan _limit;
    private long _since;
    private bool _hasLane;

    private Turn(SemaphoreSlim lane, TimeSpan limit, TimeProvider time, CancellationToken ending)
    {
        (_lane, _time, _ending, _hasLane) = (lane, time, ending, true);
        (_clock, _deadline) = Begin(limit);
    }

    /// <summary>Cancelled when the time is over, or the agent ends.</summary>
    public CancellationToken Deadline => _deadline.Token;

    /// <summary>The agent ends: no verdict is asked for any more.</summary>
    public bool IsEnding => _ending.IsCancellationRequested;

    /// <summary>Begins when the lane is free.</summary>
    public static async Task<Turn> WaitAsync(SemaphoreSlim lane, TimeSpan limit, TimeProvider time, CancellationToken ending)
    {
        await lane.WaitAsync(ending);
        return new Turn(lane, limit, time, ending);
    }

    /// <summary>Lets others have the lane while <paramref name="work"/> lasts.</summary>
    public async Task<T> StepAsideAsync<T>(Func<CancellationToken, Task<T>> work)
    {
        var left = _limit - _time.GetElapsedTime(_since);
        _clock.CancelAfter(Timeout.InfiniteTimeSpan);
        Leave();
        var result = await work(_ending);
        await _lane.WaitAsync(_ending);
        _hasLane = true;
        GoOn(left);
        return result;
    }

    /// <summary>A time of its own for what has to be done after the first one is over.</summary>
    public void Renew(TimeSpan limit)
    {
        _deadline.Dispose();
        _clock.Dispose();
        (_clock, _deadline) = Begin(limit);
    }

    public void Dispose()
    {
        Leave();
        _deadline.Dispose();
        _clock.Dispose();
    }

    private (CancellationTokenSource Clock, CancellationTokenSource Deadline) Begin(TimeSpan limit)
    {
        (_limit, _since) = (limit > TimeSpan.Zero ? limit : TimeSpan.Zero, _time.GetTimestamp());
        var clock = new CancellationTokenSource(_limit, _time);
        return (clock, CancellationTokenSource.CreateLinkedTokenSource(clock.Token, _ending));
    }

    private void GoOn(TimeSpan left)
    {
        (_limit, _since) = (left > TimeSpan.Zero ? left : TimeSpan.Zero, _time.GetTimestamp());
        _clock.CancelAfter(_limit);
    }

    private void Leave()
    {
        if (!_hasLane) return;
        _hasLane = false;
        _lane.Release();
    }
}
