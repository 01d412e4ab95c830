namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>Does many things of a kind 1, 2, 4, 8 ... at a time, so that a refused one costs one call.</summary>
internal static class SlowStart
{
    // More at a time install nothing sooner, but keep the writes of other keys, and the watches, waiting in the API server.
    private const int MostAtOnce = 16;

    /// <summary>Stops after the group in which one failed, and throws what it threw.</summary>
    public static async Task RunAsync<T>(IReadOnlyList<T> items, Func<T, Task> action)
    {
        var size = 1;
        for (var done = 0; done < items.Count;)
        {
            await Task.WhenAll(items.Skip(done).Take(size).Select(action));
            done += size;
            size = Math.Min(size * 2, MostAtOnce);
        }
    }
}
