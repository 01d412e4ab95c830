namespace ModuleController.ControlPlane.Access;

/// <summary>Keeps answers of the API server for a short time. A full one keeps no more: it is asked again.</summary>
internal sealed class ReviewCache<TKey, TValue>(TimeSpan age, int capacity, TimeProvider time) where TKey : notnull
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, (TValue Value, DateTimeOffset Until)> _entries = [];

    public bool TryGet(TKey key, out TValue value)
    {
        lock (_lock)
        {
            var isKnown = _entries.TryGetValue(key, out var entry) && time.GetUtcNow() < entry.Until;
            value = entry.Value;
            return isKnown;
        }
    }

    public void Set(TKey key, TValue value)
    {
        var now = time.GetUtcNow();
        lock (_lock)
        {
            if (_entries.Count >= capacity)
            {
                foreach (var (known, entry) in _entries)
                    if (entry.Until <= now) _entries.Remove(known);
            }

            if (_entries.Count < capacity || _entries.ContainsKey(key)) _entries[key] = (value, now + age);
        }
    }
}
