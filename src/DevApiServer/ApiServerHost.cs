using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.DevApiServer.Requests;

namespace ModuleController.DevApiServer;

/// <summary>How to start an API server.</summary>
public sealed record ApiServerOptions
{
    /// <summary>Of 127/8. One that is nobody else's keeps its port free while the server is away.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>0: any free one.</summary>
    public int Port { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The objects of a cluster that was stopped, to go on with; else an empty one.</summary>
    public EventLog? Log { get; init; }

    public IPodLogs? PodLogs { get; init; }

    /// <summary>Where the server tells of its own bugs; by default nowhere.</summary>
    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;
}

/// <summary>A Kubernetes API in this process, on a loopback address, until it is disposed of.</summary>
public sealed class ApiServerHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly CancellationTokenSource _stopping;

    private ApiServerHost(WebApplication app, ApiState state, CancellationTokenSource stopping)
    {
        (_app, _stopping) = (app, stopping);
        (Log, Faults, Counters) = (state.Log, state.Faults, state.Counters);
        ServerUri = new Uri(app.Urls.First());
    }

    public Uri ServerUri { get; }

    /// <summary>All objects. Handed to another host it goes on where this one stopped.</summary>
    public EventLog Log { get; }

    public Faults Faults { get; }

    public RequestCounters Counters { get; }

    /// <summary>Nobody is asked who they are; the token is there since some clients want to have one.</summary>
    public string Kubeconfig => $$"""
        apiVersion: v1
        kind: Config
        clusters:
        - name: devcluster
          cluster:
            server: {{ServerUri.GetLeftPart(UriPartial.Authority)}}
        users:
        - name: devcluster
          user:
            token: anyone
        contexts:
        - name: devcluster
          context:
            cluster: devcluster
            user: devcluster
            namespace: default
        current-context: devcluster

        """;

    public static async Task<ApiServerHost> StartAsync(
        ApiServerOptions options, CancellationToken cancellation = default)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 3 * 1024 * 1024;      // the limit of the real one
            kestrel.Limits.MinResponseDataRate = null;                // a quiet watch is no slow client
            kestrel.Listen(options.Address, options.Port, listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        var app = builder.Build();
        var stopping = new CancellationTokenSource();
        try
        {
            var log = options.Log ?? new EventLog();
            var state = new ApiState(log, new(log), options.Time, new(log), new())
            {
                PodLogs = options.PodLogs,
                Stopping = stopping.Token,
            };
            Bootstrap(state);
            app.Run(new Routes(state, options.Loggers.CreateLogger<Routes>()).HandleAsync);
            await app.StartAsync(cancellation);
            return new(app, state, stopping);
        }
        catch
        {
            stopping.Dispose();
            await app.DisposeAsync();
            throw;
        }
    }

    public Task WriteKubeconfigAsync(string path, CancellationToken cancellation = default) =>
        File.WriteAllTextAsync(path, Kubeconfig, cancellation);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _stopping.Dispose();
    }

    /// <summary>The namespaces that every cluster has, made the way everybody else makes theirs.</summary>
    private static void Bootstrap(ApiState state)
    {
        var (verbs, type) = (new Verbs(state), state.Registry.Get("namespaces"));
        foreach (var name in (string[])["default", "kube-system", "kube-public", "kube-node-lease"])
        {
            if (state.Log.Find(new("namespaces", "", name)) is not null) continue;
            var request = new ApiRequest(new DefaultHttpContext(), "create", type, "", name, "");
            verbs.Create(request, new() { ["metadata"] = new JsonObject { ["name"] = name } });
        }
    }
}
