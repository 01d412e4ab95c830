using Microsoft.Extensions.Logging;
using ModuleController.Dev.Kubelet;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Harness;

/// <summary>Runs the pods of the test's namespace where the API server is somebody else's, on a node of that name.</summary>
internal sealed class OwnKubelet : IAsyncDisposable
{
    private readonly InformerFactory _informers;
    private readonly Kubelet _kubelet;

    public OwnKubelet(KubeClient client, string name, IContainerRuntime runtime, string directory, ILoggerFactory loggers)
    {
        _informers = new(client, TimeProvider.System, loggers);
        _kubelet = new(
            client, _informers.Of<RunnerPod>(new() { Namespace = name }), runtime,
            new()
            {
                NodeName = name,
                Directory = directory,
                NodeLabels = new Dictionary<string, string> { ["modulecontroller-test"] = name },
            },
            TimeProvider.System, loggers.CreateLogger<Kubelet>());
    }

    public Task StartAsync(CancellationToken cancellation)
    {
        _informers.Start();
        return _kubelet.StartAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await _kubelet.DisposeAsync();
        await _informers.DisposeAsync();
    }
}
