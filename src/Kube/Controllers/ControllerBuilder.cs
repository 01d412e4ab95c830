using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;

namespace ModuleController.Kube.Controllers;

/// <summary>What triggers a reconciler, and how many workers it has.</summary>
public sealed class ControllerBuilder<T> where T : class, IResource
{
    private readonly InformerFactory _informers;
    private readonly IReconciler<T> _reconciler;
    private readonly List<Func<Action<ObjectKey>, IDisposable>> _watches = [];
    private readonly List<Func<CancellationToken, Task>> _syncs = [];
    private Func<T, bool> _isOurs = _ => true;

    internal ControllerBuilder(InformerFactory informers, IReconciler<T> reconciler, string name)
    {
        (_informers, _reconciler, Name) = (informers, reconciler, name);
        var primary = informers.Of<T>();
        _syncs.Add(primary.WaitForSyncAsync);
        _watches.Add(enqueue => primary.Subscribe(change =>
        {
            if (IsOurs(change.Before) || IsOurs(change.After)) enqueue(change.Key);
        }));
    }

    internal string Name { get; private set; }

    internal int WorkerCount { get; private set; } = 1;

    internal static TimeSpan ResyncPeriod { get; } = TimeSpan.FromMinutes(10);

    internal WriteTracker? Tracker { get; private set; }

    /// <summary>In logs and metrics; by default the kind's plural.</summary>
    public ControllerBuilder<T> Named(string name)
    {
        Name = name;
        return this;
    }

    /// <summary>Only these objects are keys; a change to or from one of them triggers, too.</summary>
    public ControllerBuilder<T> Where(Func<T, bool> isOurs)
    {
        _isOurs = isOurs;
        return this;
    }

    /// <summary>A child changed: its owner's key (the owner that controls it).</summary>
    public ControllerBuilder<T> Owns<TChild>() where TChild : class, IResource => Watches<TChild>(child =>
        child.Metadata.Controller is { } owner && owner.Kind == T.Kind.Kind && owner.ApiVersion == T.Kind.ApiVersion
            ? [new(T.Kind.IsNamespaced ? child.Metadata.Namespace ?? "" : "", owner.Name)]
            : []);

    /// <summary>Any other kind, with a mapping to keys. It is called with the object before and after a change.</summary>
    public ControllerBuilder<T> Watches<TOther>(Func<TOther, IEnumerable<ObjectKey>> keys) where TOther : class, IResource =>
        WatchesChanges<TOther>(change => KeysOf(change, keys));

    /// <summary>Any other kind, where the mapping needs the change.</summary>
    public ControllerBuilder<T> WatchesChanges<TOther>(Func<ObjectChange<TOther>, IEnumerable<ObjectKey>> keys)
        where TOther : class, IResource
    {
        var informer = _informers.Of<TOther>();
        _syncs.Add(informer.WaitForSyncAsync);
        _watches.Add(enqueue => informer.Subscribe(change =>
        {
            foreach (var key in keys(change)) enqueue(key);
        }));
        return this;
    }

    /// <summary>Something that is no API object, such as an agent's session.</summary>
    public ControllerBuilder<T> Watches(Func<Action<ObjectKey>, IDisposable> subscribe)
    {
        _watches.Add(subscribe);
        return this;
    }

    /// <summary>A cache that is read and triggers nothing; it is synced before the first reconcile, too.</summary>
    public ControllerBuilder<T> Reads<TOther>() where TOther : class, IResource
    {
        _syncs.Add(_informers.Of<TOther>().WaitForSyncAsync);
        return this;
    }

    /// <summary>A key waits until the caches show what was written for it.</summary>
    public ControllerBuilder<T> Tracks(WriteTracker tracker)
    {
        Tracker = tracker;
        return this;
    }

    public ControllerBuilder<T> Workers(int count)
    {
        WorkerCount = count;
        return this;
    }

    internal async Task WaitForSyncAsync(CancellationToken cancellation)
    {
        foreach (var sync in _syncs) await sync(cancellation);
    }

    internal IReadOnlyList<IDisposable> Watch(Action<ObjectKey> enqueue) => [.. _watches.Select(watch => watch(enqueue))];

    internal IEnumerable<ObjectKey> AllKeys() =>
        _informers.Of<T>().List().Where(_isOurs).Select(resource => ObjectKey.Of(resource.Metadata));

    internal Controller<T> Build(TimeProvider time, ILoggerFactory loggers, KubeMetrics? metrics) =>
        new(this, _reconciler, time, loggers.CreateLogger<Controller<T>>(), metrics);

    private bool IsOurs(T? resource) => resource is not null && _isOurs(resource);

    private static IEnumerable<ObjectKey> KeysOf<TOther>(
        ObjectChange<TOther> change, Func<TOther, IEnumerable<ObjectKey>> keys) where TOther : class, IResource
    {
        var after = change.After is null ? [] : keys(change.After);
        return change.Before is null ? after : keys(change.Before).Concat(after).Distinct();
    }
}
