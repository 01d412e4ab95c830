using System.Globalization;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Dev.ArkletSimulator;
using ModuleController.Dev.Controllers;
using ModuleController.Dev.Kubelet;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Dev.Load.Cleanup;
using ModuleController.Dev.Load.Processes;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Load.Clusters;

/// <summary>
/// An API server, a controller and base pods: the first two as processes, the pods on a node that is this
/// process. Everything is in one namespace.
/// </summary>
public sealed class LoadCluster : IAsyncDisposable
{
    private readonly Stack<Func<ValueTask>> _disposals = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("modulecontroller-load-").FullName;
    private readonly LoadOptions _options;
    private readonly Action<string> _progress;
    private readonly List<string> _left = [];
    private ChildProcess? _server;
    private ClusterCleanup? _cleanup;

    public LoadCluster(LoadOptions options, Action<string> progress)
    {
        (_options, _progress) = (options, progress);
        Bases = new(options, Loggers);
        Client = null!;
        Controller = null!;
        Modules = null!;
        Deployments = null!;
    }

    public string Namespace { get; } = $"load-{Guid.NewGuid().ToString("N")[..8]}";

    public KubeClient Client { get; private set; }

    public ControllerProcess Controller { get; private set; }

    /// <summary>Processor time of the API server, if the run started it.</summary>
    public double? ServerCpuSeconds => _server?.CpuSeconds;

    public Informer<Module> Modules { get; private set; }

    public Informer<ModuleDeployment> Deployments { get; private set; }

    internal LoadBases Bases { get; }

    /// <summary>After the end: what could not be removed or stopped.</summary>
    public IReadOnlyList<string> Left => _left;

    /// <summary>The warnings of the parts in this process.</summary>
    private ILoggerFactory Loggers { get; } = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Error)
        .AddSimpleConsole(console => console.SingleLine = true));

    /// <summary>Writes a jar and returns its URL.</summary>
    public string Jar(string name, string version, string? webContextPath = null)
    {
        var file = Path.Combine(_directory, $"{name}-{version}.jar");
        if (!File.Exists(file)) SampleJar.Write(file, name, version, webContextPath ?? name);
        return new Uri(file).AbsoluteUri;
    }

    /// <summary>
    /// Stops all parts, and removes what the run created on an API server that it did not start. It does not throw, so that
    /// the failure of a run is not lost.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_cleanup is not null)
        {
            _progress($"removing namespace {Namespace} and what is in it");
            await _cleanup.EmptyAsync();
        }

        while (_disposals.TryPop(out var dispose))
        {
            try
            {
                await dispose();
            }
            catch (Exception problem)
            {
                _left.Add(problem.Message);
                _progress($"a part did not stop cleanly: {problem}");
            }
        }

        _left.AddRange(_cleanup?.Problems ?? []);
        _cleanup?.Dispose();
        Loggers.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Returns when all base pods are Ready and their agents connected. After a failure, dispose of it too.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        var (client, pods, kubeconfig) = await StartServerAsync(cancellation);
        await StartNodeAsync(client, pods, cancellation);
        await StartControllerAsync([.. ControllerArguments(kubeconfig), "--insecure-agents"], cancellation);
        if (_options.HasLowPriority) LowPriority.Enter();
        await client.CreateAsync(BaseManifest.Of(Namespace, _options.Bases, Controller.Agents), "load", cancellation);
        await Wait.UntilAsync(
            () => pods.List().Count(pod => pod.Status.Conditions.IsTrue("Ready")) == _options.Bases, _options.Timeout,
            () => "all base pods are Ready", cancellation);
        await Wait.UntilAsync(
            async () => (await Controller.MetricsAsync(cancellation)).Agents == _options.Bases, _options.Timeout,
            () => "all agents are connected", cancellation);
    }

    /// <summary>A controller with TLS and tokens, and base pods that no node runs.</summary>
    /// <returns>The pods.</returns>
    internal async Task<IReadOnlyList<RunnerPod>> StartWithoutNodeAsync(int count, CancellationToken cancellation)
    {
        var (client, pods, kubeconfig) = await StartServerAsync(cancellation);
        await StartControllerAsync(ControllerArguments(kubeconfig), cancellation);
        if (_options.HasLowPriority) LowPriority.Enter();
        await client.CreateAsync(BaseManifest.Of(Namespace, count, Controller.Agents), "load", cancellation);
        await Wait.UntilAsync(() => pods.List().Count == count, _options.Timeout, () => "all base pods exist", cancellation);
        return [.. pods.List()];
    }

    private async Task<(KubeClient, Informer<RunnerPod>, string Kubeconfig)> StartServerAsync(CancellationToken cancellation)
    {
        var kubeconfig = _options.Kubeconfig ?? await ServeAsync(cancellation);
        var client = new KubeClient(
            Transport.FromKubeconfig(kubeconfig),
            new ResourceJson(ModulesJson.Default, KubeletJson.Default, ClusterJson.Default, LoadJson.Default),
            new() { UserAgent = "load" });
        Own(client);
        Client = client;
        var definitions = await Crds.ApplyAsync(client, cancellation);
        // An API server that the run started ends with the run, and its objects with it.
        if (_options.Kubeconfig is not null)
        {
            if (definitions is not [])
                _progress($"created {string.Join(", ", definitions)}; they stay, like the objects of other users");
            _cleanup = new(client, Namespace, _options.Cleanup, _progress);
            Own(async () => await _cleanup.RemoveAsync());
        }

        await client.CreateAsync(new Namespace { Metadata = new() { Name = Namespace } }, "load", cancellation);

#pragma warning disable CA2000 // owned by this cluster, which disposes of it
        var informers = new InformerFactory(client, TimeProvider.System, Loggers);
#pragma warning restore CA2000
        Modules = informers.Of<Module>(new() { Namespace = Namespace });
        Deployments = informers.Of<ModuleDeployment>(new() { Namespace = Namespace });
        var pods = informers.Of<RunnerPod>(new() { Namespace = Namespace });
        informers.Start();
        Own(informers.DisposeAsync);
        await informers.WaitForSyncAsync(cancellation);

        return (client, pods, kubeconfig);
    }

    private async Task StartControllerAsync(IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        Controller = await ControllerProcess.StartAsync(
            _options.Controller ?? Programs.Controller, arguments, _options.IsVerbose ? Console.Error.WriteLine : null, cancellation);
        Own(Controller.DisposeAsync);
    }

    private async Task<string> ServeAsync(CancellationToken cancellation)
    {
        var kubeconfig = Path.Combine(_directory, "kubeconfig");
        (_server, _) = await ChildProcess.StartAsync(
            Programs.DevCluster, ["serve", "--port", "0", "--kubeconfig", kubeconfig], "serving on", null, cancellation);
        Own(async () =>
        {
            await _server.StopAsync();
            await _server.DisposeAsync();
        });
        return kubeconfig;
    }

    private async Task StartNodeAsync(KubeClient client, Informer<RunnerPod> pods, CancellationToken cancellation)
    {
        var options = new KubeletOptions
        {
            NodeName = Namespace,
            Directory = Path.Combine(_directory, "pods"),
            NodeLabels = new Dictionary<string, string> { [BaseManifest.NodeLabel] = Namespace },
        };
#pragma warning disable CA2000 // owned by this cluster, which disposes of it
        var kubelet = new Kubelet.Kubelet(
            client, pods, Bases.Runtime, options, TimeProvider.System, Loggers.CreateLogger<Kubelet.Kubelet>());
#pragma warning restore CA2000
        Own(kubelet.DisposeAsync);
        await kubelet.StartAsync(cancellation);
    }

    private List<string> ControllerArguments(string kubeconfig)
    {
        // After a kill the next controller waits for the Lease. A short one keeps the share of that time low.
        var lease = _options is { Kill: KillTarget.Controller, Reconnect: 0 } ? (Duration: 2.0, Renew: 1.5, Retry: 0.2) : (15, 10, 2);
        return
        [
            // Not 127.0.0.1: an outgoing connection could get the port of a killed controller.
            "--kubeconfig", kubeconfig, "--bind", $"127.65.{Random.Shared.Next(1, 250)}.{Random.Shared.Next(1, 250)}",
            "--namespace", Namespace, "--watch-namespace", Namespace,
            "--lease-duration", Text(lease.Duration), "--lease-renew", Text(lease.Renew), "--lease-retry", Text(lease.Retry),
        ];

        static string Text(double seconds) => seconds.ToString(CultureInfo.InvariantCulture);
    }

    private void Own(IDisposable part) => _disposals.Push(() =>
    {
        part.Dispose();
        return ValueTask.CompletedTask;
    });

    private void Own(Func<ValueTask> end) => _disposals.Push(end);
}
