using System.Diagnostics;

namespace ModuleController.Dev.Load;

/// <summary>Waits for conditions in other processes.</summary>
internal static class Wait
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    public static Task UntilAsync(Func<bool> condition, TimeSpan limit, Func<string> what, CancellationToken cancellation) =>
        UntilAsync(() => Task.FromResult(condition()), limit, what, cancellation);

    /// <summary>While a process is not reachable, the condition does not hold.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, TimeSpan limit, Func<string> what, CancellationToken cancellation)
    {
        var started = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                if (await condition()) return;
            }
            catch (HttpRequestException) when (started.Elapsed < limit)
            {
            }

            if (started.Elapsed >= limit) throw new TimeoutException($"not within {limit.TotalSeconds:0} s: {what()}");
            await Task.Delay(Pause, TimeProvider.System, cancellation);
        }
    }
}
