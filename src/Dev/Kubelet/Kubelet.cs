using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Meta;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Pods;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Kubelet;

/// <summary>Runs the pods that are bound to its node. It uses only the API, so it works with any API server.</summary>
public sealed partial class Kubelet(
    KubeClient client, IInformer<RunnerPod> pods, IContainerRuntime runtime, KubeletOptions options, TimeProvider time,
    ILogger<Kubelet> logger) : IAsyncDisposable
{
    private readonly NodeHeartbeat _node = new(client, options, time);
    private readonly Addresses _addresses = new();
    private string? _hostAddress; // of all pods on the host network
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.Zero });
    private readonly ConcurrentDictionary<ObjectKey, Managed> _managed = new();
    private readonly Channel<ObjectKey> _changed = Channel.CreateUnbounded<ObjectKey>(); // one key per observed pod state
    private readonly Dictionary<ObjectKey, Task> _deleting = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    /// <summary>Registers the node and starts to run its pods.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        await _node.RegisterAsync(cancellation);
        await pods.WaitForSyncAsync(cancellation);
        var subscription = pods.Subscribe(change => _changed.Writer.TryWrite(change.Key));
        _running = RunAsync(subscription);
    }

    /// <summary>The log of a container that runs here; by default the pod's first one.</summary>
    public ContainerLog? FindLog(string ns, string pod, string? container) =>
        _managed.TryGetValue(new(ns, pod), out var managed) ? managed.Runner.Log(container) : null;

    /// <summary>Ends all pods' processes; the API objects stay as they are.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await _running;
        foreach (var managed in _managed.Values) managed.End(TimeSpan.FromSeconds(2), isDeleted: true);
        await Task.WhenAll(_managed.Values.Select(managed => managed.Running));
        await Task.WhenAll(_deleting.Values);
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(IDisposable subscription)
    {
        var heartbeats = SendHeartbeatsAsync();
        try
        {
            await foreach (var key in _changed.Reader.ReadAllAsync(_stop.Token)) Reconcile(key);
        }
        catch (OperationCanceledException)
        {
            // The kubelet stops.
        }
        finally
        {
            subscription.Dispose();
            await heartbeats;
        }
    }

    private void Reconcile(ObjectKey key)
    {
        var pod = pods.Get(key);
        if (_managed.TryGetValue(key, out var managed))
        {
            if (pod?.Metadata.Uid != managed.Runner.Uid) managed.End(TimeSpan.Zero, isDeleted: true);
            else if (pod.Metadata.IsDeleting) managed.End(GraceOf(pod), isDeleted: false);
            else managed.Runner.Observe(pod);
            return;
        }

        if (pod is null || pod.Spec.NodeName != options.NodeName) return;
        if (pod.Metadata.IsDeleting) Delete(key, pod.Metadata.Uid);
        else if (pod.Status.Phase is not ("Succeeded" or "Failed")) Start(key, pod);
    }

    private void Start(ObjectKey key, RunnerPod pod)
    {
        LogStarting(logger, key);
        var uid = pod.Metadata.Uid ?? "";
        var isOnHost = pod.Spec.HostNetwork;
        var identity = new PodIdentity(
            key.Namespace, key.Name, uid, isOnHost ? _hostAddress ??= _addresses.Take() : _addresses.Take(), isOnHost);
        var place = new PodPlace(identity, Addresses.FreePort(), Path.Combine(options.Directory, uid));
        var managed = new Managed(new(pod, place, new(client, runtime, new(_http, time), time)));
        _managed[key] = managed;
        managed.Running = KeepAsync(key, managed);
    }

    /// <summary>Runs one pod from start to end, and then deletes its object.</summary>
    private async Task KeepAsync(ObjectKey key, Managed managed)
    {
        await Task.Yield();
        try
        {
            await managed.Runner.RunAsync();
        }
        catch (Exception problem)
        {
            LogFailed(logger, problem, key); // an internal error: the pod's object must still be deleted on request
            await managed.Ending;
        }

        if (managed.Runner.Ip != _hostAddress) _addresses.Return(managed.Runner.Ip);
        if (!managed.IsDeleted) await DeleteAsync(key, managed.Runner.Uid);
        _managed.TryRemove(key, out _);
        LogEnded(logger, key);
        _changed.Writer.TryWrite(key);
    }

    /// <summary>A pod that never ran here, or whose kubelet was restarted while the pod ended.</summary>
    private void Delete(ObjectKey key, string? uid)
    {
        if (_deleting.TryGetValue(key, out var running) && !running.IsCompleted) return;
        _deleting[key] = DeleteAsync(key, uid);
        foreach (var (other, _) in _deleting.Where(pair => pair.Value.IsCompleted)) _deleting.Remove(other);
    }

    private async Task DeleteAsync(ObjectKey key, string? uid)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await client.DeleteAsync<RunnerPod>(key, new() { Uid = uid, GracePeriod = TimeSpan.Zero }, _stop.Token);
                return;
            }
            catch (KubeException problem) when (problem.Error.Code is 404 or 409)
            {
                return;
            }
            catch (KubeException problem)
            {
                LogRetry(logger, key, problem.Message);
                await WaitAsync(TimeSpan.FromSeconds(1));
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task SendHeartbeatsAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            await WaitAsync(options.Heartbeat);
            try
            {
                if (!_stop.IsCancellationRequested) await _node.BeatAsync(_stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (KubeException problem)
            {
                LogHeartbeat(logger, problem.Message);
            }
        }
    }

    /// <summary>Ends early when the kubelet stops.</summary>
    private async Task WaitAsync(TimeSpan delay)
    {
        try
        {
            await Task.Delay(delay, time, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The caller checks for cancellation.
        }
    }

    private static TimeSpan GraceOf(RunnerPod pod) => TimeSpan.FromSeconds(
        pod.Metadata.DeletionGracePeriodSeconds ?? pod.Spec.TerminationGracePeriodSeconds ?? 30);

    /// <summary>A pod that runs here, and the request to end it.</summary>
    private sealed class Managed(PodRunner runner)
    {
        private readonly TaskCompletionSource _ending = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public PodRunner Runner { get; } = runner;

        public Task Running { get; set; } = Task.CompletedTask;

        /// <summary>The object was deleted, or must stay: it is not to be deleted.</summary>
        public bool IsDeleted { get; private set; }

        public Task Ending => _ending.Task;

        public void End(TimeSpan grace, bool isDeleted)
        {
            IsDeleted |= isDeleted;
            Runner.Stop(grace);
            _ending.TrySetResult();
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "starting pod {Pod}")]
    private static partial void LogStarting(ILogger logger, ObjectKey pod);

    [LoggerMessage(Level = LogLevel.Information, Message = "pod {Pod} has ended")]
    private static partial void LogEnded(ILogger logger, ObjectKey pod);

    [LoggerMessage(Level = LogLevel.Warning, Message = "pod {Pod} could not be removed yet: {Problem}")]
    private static partial void LogRetry(ILogger logger, ObjectKey pod, string problem);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the node's heartbeat did not reach the API server: {Problem}")]
    private static partial void LogHeartbeat(ILogger logger, string problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "pod {Pod} could not be run")]
    private static partial void LogFailed(ILogger logger, Exception problem, ObjectKey pod);
}
