using System.Text.Json.Nodes;
using System.Threading.Channels;
using ModuleController.Core.Meta;
using ModuleController.Kube;

namespace ModuleController.DevCluster.Kubelet;

/// <summary>Runs one pod from its first container to its last, and keeps its status true.</summary>
internal sealed class PodRunner
{
    private static readonly TimeSpan SidecarGrace = TimeSpan.FromSeconds(5);

    private readonly IKubeClient _client;
    private readonly TimeProvider _time;
    private readonly PodIdentity _identity;
    private readonly string _directory;
    private readonly DateTimeOffset _startedAt;
    private readonly List<ContainerRunner> _init;
    private readonly List<ContainerRunner> _main;
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly TaskCompletionSource _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Task> _runningInit = [];
    private readonly List<Task> _runningMain = [];
    private TimeSpan _grace;
    private volatile RunnerPod _pod;
    private volatile bool _isInitialized;
    private string? _sent;

    public PodRunner(
        RunnerPod pod, string ip, int port, string directory, IKubeClient client, IContainerRuntime runtime, Prober prober,
        TimeProvider time)
    {
        (_pod, _client, _time, _directory) = (pod, client, time, directory);
        _identity = new(pod.Metadata.Namespace ?? "", pod.Metadata.Name, pod.Metadata.Uid ?? "", ip);
        _startedAt = time.GetUtcNow();
        foreach (var volume in pod.Spec.Volumes) Directory.CreateDirectory(PodEnvironment.VolumeDirectory(directory, volume.Name));
        _init = [.. pod.Spec.InitContainers.Select(spec => Runner(spec, spec.RestartPolicy ?? InitPolicy(pod)))];
        _main = [.. pod.Spec.Containers.Select(spec => Runner(spec, pod.Spec.RestartPolicy ?? "Always"))];

        ContainerRunner Runner(Container spec, string policy) => new(
            spec, PodEnvironment.Of(pod, spec, _identity, port, directory), policy, runtime, prober, time,
            () => _changes.Writer.TryWrite(true));
    }

    public string Uid => _identity.Uid;

    public ContainerLog? Log(string? container) => container is null
        ? _main.FirstOrDefault()?.Log
        : _main.Concat(_init).FirstOrDefault(runner => runner.View.Spec.Name == container)?.Log;

    /// <summary>The pod as the API has it now: its conditions of others count for its readiness.</summary>
    public void Observe(RunnerPod pod)
    {
        _pod = pod;
        _changes.Writer.TryWrite(true);
    }

    /// <summary>Runs the pod until <see cref="StopAsync"/>; the main containers end first, then the sidecars.</summary>
    public async Task RunAsync()
    {
        var publishing = PublishAsync();
        try
        {
            await StartAsync();
            await _stop.Task;
            foreach (var runner in _main) runner.Stop(_grace);
            await Task.WhenAll(_runningMain);
            foreach (var runner in _init) runner.Stop(_grace < SidecarGrace ? _grace : SidecarGrace);
            await Task.WhenAll(_runningInit);
        }
        finally
        {
            _changes.Writer.TryComplete();
            await publishing;
            foreach (var runner in _main.Concat(_init))
            {
                runner.Log.Close();
                runner.Dispose();
            }

            if (Directory.Exists(_directory)) Directory.Delete(_directory, recursive: true);
            _ended.SetResult();
        }
    }

    /// <summary>Asks all containers to end; returns when none is left.</summary>
    public Task StopAsync(TimeSpan grace)
    {
        _grace = grace;
        _stop.TrySetResult();
        return _ended.Task;
    }

    private static string InitPolicy(RunnerPod pod) => pod.Spec.RestartPolicy == "Never" ? "Never" : "OnFailure";

    private async Task StartAsync()
    {
        _changes.Writer.TryWrite(true);
        foreach (var runner in _init)
        {
            if (_stop.Task.IsCompleted) return;
            var run = runner.RunAsync();
            _runningInit.Add(run);
            var isSidecar = runner.View.Spec.RestartPolicy == "Always";
            await Task.WhenAny(isSidecar ? StartedAsync(runner) : run, _stop.Task);
        }

        if (_stop.Task.IsCompleted) return;
        _isInitialized = true;
        foreach (var runner in _main) _runningMain.Add(runner.RunAsync());
    }

    /// <summary>A sidecar has started when its startup probe says so.</summary>
    private async Task StartedAsync(ContainerRunner runner)
    {
        while (!runner.View.IsStarted && !_stop.Task.IsCompleted) await Task.Delay(TimeSpan.FromMilliseconds(50), _time);
    }

    private async Task PublishAsync()
    {
        await foreach (var _ in _changes.Reader.ReadAllAsync())
        {
            var pod = _pod;
            var status = PodStatus.Of(
                pod, _identity, _startedAt, [.. _init.Select(runner => runner.View)], [.. _main.Select(runner => runner.View)],
                _isInitialized, _time.GetUtcNow());
            var text = status.ToJsonString();
            if (text == _sent) continue;
            try
            {
                await _client.PatchAsync<RunnerPod>(
                    ObjectKey.Of(pod.Metadata),
                    new JsonObject { ["metadata"] = new JsonObject { ["uid"] = _identity.Uid }, ["status"] = status },
                    new PatchOptions("kubelet") { Subresource = "status", IsStrategic = true });
                _sent = text;
            }
            catch (KubeException problem) when (problem.Error.Code is 404 or 409 or 422)
            {
                // Gone, or another pod of the same name: the kubelet hears of it from its watch.
            }
            catch (Exception problem) when (problem is KubeException or HttpRequestException or OperationCanceledException)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), _time);
                _changes.Writer.TryWrite(true);
            }
        }
    }
}
