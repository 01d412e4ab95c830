using System.Globalization;

namespace ModuleController.Kube.Caches;

/// <summary>
/// Measures how far a cache is behind: the time from the answer to a write until the cache has observed its version, and how long its
/// watch was silent meanwhile.
/// </summary>
/// <remarks>
/// A write that the cache observed before its answer arrived has no lag.
/// Versions that cannot be compared are not measured.
/// Memory is bounded: while as many writes as allowed wait to be observed, further ones are not measured.
/// </remarks>
/// <param name="recordGap">Gets, at each event while a write is not observed yet, the time since the event before, or since the write's
/// answer.</param>
public sealed class CacheLag(TimeProvider time, Action<TimeSpan> record, Action<TimeSpan>? recordGap = null)
{
    public const int MostPending = 1024;

    private readonly Lock _lock = new();
    private readonly PriorityQueue<long, ulong> _answers = new();   // when they arrived, the lowest version first
    private ulong _observed;
    private long _lastEvent;

    /// <summary>The API server has answered a write, which has this version.</summary>
    public void Answered(string? version)
    {
        if (!TryParse(version, out var written)) return;
        lock (_lock)
        {
            if (written > _observed)
            {
                if (_answers.Count < MostPending) _answers.Enqueue(time.GetTimestamp(), written);
                return;
            }
        }

        record(TimeSpan.Zero);
    }

    /// <summary>The cache shows everything up to this version.</summary>
    public void Observed(string? version)
    {
        if (!TryParse(version, out var observed)) return;
        List<TimeSpan> lags = [];   // recorded outside of the lock
        TimeSpan? gap = null;
        lock (_lock)
        {
            var now = time.GetTimestamp();
            if (_answers.TryPeek(out var since, out _)) gap = time.GetElapsedTime(Math.Max(since, _lastEvent), now);
            _lastEvent = now;
            _observed = observed;
            while (_answers.TryPeek(out var answered, out var written) && written <= observed)
            {
                lags.Add(time.GetElapsedTime(answered, now));
                _answers.Dequeue();
            }
        }

        lags.ForEach(record);
        if (gap is { } silent) recordGap?.Invoke(silent);
    }

    private static bool TryParse(string? version, out ulong number) =>
        ulong.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
