using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;

namespace ModuleController.Kube.Controllers;

/// <summary>
/// Remembers what reconciling a key wrote, so that its next reconcile does not act on a cache older than that. A
/// reconciler reports each write to it; kinds without a cache need none of it.
/// </summary>
/// <remarks>
/// Before a reconcile, the caches it reads have observed this key's last write.
/// Versions that cannot be compared count as caught up.
/// Creates are remembered until observed.
/// Deletes are remembered by uid until the cache has lost it, or shows it as being deleted: finalizers may keep it long.
/// A write that removed the object (its last finalizer) is remembered by uid until the object has left the cache: the answer has
/// the version before the removal, which the cache shows already.
/// A conflict is remembered until the cache shows another version of the object, at most for 5 s: a 409 may have another cause than a new
/// version, and a write that is tried on an old version has one more conflict.
/// Deletions and removals are forgotten after 30 s: a 404 may be due to something in between.
/// </remarks>
public sealed class WriteTracker(InformerFactory informers, TimeProvider time)
{
    private static readonly TimeSpan RemovalDeadline = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ConflictDeadline = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<ObjectKey, List<Write>> _writes = [];

    /// <summary>What a patch returned.</summary>
    public void Wrote<T>(ObjectKey key, T result) where T : class, IResource
    {
        if (IsRemoved(result.Metadata))
        {
            Remember(key, Kind.Removal, result);
            return;
        }

        informers.Find<T>()?.WriteAnswered(result.Metadata.ResourceVersion);
        Remember(key, Kind.Patch, result);
    }

    /// <summary>What a create returned.</summary>
    public void Created<T>(ObjectKey key, T result) where T : class, IResource
    {
        informers.Find<T>()?.WriteAnswered(result.Metadata.ResourceVersion);
        Remember(key, Kind.Create, result);
    }

    /// <summary>The object as it was when its deletion was requested.</summary>
    public void Deleted<T>(ObjectKey key, T deleted) where T : class, IResource => Remember(key, Kind.Delete, deleted);

    /// <summary>The object that a write did not find: it has been removed, although the cache may still show it.</summary>
    public void NotFound<T>(ObjectKey key, T last) where T : class, IResource => Remember(key, Kind.Removal, last);

    /// <summary>The object as it was when a write that was decided on it had a conflict.</summary>
    public void Conflicted<T>(ObjectKey key, T stale) where T : class, IResource => Remember(key, Kind.Conflict, stale);

    /// <summary>Whether the caches show all that was written for this key; what they show is forgotten.</summary>
    public bool HasCaughtUp(ObjectKey key)
    {
        Write[] writes;
        lock (_lock)
        {
            if (!_writes.TryGetValue(key, out var found)) return true;
            writes = [.. found];
        }

        // The caches have locks of their own, so they are read outside of ours.
        var now = time.GetUtcNow();
        var observed = writes.Where(write => write.Until <= now || write.IsObserved()).ToHashSet();
        lock (_lock)
        {
            if (!_writes.TryGetValue(key, out var found)) return true;
            found.RemoveAll(observed.Contains);
            if (found.Count > 0) return false;
            _writes.Remove(key);
            return true;
        }
    }

    private void Remember<T>(ObjectKey key, Kind kind, T resource) where T : class, IResource
    {
        if (informers.Find<T>() is not { } cache) return;
        DateTimeOffset? until = kind switch
        {
            Kind.Conflict => time.GetUtcNow() + ConflictDeadline,
            Kind.Removal or Kind.Delete => time.GetUtcNow() + RemovalDeadline,
            _ => null,
        };
        var write = new Write<T>(cache, kind, ObjectKey.Of(resource.Metadata), resource.Metadata.Uid, resource.Metadata.ResourceVersion,
            until);
        lock (_lock)
        {
            if (!_writes.TryGetValue(key, out var writes)) _writes[key] = writes = [];
            writes.Add(write);
        }
    }

    /// <summary>The API server's rule: a write that leaves a deleted object without finalizers and grace period removes it.</summary>
    private static bool IsRemoved(ObjectMeta meta) => meta is { IsDeleting: true, Finalizers.Count: 0, DeletionGracePeriodSeconds: 0 };

    /// <summary>Null where one of them is no number.</summary>
    private static bool? IsAtLeast(string? version, string? wanted) =>
        ulong.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var have)
        && ulong.TryParse(wanted, NumberStyles.None, CultureInfo.InvariantCulture, out var want)
            ? have >= want
            : null;

    private enum Kind
    {
        Patch,
        Create,
        Delete,
        Removal,
        Conflict,
    }

    private abstract class Write(DateTimeOffset? until)
    {
        public DateTimeOffset? Until => until;

        public abstract bool IsObserved();
    }

    private sealed class Write<T>(ILister<T> cache, Kind kind, ObjectKey key, string? uid, string? version, DateTimeOffset? until)
        : Write(until)
        where T : class, IResource
    {
        public override bool IsObserved()
        {
            var cached = cache.Get(key);
            return kind switch
            {
                Kind.Delete => cached is null || cached.Metadata.Uid != uid || cached.Metadata.IsDeleting,
                Kind.Removal => cached is null || cached.Metadata.Uid != uid,
                Kind.Conflict => cached is null || cached.Metadata.Uid != uid || cached.Metadata.ResourceVersion != version,

                // Missing although the cache is past its version: it has been deleted again.
                Kind.Create => cached?.Metadata.Uid == uid || IsAtLeast(cache.ResourceVersion, version) == true,
                _ => IsAtLeast(cached?.Metadata.ResourceVersion ?? cache.ResourceVersion, version) != false
                    || IsAtLeast(cache.ResourceVersion, version) != false,
            };
        }
    }
}
