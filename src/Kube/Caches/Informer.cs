using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.Kube.Caches;

/// <summary>A store, the reflector that fills it, and those who want to know.</summary>
public sealed class Informer<T> : IInformer<T>, IInformerRun where T : class, IResource
{
    private readonly Store<T> _store = new();
    private readonly Reflector<T> _reflector;
    private readonly CacheLag? _lag;
    private readonly ILogger _logger;

    public Informer(IKubeClient client, InformerOptions<T> options, TimeProvider time, ILogger logger, KubeMetrics? metrics = null)
    {
        (Options, _logger) = (options, logger);
        _lag = metrics is null
            ? null : new(time, lag => metrics.Observed(T.Kind.ToString(), lag), gap => metrics.WatchSilent(T.Kind.ToString(), gap));
        _reflector = new(client, _store, options, time, logger, _lag);
    }

    public InformerOptions<T> Options { get; }

    public string ResourceVersion => _store.ResourceVersion;

    public bool IsSynced => _reflector.Synced.IsCompletedSuccessfully;

    TimeSpan IInformerRun.Silence => _reflector.Silence;

    string IInformerRun.Resource => T.Kind.ToString();

    public T? Get(ObjectKey key) => _store.Get(key);

    public IReadOnlyCollection<T> List() => _store.List();

    public IReadOnlyCollection<T> ByIndex(string index, string value) => _store.ByIndex(index, value);

    /// <summary>Adds a named index, also while running; an index of that name stays as it is.</summary>
    public Informer<T> Indexed(string name, Func<T, string?> selector)
    {
        _store.AddIndex(name, selector);
        return this;
    }

    public IDisposable Subscribe(Action<ObjectChange<T>> handler) => new Subscription<T>(_store, handler, _logger);

    public Task WaitForSyncAsync(CancellationToken cancellation) => _reflector.Synced.WaitAsync(cancellation);

    /// <summary>The API server has answered one of our writes with this version: from now on the cache is behind until it shows
    /// it.</summary>
    internal void WriteAnswered(string? version) => _lag?.Answered(version);

    public Task RunAsync(CancellationToken cancellation) => _reflector.RunAsync(cancellation);
}

/// <summary>What a factory does with an informer, whatever its kind.</summary>
internal interface IInformerRun
{
    string Resource { get; }

    bool IsSynced { get; }

    TimeSpan Silence { get; }

    Task WaitForSyncAsync(CancellationToken cancellation);

    Task RunAsync(CancellationToken cancellation);
}
