using System.Collections.Concurrent;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Finds the warnings that hold now and did not hold at the last reconcile of the key.</summary>
internal sealed class StandingWarnings<T>
{
    private readonly ConcurrentDictionary<ObjectKey, (string? Uid, HashSet<T> Warnings)> _standing = new();

    /// <param name="uid">Of the object: one that is recreated under the name begins with none.</param>
    public IReadOnlyList<T> Begin(ObjectKey key, string? uid, IEnumerable<T> warnings)
    {
        HashSet<T> now = [.. warnings];
        var before = _standing.TryGetValue(key, out var found) && found.Uid == uid ? found.Warnings : [];
        if (now.Count == 0) Forget(key);
        else _standing[key] = (uid, now);
        return [.. now.Where(warning => !before.Contains(warning))];
    }

    public void Forget(ObjectKey key) => _standing.TryRemove(key, out _);
}
