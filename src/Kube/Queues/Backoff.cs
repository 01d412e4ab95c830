namespace ModuleController.Kube.Queues;

/// <summary>
/// Growing waits: twice as long after each failure, up to a maximum. With jitter 0.5, the first of 1 s is between 1 and
/// 1.5 s.
/// </summary>
public sealed record Backoff(TimeSpan Initial, TimeSpan Maximum, double Jitter = 0)
{
    /// <summary>For reconciles: 0.1, 0.2, 0.4 … 60 s.</summary>
    public static Backoff Default { get; } = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1), 0.1);

    /// <param name="failures">How many there were in a row, at least one.</param>
    public TimeSpan After(int failures)
    {
        var factor = Math.Pow(2, Math.Clamp(failures - 1, 0, 62)) * (1 + (Jitter * Random.Shared.NextDouble()));
        var wait = Initial.TotalMilliseconds * factor;
        return wait < Maximum.TotalMilliseconds ? TimeSpan.FromMilliseconds(wait) : Maximum;
    }
}
