using System.Collections.Concurrent;
using System.Threading.Channels;
using ModuleController.Core.Meta;
using ModuleController.Kube;

namespace ModuleController.DevCluster.Kubelet;

/// <summary>Runs the pods that are bound to its node. It knows the cluster through the API alone, so any API server will do.</summary>
public sealed partial class Kubelet(
    IKubeClient client, IInformer<RunnerPod> pods, IContainerRuntime runtime, KubeletOptions options, TimeProvider time,
    ILogger<Kubelet> logger) : IAsyncDisposable
{
    private readonly NodeHeartbeat _node = new(client, options, time);
    private readonly Addresses _addresses = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.Zero });
    private readonly ConcurrentDictionary<ObjectKey, Managed> _managed = new();
    private readonly Channel<ObjectKey> _changed = Channel.CreateUnbounded<ObjectKey>(); // one key per pod state seen
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

    /// <summary>The log of a container that runs here; of the pod's first one where none is named.</summary>
    public ContainerLog? FindLog(string ns, string pod, string? container) =>
        _managed.TryGetValue(new(ns, pod), out var managed) ? managed.Runner.Log(container) : null;

    /// <summary>Ends all pods' processes; the API objects stay as they are.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await _running;
        await Task.WhenAll(_managed.Values.Select(managed => managed.Runner.StopAsync(TimeSpan.FromSeconds(2))));
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(IDisposable subscription)
    {
        var beating = BeatAsync();
        try
        {
            await foreach (var key in _changed.Reader.ReadAllAsync(_stop.Token)) Look(key);
        }
        catch (OperationCanceledException)
        {
            // The kubelet stops.
        }
        finally
        {
            subscription.Dispose();
            await beating;
        }
    }

    private void Look(ObjectKey key)
    {
        var pod = pods.Get(key);
        if (_managed.TryGetValue(key, out var managed))
        {
            if (pod?.Metadata.Uid != managed.Runner.Uid) managed.End(TimeSpan.Zero, isGone: true);
            else if (pod.Metadata.IsDeleting) managed.End(GraceOf(pod), isGone: false);
            else managed.Runner.Observe(pod);
            return;
        }

        if (pod is null || pod.Spec.NodeName != options.NodeName) return;
        if (pod.Metadata.IsDeleting) Run(DeleteAsync(key, pod.Metadata.Uid), key);
        else if (pod.Status.Phase is not ("Succeeded" or "Failed")) Start(key, pod);
    }

    private void Start(ObjectKey key, RunnerPod pod)
    {
        LogStarting(logger, key);
        var directory = Path.Combine(options.Directory, pod.Metadata.Uid ?? pod.Metadata.Name);
        var runner = new PodRunner(
            pod, _addresses.Next(), Addresses.FreePort(), directory, client, runtime, new(_http, time), time);
        var managed = new Managed(runner);
        _managed[key] = managed;
        Run(KeepAsync(key, managed), key);
    }

    /// <summary>From start to end of one pod; then the API object goes, and a pod of the same name may come.</summary>
    private async Task KeepAsync(ObjectKey key, Managed managed)
    {
        var running = managed.Runner.RunAsync();
        await managed.Ending;
        await managed.Runner.StopAsync(managed.Grace);
        await running;
        if (!managed.IsGone) await DeleteAsync(key, managed.Runner.Uid);
        _managed.TryRemove(key, out _);
        LogEnded(logger, key);
        _changed.Writer.TryWrite(key);
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
                await Task.Delay(TimeSpan.FromSeconds(1), time, _stop.Token);
            }
        }
    }

    private async Task BeatAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(options.Heartbeat, time, _stop.Token);
                await _node.BeatAsync(_stop.Token);
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

    private void Run(Task work, ObjectKey key) => _ = work.ContinueWith(
        failed =>
        {
            if (!_stop.IsCancellationRequested) LogFailed(logger, failed.Exception!.InnerException!, key);
        },
        CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);

    private static TimeSpan GraceOf(RunnerPod pod) => TimeSpan.FromSeconds(
        pod.Metadata.DeletionGracePeriodSeconds ?? pod.Spec.TerminationGracePeriodSeconds ?? 30);

    /// <summary>A pod that runs here, and the wish to end it.</summary>
    private sealed class Managed(PodRunner runner)
    {
        private readonly TaskCompletionSource _ending = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public PodRunner Runner { get; } = runner;

        public TimeSpan Grace { get; private set; }

        public bool IsGone { get; private set; }

        public Task Ending => _ending.Task;

        public void End(TimeSpan grace, bool isGone)
        {
            if (_ending.Task.IsCompleted) return;
            (Grace, IsGone) = (grace, isGone);
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
