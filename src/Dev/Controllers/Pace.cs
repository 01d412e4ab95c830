using System.Collections.Concurrent;
using ModuleController.Core.Meta;

namespace ModuleController.Dev.Controllers;

/// <summary>
/// Limits the status writes of an object that has many pods: no limit up to 20 pods, at most ten writes a second above.
/// </summary>
internal sealed class Pace(TimeProvider time)
{
    private const int Few = 20;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<ObjectKey, DateTimeOffset> _last = new();

    /// <summary>Null if it may be written now; otherwise the delay.</summary>
    public TimeSpan? WaitFor(ObjectKey key, int count)
    {
        var now = time.GetUtcNow();
        if (count > Few && _last.TryGetValue(key, out var last) && now - last < Interval) return last + Interval - now;
        if (count > Few) _last[key] = now;
        return null;
    }

    public void Forget(ObjectKey key) => _last.TryRemove(key, out _);
}
