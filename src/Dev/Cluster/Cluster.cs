using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.ApiServer.Requests;
using ModuleController.Dev.Controllers;
using ModuleController.Dev.Kubelet;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Cluster;

/// <summary>The options of a cluster.</summary>
public sealed record ClusterOptions
{
    public ApiServerOptions Server { get; init; } = new();

    /// <summary>What runs the containers.</summary>
    public required IContainerRuntime Runtime { get; init; }

    /// <summary>The directory of pods' volumes; by default a temporary one that is removed at the end.</summary>
    public string? Directory { get; init; }

    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;
}

/// <summary>An API server with the controllers and one node that run its Deployments.</summary>
public sealed class Cluster : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Stack<Func<ValueTask>> _disposals = new();
    private readonly PodLogs _logs = new();
    private ApiServerOptions _serverOptions = new();
    private ApiServerHost? _server;

    private Cluster()
    {
    }

    public ApiServerHost Server => _server ?? throw new InvalidOperationException("the cluster has not started");

    public static async Task<Cluster> StartAsync(ClusterOptions options, CancellationToken cancellation = default)
    {
        var cluster = new Cluster();
        try
        {
            await cluster.StartPartsAsync(options, cancellation);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Restarts the server on the same port with the same objects. Everything else keeps running.</summary>
    public async Task RestartServerAsync(CancellationToken cancellation = default)
    {
        var (log, port) = (Server.Log, Server.ServerUri.Port);
        await Server.DisposeAsync();
        await Addresses.UntilFreeAsync(new(_serverOptions.Address, port), cancellation);
        _server = await ApiServerHost.StartAsync(_serverOptions with { Log = log, Port = port }, cancellation);
    }

    /// <summary>Stops the pods' processes first, the server last. If a part fails, the others are still stopped.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        var problems = new List<Exception>();
        while (_disposals.TryPop(out var dispose))
        {
            try
            {
                await dispose();
            }
            catch (Exception problem)
            {
                problems.Add(problem);
            }
        }

        _stop.Dispose();
        if (problems.Count > 0) throw new AggregateException("the cluster did not stop cleanly", problems);
    }

    [SuppressMessage("Reliability", "CA2000", Justification = "each part is put on the stack that DisposeAsync empties")]
    private async Task StartPartsAsync(ClusterOptions options, CancellationToken cancellation)
    {
        _serverOptions = options.Server with { PodLogs = _logs, Loggers = options.Loggers };
        _server = await ApiServerHost.StartAsync(_serverOptions, cancellation);
        _disposals.Push(() => Server.DisposeAsync());
        var time = options.Server.Time;
        var directory = options.Directory ?? System.IO.Directory.CreateTempSubdirectory("devcluster-").FullName;
        if (options.Directory is null) _disposals.Push(() => RemoveAsync(directory));

        var token = _server.TokenOf("devcluster", "system:masters");      // counted separately from the administrator
        var client = new KubeClient(
            Transport.To(_server.ServerUri, token), new ResourceJson(KubeletJson.Default, ClusterJson.Default),
            new() { UserAgent = "devcluster" }, time: time);
        _disposals.Push(() => DisposeAsync(client));
        var http = _server.CreateClient(token);
        _disposals.Push(() => DisposeAsync(http));
        var informers = new InformerFactory(client, time, options.Loggers);
        _disposals.Push(informers.DisposeAsync);
        var pods = informers.Of<RunnerPod>();
        var controllers = new ClusterControllers(client, new(http), informers, time, options.Loggers);
        var running = controllers.RunAsync(_stop.Token);
        _disposals.Push(() => new(running));

        var kubelet = new Kubelet.Kubelet(
            client, pods, options.Runtime, new() { Directory = directory }, time,
            options.Loggers.CreateLogger<Kubelet.Kubelet>());
        _disposals.Push(kubelet.DisposeAsync);
        _logs.Kubelet = kubelet;
        await kubelet.StartAsync(cancellation);
    }

    private static ValueTask DisposeAsync(IDisposable part)
    {
        part.Dispose();
        return ValueTask.CompletedTask;
    }

    private static ValueTask RemoveAsync(string directory)
    {
        if (Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>The server starts before the kubelet whose logs it serves.</summary>
    private sealed class PodLogs : IPodLogs
    {
        public Kubelet.Kubelet? Kubelet { get; set; }

        public async Task WriteAsync(
            string ns, string pod, string container, bool follow, int? tail, Stream output, CancellationToken cancellation)
        {
            if (Kubelet?.FindLog(ns, pod, container) is { } log) await log.CopyToAsync(output, follow, tail, cancellation);
        }
    }
}
