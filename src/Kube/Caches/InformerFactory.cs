using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.Kube.Caches;

/// <summary>The caches of a process: one informer per kind, shared by all its readers.</summary>
public sealed class InformerFactory(IKubeClient client, TimeProvider time, ILoggerFactory loggers, KubeMetrics? metrics = null)
    : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Type, IInformerRun> _informers = [];
    private readonly List<Task> _runs = [];
    private readonly List<IDisposable> _observations = [];
    private readonly CancellationTokenSource _stop = new();
    private bool _isStarted;

    /// <summary>True once every cache has had its first list.</summary>
    public bool IsSynced
    {
        get
        {
            lock (_lock) return _isStarted && _informers.Values.All(informer => informer.IsSynced);
        }
    }

    /// <summary>The kind's informer. Only the first call can set how it watches; one created after the start runs immediately.</summary>
    public Informer<T> Of<T>(InformerOptions<T>? options = null) where T : class, IResource
    {
        lock (_lock)
        {
            if (_informers.TryGetValue(typeof(T), out var found))
            {
                return options is null || options == ((Informer<T>)found).Options
                    ? (Informer<T>)found
                    : throw new InvalidOperationException($"{T.Kind} are watched already, with other options");
            }

            var informer = new Informer<T>(client, options ?? new(), time, loggers.CreateLogger<Reflector<T>>(), metrics);
            _informers[typeof(T)] = informer;
            if (_isStarted) Start(informer);
            return informer;
        }
    }

    /// <summary>The kind's informer; null: it has no reader.</summary>
    public Informer<T>? Find<T>() where T : class, IResource
    {
        lock (_lock) return (Informer<T>?)_informers.GetValueOrDefault(typeof(T));
    }

    /// <summary>Starts all; a second call does nothing.</summary>
    public void Start()
    {
        lock (_lock)
        {
            if (_isStarted) return;
            _isStarted = true;
            foreach (var informer in _informers.Values) Start(informer);
        }
    }

    public async Task WaitForSyncAsync(CancellationToken cancellation)
    {
        IInformerRun[] informers;
        lock (_lock) informers = [.. _informers.Values];
        foreach (var informer in informers) await informer.WaitForSyncAsync(cancellation);
    }

    public async Task StopAsync(CancellationToken cancellation)
    {
        await _stop.CancelAsync();
        Task[] runs;
        lock (_lock)
        {
            runs = [.. _runs];
            _observations.ForEach(observation => observation.Dispose());
            _observations.Clear();
        }

        await Task.WhenAll(runs).WaitAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        _stop.Dispose();
    }

    private void Start(IInformerRun informer)
    {
        if (_stop.IsCancellationRequested) return;
        if (metrics is not null) _observations.Add(metrics.ObserveCache(informer.Resource, () => informer.Silence));
        var token = _stop.Token;
        _runs.Add(Task.Run(() => informer.RunAsync(token), CancellationToken.None));
    }
}
