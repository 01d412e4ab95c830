using System.Globalization;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Core.Builtin;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Caches;

/// <summary>A reflector of Pods with a fake cluster and a fake time.</summary>
internal sealed class ReflectorBench : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private Task _run = Task.CompletedTask;

    public ReflectorBench() => Reflector = Of(Cluster);

    public LogGuard Logs { get; } = new();

    public FakeTimeProvider Time { get; } = new();

    public FakeCluster Cluster { get; } = new();

    public Store<Pod> Store { get; } = new();

    public Reflector<Pod> Reflector { get; }

    public Reflector<Pod> Of(IKubeClient client, TimeProvider? time = null, InformerOptions<Pod>? options = null) =>
        new(client, Store, options ?? new(), time ?? Time, Logs.CreateLogger("Reflector"));

    public void Run(Reflector<Pod> reflector) => _run = reflector.RunAsync(_stop.Token);

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Eventually.Ends(_run);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
        Logs.Dispose();
    }

    public async Task StartAsync()
    {
        Run(Reflector);
        await Reflector.Synced.WaitAsync(TestContext.Current.CancellationToken);
        await Eventually.True(() => Reads().Contains("watch pods"));
    }

    /// <summary>A reflector whose waits are over at once, and which watches now.</summary>
    public async Task<ImpatientTime> StartImpatientlyAsync()
    {
        var time = new ImpatientTime();
        Run(Of(Cluster, time));
        await Eventually.True(() => Watches() == 1);
        return time;
    }

    public async Task DeliverAsync(string name)
    {
        await CreateAsync(name);
        await Eventually.True(() => Store.Get(new("demo", name)) is not null);
    }

    /// <summary>Ends the open watch, and waits for the next one.</summary>
    public async Task EndAsync(Action end)
    {
        var before = Watches();
        end();
        await Eventually.True(() => Watches() == before + 1);
    }

    public int Watches() => Reads().Count(request => request == "watch pods");

    public int Lists() => Reads().Count(request => request == "list pods");

    public Task<Pod> CreateAsync(string name) => Cluster.CreateAsync(
        new Pod { Metadata = new() { Name = name, Namespace = "demo" } }, "test", TestContext.Current.CancellationToken);

    public string[] Reads() => [.. Cluster.Requests.Where(request => request is "list pods" or "watch pods")];

    public async Task<string[]> ReadsAsync(int count)
    {
        await PassAsync(() => Reads().Length >= count);
        return Reads();
    }

    /// <summary>Lets fake time pass in small steps until something is so.</summary>
    public Task PassAsync(Func<bool> condition) => Eventually.True(
        () =>
        {
            if (condition()) return true;
            Time.Advance(TimeSpan.FromSeconds(0.2));
            return false;
        },
        () => string.Create(CultureInfo.InvariantCulture, $"{string.Join(", ", Cluster.Requests)}; {Store.Count} objects"));
}
