namespace ModuleController.Agent.Observing;

/// <summary>Which base life a health answer belongs to.</summary>
public enum LifeVerdict
{
    Same,
    New,

    /// <summary>The answer took so long that it fits both: query again.</summary>
    Unclear,
}

/// <summary>
/// Distinguishes base lives by the start of the JVM: the time of the answer minus the run time that it reports. The JVM read its clock
/// between request and answer, so the start is between two differences. All times are of a monotonic clock. Example with a known start of
/// 10.0 s: a start between 13.6 and 13.7 s is a new life, one between 9.5 and 12.0 s is unclear.
/// </summary>
public sealed class LifeClock
{
    /// <summary>Starts that differ by more are two base lives. A JVM takes longer than this to start.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(1);

    /// <summary>The earliest start computed in this base life: a slow answer can only make it later.</summary>
    public TimeSpan? Start { get; private set; }

    public LifeVerdict Compare(TimeSpan sentAt, TimeSpan arrivedAt, TimeSpan runTime)
    {
        var (earliest, latest) = (sentAt - runTime, arrivedAt - runTime);
        if (Start is not { } start || earliest > start + Tolerance) return LifeVerdict.New;
        if (latest < start) Start = latest;
        return latest > start + Tolerance ? LifeVerdict.Unclear : LifeVerdict.Same;
    }

    public void Begin(TimeSpan start) => Start = start;
}
