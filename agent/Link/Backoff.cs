namespace ModuleController.Agent.Link;

/// <summary>
/// Exponential backoff up to a maximum, each delay between half and all of it, so that thousands of agents do not reconnect at the same
/// time. Example from 0.2 s: 0.1–0.2, 0.2–0.4, 0.4–0.8 … 5–10 s.
/// </summary>
public sealed class Backoff(TimeSpan first, TimeSpan max, Random random)
{
    private int _failures;

    public void Reset() => _failures = 0;

    public TimeSpan Next()
    {
        var full = Math.Min(max.TotalSeconds, first.TotalSeconds * Math.Pow(2, Math.Min(_failures++, 30)));
        return TimeSpan.FromSeconds(full * (0.5 + (random.NextDouble() / 2)));
    }
}
