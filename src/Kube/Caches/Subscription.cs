using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Caches;

/// <summary>
/// One handler's view of a store. Changes are noted immediately and reported on the thread pool; while a handler is busy, the
/// changes of one object become one (from the state it last saw to the newest), so memory is bounded by the objects.
/// </summary>
internal sealed partial class Subscription<T> : IThreadPoolWorkItem, IDisposable where T : class, IResource
{
    private readonly Action<ObjectChange<T>> _handler;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly Dictionary<ObjectKey, ObjectChange<T>> _pending = [];
    private readonly Queue<ObjectKey> _order = new();
    private readonly IDisposable _registration;
    private bool _isRunning;
    private volatile bool _isDisposed;

    public Subscription(Store<T> store, Action<ObjectChange<T>> handler, ILogger logger)
    {
        (_handler, _logger) = (handler, logger);
        _registration = store.Observe(Note);
    }

    public void Dispose()
    {
        _isDisposed = true;
        _registration.Dispose();
    }

    public void Execute()
    {
        while (Next() is { } change)
        {
            try
            {
                _handler(change);
            }
            catch (Exception exception)
            {
                // A handler's bug must not end the subscription: later changes are still reported.
                LogFailed(exception, T.Kind, change.Key);
            }
        }
    }

    private void Note(ObjectChange<T> change)
    {
        lock (_lock)
        {
            if (_pending.TryGetValue(change.Key, out var untold)) _pending[change.Key] = untold with { After = change.After };
            else
            {
                _pending[change.Key] = change;
                _order.Enqueue(change.Key);
            }

            if (_isRunning) return;
            _isRunning = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private ObjectChange<T>? Next()
    {
        lock (_lock)
        {
            while (!_isDisposed && _order.TryDequeue(out var key))
            {
                _pending.Remove(key, out var change);
                if (change.Before is not null || change.After is not null) return change;   // else it was created and deleted unobserved
            }

            _isRunning = false;
            return null;
        }
    }

    [LoggerMessage(LogLevel.Error, "A handler failed on {Kind} {Key}")]
    private partial void LogFailed(Exception exception, ResourceKind kind, ObjectKey key);
}
