namespace ModuleController.Agent.Commands;

/// <summary>
/// The right of one command to use a lane, and its deadline. During a hook the lane is released and the deadline is suspended, so a hook
/// takes only its own timeout.
/// </summary>
public sealed class Turn : IDisposable
{
    private readonly SemaphoreSlim _lane;
    private readonly TimeProvider _time;
    private readonly CancellationToken _ending;
    private CancellationTokenSource _timer;
    private CancellationTokenSource _deadline;
    private TimeSpan _limit;
    private long _since;
    private bool _hasLane;

    private Turn(SemaphoreSlim lane, TimeSpan limit, TimeProvider time, CancellationToken ending)
    {
        (_lane, _time, _ending, _hasLane) = (lane, time, ending, true);
        (_timer, _deadline) = StartDeadline(limit);
    }

    /// <summary>Cancelled at the deadline, or when the agent stops.</summary>
    public CancellationToken Deadline => _deadline.Token;

    /// <summary>The agent stops: the command ends without a verdict.</summary>
    public bool IsStopping => _ending.IsCancellationRequested;

    /// <summary>Waits for a free lane.</summary>
    public static async Task<Turn> WaitAsync(SemaphoreSlim lane, TimeSpan limit, TimeProvider time, CancellationToken ending)
    {
        await lane.WaitAsync(ending);
        return new Turn(lane, limit, time, ending);
    }

    /// <summary>Releases the lane for other commands during <paramref name="work"/>.</summary>
    public async Task<T> ReleaseLaneDuringAsync<T>(Func<CancellationToken, Task<T>> work)
    {
        var remaining = _limit - _time.GetElapsedTime(_since);
        _timer.CancelAfter(Timeout.InfiniteTimeSpan);
        ReleaseLane();
        var result = await work(_ending);
        await _lane.WaitAsync(_ending);
        _hasLane = true;
        ResumeDeadline(remaining);
        return result;
    }

    /// <summary>Starts a new deadline, for cleanup after the first one.</summary>
    public void RestartDeadline(TimeSpan limit)
    {
        _deadline.Dispose();
        _timer.Dispose();
        (_timer, _deadline) = StartDeadline(limit);
    }

    public void Dispose()
    {
        ReleaseLane();
        _deadline.Dispose();
        _timer.Dispose();
    }

    private (CancellationTokenSource Timer, CancellationTokenSource Deadline) StartDeadline(TimeSpan limit)
    {
        (_limit, _since) = (limit > TimeSpan.Zero ? limit : TimeSpan.Zero, _time.GetTimestamp());
        var timer = new CancellationTokenSource(_limit, _time);
        return (timer, CancellationTokenSource.CreateLinkedTokenSource(timer.Token, _ending));
    }

    private void ResumeDeadline(TimeSpan remaining)
    {
        (_limit, _since) = (remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero, _time.GetTimestamp());
        _timer.CancelAfter(_limit);
    }

    private void ReleaseLane()
    {
        if (!_hasLane) return;
        _hasLane = false;
        _lane.Release();
    }
}
