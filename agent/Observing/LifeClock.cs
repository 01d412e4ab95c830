namespace ModuleController.Agent.Observing;

/// <summary>What one health answer says about the JVM's life.</summary>
public enum LifeVerdict
{
    Same,
    New,

    /// <summary>The answer took so long that it fits both: ask once more.</summary>
    Unclear,
}

/// <summary>
/// Tells one life of a JVM from the next by its start: time of the answer less the run time that it reports. The JVM read
/// its clock somewhere between request and answer, so the start lies between the two differences; both on a monotonic
/// clock. Example: known start 10.0 s, answer puts it into 13.6…13.7 s: a new life; into 9.5…12.0 s: unclear.
/// </summary>
public sealed class LifeClock
{
    /// <summary>Two starts further apart are two lives; a JVM takes longer than this to start.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(1);

    /// <summary>The smallest start seen in this life: late answers only ever make it look later.</summary>
    public TimeSpan? Start { get; private set; }

    public LifeVerdict Judge(TimeSpan sentAt, TimeSpan arrivedAt, TimeSpan runTime)
    {
        var (earliest, latest) = (sentAt - runTime, arrivedAt - runTime);
        if (Start is not { } start || earliest > start + Tolerance) return LifeVerdict.New;
        if (latest < start) Start = latest;
        return latest > start + Tolerance ? LifeVerdict.Unclear : LifeVerdict.Same;
    }

    public void Begin(TimeSpan start) => Start = start;
}
