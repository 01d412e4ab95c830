namespace ModuleController.SystemTests.Harness;

/// <summary>
/// A time of day that can be made to stand still, so that nothing lasts long enough to be reported, however slow the machine is,
/// or to jump. Timers and durations are real.
/// </summary>
internal sealed class StandingClock : TimeProvider
{
    private long _standsAt;
    private long _ahead;

    public override DateTimeOffset GetUtcNow() =>
        (Interlocked.Read(ref _standsAt) is > 0 and var at ? new(at, TimeSpan.Zero) : base.GetUtcNow())
            + new TimeSpan(Interlocked.Read(ref _ahead));

    /// <summary>From now on it is as late as it is now.</summary>
    public void Stand() => Interlocked.Exchange(ref _standsAt, base.GetUtcNow().UtcTicks);

    public void Jump(TimeSpan time) => Interlocked.Add(ref _ahead, time.Ticks);
}
