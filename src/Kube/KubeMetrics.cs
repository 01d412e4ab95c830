using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ModuleController.Kube;

/// <summary>
/// The machinery's instruments, created once for a process and shared by its clients, caches and controllers. The names
/// get their unit and <c>_total</c> from the exporter.
/// </summary>
public sealed class KubeMetrics : IDisposable
{
    public const string MeterName = "ModuleController.Kube";

    private readonly Meter _meter;
    private readonly ConcurrentDictionary<string, Func<(int Depth, TimeSpan OldestAge)>> _queues = new();
    private readonly ConcurrentDictionary<string, Func<TimeSpan>> _caches = new();
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _reconciles;
    private readonly Histogram<double> _cacheLag;
    private readonly Histogram<double> _watchGaps;
    private readonly Histogram<double> _cacheWaits;
    private readonly Counter<long> _eventsDropped;

    private static IReadOnlyList<double> LagBuckets => [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 10, 30, 60];

    /// <param name="scope">Whose they are, where a process has several.</param>
    public KubeMetrics(object? scope = null)
    {
        _meter = new(new MeterOptions(MeterName) { Scope = scope });
        _requests = _meter.CreateCounter<long>("kube_api_requests", null, "Requests to the API server");
        _reconciles = _meter.CreateHistogram<double>("kube_reconcile_duration", "s", "Time of a reconcile, by result");
        _cacheLag = _meter.CreateHistogram<double>(
            "kube_cache_lag", "s", "Time until a cache observes a write, from the API server's answer", null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = LagBuckets });
        _watchGaps = _meter.CreateHistogram<double>(
            "kube_watch_gap", "s", "Time between two events of a watch, while a write was not observed yet", null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = LagBuckets });
        _cacheWaits = _meter.CreateHistogram<double>(
            "kube_reconcile_cache_wait", "s", "How long a key waited for the caches to show its writes", null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = LagBuckets });
        _eventsDropped = _meter.CreateCounter<long>("kube_events_dropped", null, "Events that were not written");
        _meter.CreateObservableGauge("kube_queue_depth", () => _queues.Select(queue =>
            new Measurement<int>(queue.Value().Depth, new KeyValuePair<string, object?>("queue", queue.Key))), null,
                "Keys that wait for a worker");
        _meter.CreateObservableGauge("kube_queue_oldest_age", () => _queues.Select(queue =>
            new Measurement<double>(queue.Value().OldestAge.TotalSeconds, new KeyValuePair<string, object?>("queue", queue.Key))), "s",
                "How long the oldest key has waited");
        _meter.CreateObservableGauge("kube_cache_silence", () => _caches.Select(cache =>
            new Measurement<double>(cache.Value().TotalSeconds, new KeyValuePair<string, object?>("resource", cache.Key))), "s",
                "Time since a cache last received anything from the API server");
    }

    public void Dispose() => _meter.Dispose();

    internal void Requested(string verb, string resource, string? subresource, int code) => _requests.Add(1, new TagList
    {
        { "verb", verb }, { "resource", resource }, { "subresource", subresource ?? "" }, { "code", code },
    });

    internal void Reconciled(string controller, string result, TimeSpan took) =>
        _reconciles.Record(took.TotalSeconds, new TagList { { "controller", controller }, { "result", result } });

    internal void CaughtUp(string controller, TimeSpan waited) =>
        _cacheWaits.Record(waited.TotalSeconds, new KeyValuePair<string, object?>("controller", controller));

    internal void Observed(string resource, TimeSpan lag) =>
        _cacheLag.Record(lag.TotalSeconds, new KeyValuePair<string, object?>("resource", resource));

    internal void WatchSilent(string resource, TimeSpan gap) =>
        _watchGaps.Record(gap.TotalSeconds, new KeyValuePair<string, object?>("resource", resource));

    internal void EventDropped(string why) => _eventsDropped.Add(1, new KeyValuePair<string, object?>("why", why));

    internal IDisposable ObserveQueue(string name, Func<(int Depth, TimeSpan OldestAge)> queue) => Observe(_queues, name, queue);

    internal IDisposable ObserveCache(string resource, Func<TimeSpan> silence) => Observe(_caches, resource, silence);

    private static Unregistration Observe<T>(ConcurrentDictionary<string, T> sources, string name, T source) where T : class
    {
        sources[name] = source;
        return new(() => sources.TryRemove(new KeyValuePair<string, T>(name, source)));
    }
}

/// <summary>Undoes a registration, once.</summary>
internal sealed class Unregistration(Action undo) : IDisposable
{
    private Action? _undo = undo;

    public void Dispose() => Interlocked.Exchange(ref _undo, null)?.Invoke();
}
