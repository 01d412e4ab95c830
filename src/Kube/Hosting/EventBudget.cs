namespace ModuleController.Kube.Hosting;

/// <summary>How many Events may go out: a number at once, then one each period.</summary>
internal sealed class EventBudget(int most, TimeSpan period, long now)
{
    private double _left = most;
    private long _asOf = now;

    public bool TryTake(long at, TimeProvider time)
    {
        _left = Math.Min(most, _left + (time.GetElapsedTime(_asOf, at) / period));
        _asOf = at;
        if (_left < 1) return false;
        _left--;
        return true;
    }

    /// <summary>Full again, so it may as well be forgotten.</summary>
    public bool IsFull(TimeProvider time) => _left + (time.GetElapsedTime(_asOf) / period) >= most;
}
