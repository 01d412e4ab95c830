using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;

namespace ModuleController.Dev.ApiServer.Storage;

/// <summary>
/// All objects, one revision counter, and the last changes. <see cref="Commit"/> is the only way to change them: revisions rise by
/// one with each change, a write that changes nothing creates none, and each watcher gets each change once and in order. A watcher
/// that has more than <paramref name="watcherLag"/> changes to read is ended, as a real API server does.
/// </summary>
public sealed class EventLog(int changesKept = 5_000, int watcherLag = 100)
{
    private static readonly ImmutableSortedDictionary<string, StoredObject> Nothing =
        ImmutableSortedDictionary.Create<string, StoredObject>(StringComparer.Ordinal);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, ImmutableSortedDictionary<string, StoredObject>> _objects = [];
    private readonly List<Change> _changes = [];
    private readonly List<Subscription> _subscriptions = [];
    private long _revision = 1;
    private long _compacted = 1;
    private long _slowWatchersEnded;

    /// <summary>Signs tokens of users. It is kept with the objects, so tokens stay valid when the server restarts.</summary>
    public byte[] SigningKey { get; } = RandomNumberGenerator.GetBytes(32);

    /// <summary>Kept with the objects, as the key for users.</summary>
    public TokenKeys TokenKeys { get; } = new();

    /// <summary>Kept with the objects, so clients still trust a restarted server.</summary>
    public CertificateAuthority Authority { get; } = new();

    public long Revision => List("").Revision;

    /// <summary>The number of watches that ended because their reader fell behind.</summary>
    public long SlowWatchersEnded => Interlocked.Read(ref _slowWatchersEnded);

    public StoredObject? Find(ResourceKey key)
    {
        lock (_gate) return FindLocked(key);
    }

    public Snapshot List(string resource)
    {
        lock (_gate) return new(_revision, _objects.GetValueOrDefault(resource, Nothing));
    }

    /// <summary>The objects at an earlier revision: later changes are reverted one by one.</summary>
    public Snapshot ListAt(string resource, long revision)
    {
        lock (_gate)
        {
            if (revision < _compacted) throw new CompactedException(revision, _compacted);
            var objects = _objects.GetValueOrDefault(resource, Nothing);
            for (var i = _changes.Count - 1; i >= 0 && _changes[i].Revision > revision; i--)
            {
                if (_changes[i].Key.Resource != resource) continue;
                var path = _changes[i].Key.Path;
                objects = _changes[i].Before is { } before ? objects.SetItem(path, before) : objects.Remove(path);
            }

            return new(revision, objects);
        }
    }

    /// <summary>
    /// Reads the object, checks <paramref name="precondition"/>, computes the next state with <paramref name="change"/> from a
    /// copy of it, and appends that, unless nothing differs. Both run outside of the lock, and again if another
    /// write came in between, so they must depend only on their argument. A dry run does all but the last step.
    /// </summary>
    public StoredObject Commit(
        ResourceKey key, Action<StoredObject?> precondition, Func<JsonObject?, Edit> change, bool dryRun = false)
    {
        while (true)
        {
            var before = Find(key);
            precondition(before);
            var edit = change(before?.Tree.Copy());
            if (!edit.Remove && before is not null && JsonNode.DeepEquals(before.Tree, edit.Tree)) return before;
            if (dryRun) return new StoredObject(edit.Tree, before?.Revision ?? 0);
            if (TryAppend(key, before, edit) is { } written) return written;
        }
    }

    /// <summary>
    /// As <see cref="Commit"/>, of a change to an object that was read before; null if another write came in between. For a change
    /// that is decided outside of this process: it must be decided again.
    /// </summary>
    public StoredObject? TryCommit(ResourceKey key, StoredObject before, Func<JsonObject, Edit> change, bool dryRun = false)
    {
        var edit = change(before.Tree.Copy());
        if (!edit.Remove && JsonNode.DeepEquals(before.Tree, edit.Tree)) return Find(key) == before ? before : null;
        return dryRun ? new StoredObject(edit.Tree, before.Revision) : TryAppend(key, before, edit);
    }

    /// <summary>The changes of a resource after a revision.</summary>
    /// <exception cref="CompactedException">The revision is older than the log.</exception>
    public Subscription Subscribe(string resource, long after)
    {
        lock (_gate)
        {
            if (after < _compacted) throw new CompactedException(after, _compacted);
            var backlog = _changes.Where(change => change.Revision > after && change.Key.Resource == resource)
                .ToArray();
            var subscription = new Subscription(this, resource, backlog, watcherLag);
            _subscriptions.Add(subscription);
            return subscription;
        }
    }

    /// <summary>Discards all changes up to now: watches and list pages from before are answered with 410.</summary>
    public void Compact()
    {
        lock (_gate)
        {
            _changes.Clear();
            _compacted = _revision;
        }
    }

    /// <summary>Ends the watches of a resource, or all.</summary>
    public void CutWatches(string? resource = null)
    {
        lock (_gate)
        {
            foreach (var subscription in _subscriptions)
                if (resource is null || subscription.Resource == resource) subscription.Cut();
        }
    }

    internal void Unsubscribe(Subscription subscription)
    {
        lock (_gate) _subscriptions.Remove(subscription);
    }

    internal long? WhenIdle(Func<bool> hasReadAll)
    {
        lock (_gate) return hasReadAll() ? _revision : null;
    }

    private StoredObject? FindLocked(ResourceKey key) =>
        _objects.GetValueOrDefault(key.Resource, Nothing).GetValueOrDefault(key.Path);

    private StoredObject? TryAppend(ResourceKey key, StoredObject? before, Edit edit)
    {
        lock (_gate)
        {
            if (FindLocked(key) != before) return null;
            var revision = ++_revision;
            edit.Tree.Child("metadata")["resourceVersion"] = revision.ToString(CultureInfo.InvariantCulture);
            var after = new StoredObject(edit.Tree, revision);
            var objects = _objects.GetValueOrDefault(key.Resource, Nothing);
            _objects[key.Resource] = edit.Remove ? objects.Remove(key.Path) : objects.SetItem(key.Path, after);
            Publish(new Change(revision, key, before, after, edit.Remove));
            return after;
        }
    }

    private void Publish(Change change)
    {
        _changes.Add(change);
        if (_changes.Count > changesKept * 5 / 4)      // in batches: removing from the front moves all others
        {
            var surplus = _changes.Count - changesKept;
            _compacted = _changes[surplus - 1].Revision;
            _changes.RemoveRange(0, surplus);
        }

        foreach (var subscription in _subscriptions)
            if (subscription.Resource == change.Key.Resource && !subscription.Offer(change)) Interlocked.Increment(ref _slowWatchersEnded);
    }
}
