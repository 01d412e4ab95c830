using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;
using ModuleController.Kube.Queues;

namespace ModuleController.Kube.Controllers;

/// <summary>Runs one reconciler on the keys of its queue.</summary>
/// <remarks>
/// No reconcile before all its informers have synced.
/// A resync every 10 minutes, in background.
/// An exception means try again with back-off; a final one, not until something changes.
/// A key whose writes the caches don't show yet waits 50 ms and again.
/// When stopped, a running reconcile may finish until the deadline, then it is cancelled.
/// </remarks>
public sealed partial class Controller<T> : IController where T : class, IResource
{
    private static readonly TimeSpan CacheWait = TimeSpan.FromMilliseconds(50);

    private readonly ControllerBuilder<T> _builder;
    private readonly IReconciler<T> _reconciler;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly KubeMetrics? _metrics;
    private readonly WorkQueue<ObjectKey> _queue;
    private readonly CancellationTokenSource _taking = new();
    private readonly CancellationTokenSource _reconciling = new();
    private readonly List<IDisposable> _subscriptions = [];
    private readonly System.Collections.Concurrent.ConcurrentDictionary<ObjectKey, long> _behind = new();
    private Task _work = Task.CompletedTask;

    internal Controller(
        ControllerBuilder<T> builder, IReconciler<T> reconciler, TimeProvider time, ILogger logger, KubeMetrics? metrics)
    {
        (_builder, _reconciler, _time, _logger, _metrics) = (builder, reconciler, time, logger, metrics);
        _queue = new(time, Backoff.Default);
    }

    public string Name => _builder.Name;

    /// <summary>Returns once the caches are synced and the workers run.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        await _builder.WaitForSyncAsync(cancellation);
        _subscriptions.AddRange(_builder.Watch(key => _queue.Add(key)));   // each first reports the existing objects
        if (_metrics is not null) _subscriptions.Add(_metrics.ObserveQueue(Name, () => (_queue.Depth, _queue.OldestAge)));
        var workers = Enumerable.Range(0, _builder.WorkerCount).Select(_ => Task.Run(WorkAsync, CancellationToken.None));
        _work = Task.WhenAll([.. workers, ResyncAsync()]);   // here, not on the pool: its period counts from now
        LogStarted(Name, _builder.WorkerCount);
    }

    /// <summary>Takes no more keys and waits for those at work; the token is the deadline.</summary>
    public async Task StopAsync(CancellationToken deadline)
    {
        _subscriptions.ForEach(subscription => subscription.Dispose());
        _subscriptions.Clear();
        await _taking.CancelAsync();
        await using (deadline.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _reconciling))
        {
            await _work;
        }
    }

    public void Dispose()
    {
        _queue.Dispose();
        _taking.Dispose();
        _reconciling.Dispose();
    }

    private async Task WorkAsync()
    {
        while (!_taking.IsCancellationRequested)
        {
            try
            {
                using var lease = await _queue.TakeAsync(_taking.Token);
                if (IsCaughtUp(lease.Key)) await ReconcileAsync(lease.Key);
                else _queue.AddAfter(lease.Key, CacheWait);
            }
            catch (OperationCanceledException) when (_taking.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task ReconcileAsync(ObjectKey key)
    {
        var started = _time.GetTimestamp();
        var result = "done";
        try
        {
            var outcome = await _reconciler.ReconcileAsync(key, _reconciling.Token);
            _queue.Forget(key);
            if (outcome.RequeueAfter is { } delay) _queue.AddAfter(key, delay);
        }
        catch (OperationCanceledException) when (_reconciling.IsCancellationRequested)
        {
            result = "cancelled";
        }
        catch (Exception exception)
        {
            result = Fail(key, exception);
        }

        _metrics?.Reconciled(Name, result, _time.GetElapsedTime(started));
    }

    private string Fail(ObjectKey key, Exception exception)
    {
        _queue.Retry(key);
        switch (exception)
        {
            case KubeException { IsConflict: true } or KubeException { IsAlreadyExists: true }:
                LogConflict(Name, key, exception.Message);
                return "conflict";
            case KubeException or HttpRequestException or IOException or TimeoutException or OperationCanceledException:
                LogRetry(Name, key, exception.Message);
                return "retry";
            default:
                LogFailed(exception, Name, key);   // a bug of ours, so with its stack
                return "error";
        }
    }

    private bool IsCaughtUp(ObjectKey key)
    {
        if (_builder.Tracker is not { } tracker) return true;
        if (!tracker.HasCaughtUp(key))
        {
            _behind.TryAdd(key, _time.GetTimestamp());
            return false;
        }

        if (_behind.TryRemove(key, out var since)) _metrics?.CaughtUp(Name, _time.GetElapsedTime(since));
        return true;
    }

    private async Task ResyncAsync()
    {
        using var timer = new PeriodicTimer(ControllerBuilder<T>.ResyncPeriod, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_taking.Token))
            {
                foreach (var key in _builder.AllKeys()) _queue.Add(key, background: true);
            }
        }
        catch (OperationCanceledException) when (_taking.IsCancellationRequested)
        {
            // Stopped.
        }
    }

    [LoggerMessage(LogLevel.Information, "Controller {Controller} runs with {Workers} workers")]
    private partial void LogStarted(string controller, int workers);

    [LoggerMessage(LogLevel.Debug, "{Controller} {Key}: the cache was old, trying again: {Why}")]
    private partial void LogConflict(string controller, ObjectKey key, string why);

    [LoggerMessage(LogLevel.Warning, "{Controller} {Key} is tried again: {Why}")]
    private partial void LogRetry(string controller, ObjectKey key, string why);

    [LoggerMessage(LogLevel.Error, "{Controller} {Key} failed")]
    private partial void LogFailed(Exception exception, string controller, ObjectKey key);
}

/// <summary>What a manager does with a controller, whatever its kind.</summary>
internal interface IController : IDisposable
{
    string Name { get; }

    Task StartAsync(CancellationToken cancellation);

    Task StopAsync(CancellationToken deadline);
}
