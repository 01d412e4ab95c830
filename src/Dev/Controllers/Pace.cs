using System.Collections.Concurrent;
using ModuleController.Core.Meta;

namespace ModuleController.Dev.Controllers;

/// <summary>
/// Limits the writes of an object that depends on many pods: immediate if there are few, otherwise ten times
/// a second.
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
