using ModuleController.Core.Meta;

namespace ModuleController.Kube.Caches;

/// <summary>The objects of one kind as last observed, with indexes.</summary>
/// <remarks>
/// A relist replaces all at once and yields the differences, deletions included.
/// Per object its states appear in order, some may be skipped.
/// Delete and create between two observations is a change of uid.
/// One writer (the reflector), any number of readers. A dictionary under a lock, not an immutable one: an event costs no
/// allocation, a lookup some 50 ns, and lists, copied when first read after a change, are shared until the next one.
/// </remarks>
public sealed class Store<T> : ILister<T> where T : class, IResource
{
    private readonly Lock _lock = new();
    private readonly Bucket _all = new();
    private readonly Dictionary<string, Index> _indexes = [];
    private Action<ObjectChange<T>>[] _observers = [];
    private string _resourceVersion = "";

    public string ResourceVersion
    {
        get
        {
            lock (_lock) return _resourceVersion;
        }
    }

    public int Count
    {
        get
        {
            lock (_lock) return _all.Items.Count;
        }
    }

    public T? Get(ObjectKey key)
    {
        lock (_lock) return _all.Items.GetValueOrDefault(key);
    }

    public IReadOnlyCollection<T> List()
    {
        lock (_lock) return _all.Snapshot();
    }

    public IReadOnlyCollection<T> ByIndex(string index, string value)
    {
        lock (_lock)
        {
            if (!_indexes.TryGetValue(index, out var found))
                throw new ArgumentException($"{T.Kind} have no index '{index}'", nameof(index));
            return found.Buckets.TryGetValue(value, out var bucket) ? bucket.Snapshot() : [];
        }
    }

    /// <summary>The selector is pure and cheap; null leaves an object out. The first selector of a name stays.</summary>
    public void AddIndex(string name, Func<T, string?> selector)
    {
        lock (_lock)
        {
            if (_indexes.ContainsKey(name)) return;
            var index = new Index(selector);
            foreach (var (key, item) in _all.Items) index.Change(key, null, item);
            _indexes[name] = index;
        }
    }

    public void Upsert(T item)
    {
        var key = ObjectKey.Of(item.Metadata);
        lock (_lock)
        {
            Set(key, item);
            _resourceVersion = item.Metadata.ResourceVersion ?? _resourceVersion;
        }
    }

    /// <summary>Takes the last state of a deleted object, whose version is then the latest observed.</summary>
    public void Delete(T last)
    {
        lock (_lock)
        {
            Remove(ObjectKey.Of(last.Metadata));
            _resourceVersion = last.Metadata.ResourceVersion ?? _resourceVersion;
        }
    }

    /// <summary>Nothing happened up to this version.</summary>
    public void Advance(string resourceVersion)
    {
        lock (_lock) _resourceVersion = resourceVersion;
    }

    /// <summary>What is there from now on; objects that are to be kept though they could not be read keep their last state.</summary>
    public void Replace(IReadOnlyList<T> items, string resourceVersion, IReadOnlyCollection<ObjectKey>? kept = null)
    {
        var listed = new HashSet<ObjectKey>(kept ?? []);
        lock (_lock)
        {
            foreach (var item in items)
            {
                var key = ObjectKey.Of(item.Metadata);
                listed.Add(key);
                Set(key, item);
            }

            foreach (var key in _all.Items.Keys.Where(key => !listed.Contains(key)).ToArray()) Remove(key);
            _resourceVersion = resourceVersion;
        }
    }

    /// <summary>
    /// Reports each change under the store's lock, so an observer only takes a note. It first gets the existing objects.
    /// </summary>
    public IDisposable Observe(Action<ObjectChange<T>> observer)
    {
        lock (_lock)
        {
            foreach (var (key, item) in _all.Items) observer(new(key, null, item));
            _observers = [.. _observers, observer];
        }

        return new Unregistration(() =>
        {
            lock (_lock) _observers = [.. _observers.Where(other => other != observer)];
        });
    }

    private void Set(ObjectKey key, T item)
    {
        var before = _all.Items.GetValueOrDefault(key);
        if (before is not null && before.Metadata.Uid == item.Metadata.Uid
            && before.Metadata.ResourceVersion is { } version && version == item.Metadata.ResourceVersion) return;
        Change(key, before, item);
    }

    private void Remove(ObjectKey key)
    {
        if (_all.Items.GetValueOrDefault(key) is { } before) Change(key, before, null);
    }

    private void Change(ObjectKey key, T? before, T? after)
    {
        foreach (var index in _indexes.Values) index.Change(key, before, after);
        _all.Set(key, after);
        foreach (var observer in _observers) observer(new(key, before, after));
    }

    private sealed class Index(Func<T, string?> selector)
    {
        public Dictionary<string, Bucket> Buckets { get; } = [];

        public void Change(ObjectKey key, T? before, T? after)
        {
            var (from, to) = (before is null ? null : selector(before), after is null ? null : selector(after));
            if (from is not null && from != to && Buckets.TryGetValue(from, out var left))
            {
                left.Set(key, null);
                if (left.Items.Count == 0) Buckets.Remove(from);
            }

            if (to is null) return;
            if (!Buckets.TryGetValue(to, out var entered)) Buckets[to] = entered = new();
            entered.Set(key, after);
        }
    }

    private sealed class Bucket
    {
        private T[]? _snapshot = [];

        public Dictionary<ObjectKey, T> Items { get; } = [];

        public T[] Snapshot() => _snapshot ??= [.. Items.Values];

        public void Set(ObjectKey key, T? item)
        {
            if (item is null) Items.Remove(key);
            else Items[key] = item;
            _snapshot = null;
        }
    }
}
