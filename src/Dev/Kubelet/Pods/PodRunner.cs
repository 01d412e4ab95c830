using System.Text.Json.Nodes;
using System.Threading.Channels;
using ModuleController.Core.Meta;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Dev.Kubelet.Volumes;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Kubelet.Pods;

/// <summary>What every pod of a node is run with.</summary>
internal sealed record PodServices(KubeClient Client, IContainerRuntime Runtime, Prober Prober, TimeProvider Time);

/// <summary>Runs one pod from its first container to its last, and updates its status.</summary>
internal sealed class PodRunner
{
    private static readonly TimeSpan SidecarGrace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly PodServices _services;
    private readonly TimeProvider _time;
    private readonly PodPlace _place;
    private readonly PodVolumes _volumes;
    private readonly PodStatus _status;
    private readonly List<ContainerRunner> _init;
    private readonly List<ContainerRunner> _main;
    private readonly List<Task> _runningInit = [];
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private TimeSpan _grace = TimeSpan.MaxValue;
    private bool _isOver;
    private volatile RunnerPod _pod;
    private volatile bool _isInitialized;

    public PodRunner(RunnerPod pod, PodPlace place, PodServices services)
    {
        (_pod, _place, _services, _time) = (pod, place, services, services.Time);
        _volumes = new(pod, place, services.Client, _time);
        _status = new(place.Identity, _time.GetUtcNow());
        var context = new ContainerContext(services.Runtime, services.Prober, _time, place.Identity.Ip)
        {
            Prepare = (spec, log) => PodEnvironment.Of(pod, spec, place, log),
            Changed = () => _changes.Writer.TryWrite(true),
        };
        var policy = pod.Spec.RestartPolicy ?? "Always";
        _init = [.. pod.Spec.InitContainers.Select(spec =>
            Runner(spec, spec.RestartPolicy ?? (policy == "Never" ? policy : "OnFailure")))];
        _main = [.. pod.Spec.Containers.Select(spec => Runner(spec, policy))];

        ContainerRunner Runner(Container spec, string restart) => new(PodEnvironment.WithMountedProbes(pod, spec, place), restart, context);
    }

    public string Uid => _place.Identity.Uid;

    public string Ip => _place.Identity.Ip;

    public ContainerLog? Log(string? container) => container is null
        ? _main.FirstOrDefault()?.Log
        : _main.Concat(_init).FirstOrDefault(runner => runner.View.Spec.Name == container)?.Log;

    /// <summary>The pod in the API. Conditions of other writers count for its readiness.</summary>
    public void Observe(RunnerPod pod)
    {
        _pod = pod;
        _changes.Writer.TryWrite(true);
    }

    /// <summary>Runs the pod until <see cref="Stop"/>; the main containers end first, then the sidecars.</summary>
    public async Task RunAsync()
    {
        using var stopping = new CancellationTokenSource();
        var cancelling = CancelWhenStoppedAsync(stopping);
        var publishing = PublishAsync();
        try
        {
            var refreshing = Task.CompletedTask;
            if (await MountAsync(stopping.Token))
            {
                refreshing = _volumes.RefreshAsync(stopping.Token);
                if (await InitializeAsync()) await RunMainAsync();
            }

            StopAll(_init, SidecarGrace);
            await Task.WhenAll(_runningInit);
            await cancelling; // a completed pod stays until its object is deleted
            await refreshing;
        }
        finally
        {
            _changes.Writer.TryComplete();
            await publishing;
            CleanUp();
        }
    }

    /// <summary>Asks all containers to end. A second call can only shorten the grace period.</summary>
    public void Stop(TimeSpan grace)
    {
        lock (_lock)
        {
            if (_isOver) return;
            if (grace < _grace) _grace = grace;
            foreach (var runner in _main.Concat(_init).Where(runner => runner.IsStopping)) runner.Stop(_grace);
        }

        _stopped.TrySetResult();
    }

    private async Task CancelWhenStoppedAsync(CancellationTokenSource stopping)
    {
        await _stopped.Task;
        await stopping.CancelAsync();
    }

    private async Task<bool> MountAsync(CancellationToken stopping)
    {
        _changes.Writer.TryWrite(true);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await _volumes.MountAsync(stopping);
                return true;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                break;
            }
            catch (Exception problem)
            {
                // Missing objects may be created later. Until then the status names them.
                foreach (var runner in _main) runner.Wait("ContainerCreating", problem.Message);
                await Task.WhenAny(Task.Delay(RetryAfter, _time, CancellationToken.None), _stopped.Task);
            }
        }

        return false;
    }

    /// <summary>
    /// Runs init containers to their end and sidecars to their start, one after the other. False after a failure or a stop.
    /// </summary>
    private async Task<bool> InitializeAsync()
    {
        foreach (var runner in _init)
        {
            var run = runner.RunAsync();
            _runningInit.Add(run);
            await Task.WhenAny(runner.IsSidecar ? runner.Started : run, _stopped.Task);
            if (_stopped.Task.IsCompleted) return false;
            if (!runner.IsSidecar && runner.View.State is not ContainerState.Terminated { ExitCode: 0 }) return false;
        }

        _isInitialized = true;
        return true;
    }

    private async Task RunMainAsync()
    {
        var running = Task.WhenAll(_main.Select(runner => runner.RunAsync()));
        if (await Task.WhenAny(running, _stopped.Task) == _stopped.Task) StopAll(_main, TimeSpan.MaxValue);
        await running;
    }

    private void StopAll(List<ContainerRunner> runners, TimeSpan most)
    {
        lock (_lock)
        {
            foreach (var runner in runners) runner.Stop(_grace < most ? _grace : most);
        }
    }

    private async Task PublishAsync()
    {
        var sent = "";
        await foreach (var _ in _changes.Reader.ReadAllAsync())
        {
            var pod = _pod;
            var status = _status.Of(
                pod, [.. _init.Select(runner => runner.View)], [.. _main.Select(runner => runner.View)], _isInitialized, _time.GetUtcNow());
            var text = status.ToJsonString();
            if (text == sent) continue;
            try
            {
                await _services.Client.PatchAsync<RunnerPod>(
                    ObjectKey.Of(pod.Metadata),
                    new JsonObject { ["metadata"] = new JsonObject { ["uid"] = Uid }, ["status"] = status },
                    new PatchOptions("kubelet") { Subresource = "status", IsStrategic = true });
                sent = text;
            }
            catch (KubeException problem) when (problem.Error.Code is 404 or 409 or 422)
            {
                // The pod was deleted or replaced, which the kubelet learns from its watch.
            }
            catch (KubeException)
            {
                await Task.WhenAny(Task.Delay(RetryAfter, _time, CancellationToken.None), _stopped.Task);
                _changes.Writer.TryWrite(true);
            }
        }
    }

    private void CleanUp()
    {
        lock (_lock) _isOver = true;
        foreach (var runner in _main.Concat(_init))
        {
            runner.Log.Close();
            runner.Dispose();
        }

        if (Directory.Exists(_place.Directory)) Directory.Delete(_place.Directory, recursive: true);
    }
}
