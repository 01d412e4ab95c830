using System.Collections.Concurrent;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Keeps aggregate objects from being written with every change below them: at most once per interval and key.</summary>
internal sealed class WriteInterval(TimeSpan interval)
{
    private readonly ConcurrentDictionary<ObjectKey, DateTimeOffset> _last = new();

    /// <summary>When this key may be written again; null: now.</summary>
    public DateTimeOffset? NextAt(ObjectKey key, DateTimeOffset now) =>
        _last.TryGetValue(key, out var last) && last + interval > now && last <= now ? last + interval : null;

    public void Wrote(ObjectKey key, DateTimeOffset now) => _last[key] = now;

    public void Forget(ObjectKey key) => _last.TryRemove(key, out _);
}
