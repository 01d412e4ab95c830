namespace ModuleController.Agent.Link;

/// <summary>
/// Waits between tries: doubled each time up to a limit, and each drawn from the upper half, so that thousands of agents
/// that lost one controller don't come back in step. Example from 0.2 s: 0.1–0.2, 0.2–0.4, 0.4–0.8 … 5–10 s.
/// </summary>
public sealed class Backoff(TimeSpan first, TimeSpan longest, Random random)
{
    private int _failures;

    public void Reset() => _failures = 0;

    public TimeSpan Next()
    {
        var full = Math.Min(longest.TotalSeconds, first.TotalSeconds * Math.Pow(2, Math.Min(_failures++, 30)));
        return TimeSpan.FromSeconds(full * (0.5 + (random.NextDouble() / 2)));
    }
}
