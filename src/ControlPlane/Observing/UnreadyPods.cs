using System.Collections.Concurrent;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Placement;

namespace ModuleController.ControlPlane.Observing;

/// <summary>Since when this process has observed base pods as unready, without their agents' containers.</summary>
/// <remarks>It starts over with the process: the wait may last longer than configured, never shorter.</remarks>
public sealed class UnreadyPods
{
    private readonly ConcurrentDictionary<ObjectKey, IReadOnlyDictionary<string, DateTimeOffset>> _bases = new();

    /// <summary>The time for each unready pod of a base, by UID. A pod that was Ready in between starts over.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> Observe(ObjectKey key, IEnumerable<Pod> pods, DateTimeOffset now)
    {
        var before = _bases.GetValueOrDefault(key);
        var unready = pods.Where(pod => !PodAssessment.IsReady(pod)).Select(pod => pod.Metadata.Uid!)
            .ToDictionary(uid => uid, uid => before?.TryGetValue(uid, out var since) == true ? since : now);
        if (unready.Count > 0) _bases[key] = unready;
        else Forget(key);
        return unready;
    }

    public void Forget(ObjectKey key) => _bases.TryRemove(key, out _);
}
