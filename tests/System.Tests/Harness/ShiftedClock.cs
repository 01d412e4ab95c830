namespace ModuleController.SystemTests.Harness;

/// <summary>The time of day, wrong by as much as a test likes; timers and durations are real.</summary>
internal sealed class ShiftedClock : TimeProvider
{
    private long _ticks;

    public TimeSpan Shift
    {
        get => new(Interlocked.Read(ref _ticks));
        set => Interlocked.Exchange(ref _ticks, value.Ticks);
    }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Shift;
}
