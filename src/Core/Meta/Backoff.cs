namespace ModuleController.Core.Meta;

/// <summary>Exponential backoff with jitter: twice as long after each failure, up to a maximum.</summary>
/// <param name="First">The shortest delay after one failure.</param>
/// <param name="Jitter">By which share a delay may be longer than the shortest one. Example with 0.5: the first of 1 s is between 1 and
/// 1.5 s, and at a maximum of 60 s each is between 40 and 60 s.</param>
public sealed record Backoff(TimeSpan First, TimeSpan Maximum, double Jitter = 0)
{
    /// <summary>For reconciles: 0.1, 0.2, 0.4 … 60 s.</summary>
    public static Backoff Default { get; } = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1), 0.1);

    /// <param name="failures">How many there were in a row, at least one.</param>
    /// <param name="random">0: the shortest delay, 1: the longest.</param>
    public TimeSpan After(int failures, double random)
    {
        var longest = First.TotalSeconds * Math.Pow(2, Math.Clamp(failures - 1, 0, 62)) * (1 + Jitter);
        return TimeSpan.FromSeconds(Math.Min(longest, Maximum.TotalSeconds) * (1 + (Jitter * Math.Clamp(random, 0, 1))) / (1 + Jitter));
    }
}
