using System.Net;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Dev.ApiServer.Access;
using ModuleController.Dev.ApiServer.Admission;
using ModuleController.Dev.ApiServer.Requests;

namespace ModuleController.Dev.ApiServer;

/// <summary>How to start an API server.</summary>
public sealed record ApiServerOptions
{
    /// <summary>An address in 127/8. If no other program uses it, its port stays free while the server restarts.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>0: any free port.</summary>
    public int Port { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The objects of a server that was stopped; by default none.</summary>
    public EventLog? Log { get; init; }

    public IPodLogs? PodLogs { get; init; }

    /// <summary>Counts accesses. A restarted server can continue the same counts.</summary>
    public AccessLog AccessLog { get; init; } = new();

    /// <summary>Turns on the admission plugin OwnerReferencesPermissionEnforcement.</summary>
    public bool EnforcesOwnerPermissions { get; init; }

    /// <summary>Logs of the server's internal errors; by default none.</summary>
    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;
}

/// <summary>A Kubernetes API in this process, on a loopback address, until it is disposed of.</summary>
public sealed class ApiServerHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly CancellationTokenSource _stopping;
    private readonly AdmissionControl _admission;

    private ApiServerHost(WebApplication app, ApiState state, CancellationTokenSource stopping)
    {
        (_app, _stopping, _admission) = (app, stopping, state.Admission);
        (Log, Faults, Counters, AccessLog) = (state.Log, state.Faults, state.Counters, state.Access.Log);
        AdminToken = TokenOf("admin", User.Masters);
        ServerUri = new UriBuilder(app.Urls.First()) { Scheme = Uri.UriSchemeHttp }.Uri;
    }

    /// <summary>Without TLS. The same port also serves TLS, which the kubeconfig uses.</summary>
    public Uri ServerUri { get; }

    /// <summary>The token of an administrator.</summary>
    public string AdminToken { get; }

    /// <summary>All objects. Another host can continue with them.</summary>
    public EventLog Log { get; }

    public Faults Faults { get; }

    public RequestCounters Counters { get; }

    public AccessLog AccessLog { get; }

    /// <summary>The administrator's.</summary>
    public string Kubeconfig => KubeconfigOf(AdminToken);

    /// <summary>A token without expiry. It is valid for every server with these objects.</summary>
    public string TokenOf(string user, params IEnumerable<string> groups) => Tokens.IssueTo(Log, user, groups);

    public string KubeconfigOf(string token) => KubeconfigWith($"token: {token}");

    /// <summary>For a pod with its token in a file; the path is relative to the kubeconfig's directory.</summary>
    public string KubeconfigOfFile(string tokenFile) => KubeconfigWith($"tokenFile: {tokenFile}");

    /// <summary>A client with a token; by default the administrator's.</summary>
    public HttpClient CreateClient(string? token = null)
    {
        var client = new HttpClient { BaseAddress = ServerUri, Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.Authorization = new("Bearer", token ?? AdminToken);
        return client;
    }

    public static async Task<ApiServerHost> StartAsync(
        ApiServerOptions options, CancellationToken cancellation = default)
    {
        var log = options.Log ?? new EventLog();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 3 * 1024 * 1024;      // the limit of a real server
            kestrel.Limits.MinResponseDataRate = null;                // a watch without events is not a slow client
            kestrel.Listen(options.Address, options.Port, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.UseTlsOrPlain(log.Authority.Issue(options.Address));
            });
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        var app = builder.Build();
        var stopping = new CancellationTokenSource();
        try
        {
            var state = new ApiState(log, new(log), options.Time, new(log), new())
            {
                Access = new(log, options.Time, options.AccessLog),
                PodLogs = options.PodLogs,
                Stopping = stopping.Token,
            };
            if (options.EnforcesOwnerPermissions) state = state with { OwnerPermissions = new(state.Registry, state.Access) };
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
        _admission.Dispose();
        _stopping.Dispose();
    }

    /// <summary>Over TLS: kubectl sends no token without it.</summary>
    private string KubeconfigWith(string credentials) => $$"""
        apiVersion: v1
        kind: Config
        clusters:
        - name: devcluster
          cluster:
            server: {{new UriBuilder(ServerUri) { Scheme = Uri.UriSchemeHttps }.Uri.GetLeftPart(UriPartial.Authority)}}
            certificate-authority-data: {{Convert.ToBase64String(Encoding.ASCII.GetBytes(Log.Authority.Certificate))}}
        users:
        - name: devcluster
          user:
            {{credentials}}
        contexts:
        - name: devcluster
          context:
            cluster: devcluster
            user: devcluster
            namespace: default
        current-context: devcluster

        """;

    /// <summary>Creates the namespaces and roles that every cluster has, by requests.</summary>
    private static void Bootstrap(ApiState state)
    {
        var verbs = new Verbs(state);
        var namespaces = ((string[])["default", "kube-system", "kube-public", "kube-node-lease"])
            .Select(name => ("namespaces", new JsonObject { ["metadata"] = new JsonObject { ["name"] = name } }));
        var roles = DefaultRoles.All().Select(role => ($"{role.Plural}.rbac.authorization.k8s.io", role.Object));
        foreach (var (resource, tree) in namespaces.Concat(roles))
        {
            var request = new ApiRequest(
                new DefaultHttpContext(), "create", state.Registry.Get(resource), "", tree.Text("metadata", "name")!, "");
            if (state.Log.Find(request.Key) is null) verbs.Create(request, tree);
        }
    }
}
