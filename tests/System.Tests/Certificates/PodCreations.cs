using System.Collections.Concurrent;
using k8s;
using ModuleController.Core.Injection;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Certificates;

/// <summary>Creates pods that request the agent, one after the other, as a dry run: the API server calls the webhook for each.</summary>
internal sealed class PodCreations : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly World _world;
    private readonly Kubernetes _client;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _problems = new();
    private readonly Task _running;
    private int _count;

    public PodCreations(World world)
    {
        (_world, _client) = (world, new(KubernetesClientConfiguration.BuildConfigFromConfigFile(world.Kubeconfig)));
        _running = RunAsync();
    }

    /// <summary>Until a creation that begins after now has ended.</summary>
    public Task NextAsync()
    {
        var count = Volatile.Read(ref _count);
        return Eventually.True(() => Volatile.Read(ref _count) > count + 1);
    }

    /// <summary>What failed.</summary>
    public async Task<IReadOnlyList<string>> EndAsync()
    {
        await _stop.CancelAsync();
        await _running;
        return [.. _problems];
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _client.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await CreateAsync();
                await Task.Delay(Pause, TimeProvider.System, _stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception problem)
            {
                _problems.Enqueue(problem.ToString());
            }

            Interlocked.Increment(ref _count);
        }
    }

    private async Task CreateAsync()
    {
        var created = await _client.CreateNamespacedPodAsync(
            new()
            {
                Metadata = new() { GenerateName = "asks-", Labels = new Dictionary<string, string> { [InjectionKeys.Inject] = "true" } },
                Spec = new() { Containers = [new() { Name = "base", Image = SimulatedImages.Base }] },
            },
            _world.Namespace, dryRun: "All", cancellationToken: _stop.Token);
        if (created.Metadata.Annotations?.ContainsKey(InjectionKeys.Status) != true) _problems.Enqueue("the webhook was not called");
    }
}
