using System.Net;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Dev.ApiServer.Access;
using ModuleController.Dev.ApiServer.Requests;

namespace ModuleController.Dev.ApiServer;

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

    /// <summary>Where accesses are counted; servers that follow each other can have the same one.</summary>
    public AccessLog AccessLog { get; init; } = new();

    /// <summary>Turns on the admission plugin OwnerReferencesPermissionEnforcement.</summary>
    public bool EnforcesOwnerPermissions { get; init; }

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
        (Log, Faults, Counters, AccessLog) = (state.Log, state.Faults, state.Counters, state.Access.Log);
        AdminToken = TokenOf("admin", User.Masters);
        ServerUri = new UriBuilder(app.Urls.First()) { Scheme = Uri.UriSchemeHttp }.Uri;
    }

    /// <summary>Without TLS. The same port serves TLS, as the kubeconfig says.</summary>
    public Uri ServerUri { get; }

    /// <summary>The token of a user whom everything is allowed.</summary>
    public string AdminToken { get; }

    /// <summary>All objects. Handed to another host it goes on where this one stopped.</summary>
    public EventLog Log { get; }

    public Faults Faults { get; }

    public RequestCounters Counters { get; }

    public AccessLog AccessLog { get; }

    /// <summary>The administrator's.</summary>
    public string Kubeconfig => KubeconfigOf(AdminToken);

    /// <summary>A token that does not expire; it is valid for every server of these objects.</summary>
    public string TokenOf(string user, params IEnumerable<string> groups) => Tokens.IssueTo(Log, user, groups);

    public string KubeconfigOf(string token) => KubeconfigWith($"token: {token}");

    /// <summary>For a pod with its token in a file; a relative path starts at the folder of the kubeconfig.</summary>
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
            kestrel.Limits.MaxRequestBodySize = 3 * 1024 * 1024;      // the limit of the real one
            kestrel.Limits.MinResponseDataRate = null;                // a quiet watch is no slow client
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
        _stopping.Dispose();
    }

    /// <summary>Over TLS, since kubectl sends no token without.</summary>
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

    /// <summary>The namespaces and roles that every cluster has, created the way everybody else creates theirs.</summary>
    private static void Bootstrap(ApiState state)
    {
        var verbs = new Verbs(state);
        var namespaces = ((string[])["default", "kube-system", "kube-public", "kube-node-lease"])
            .Select(name => ("namespaces", new JsonObject { ["metadata"] = new JsonObject { ["name"] = name } }));
        var roles = DefaultRoles.All().Select(role => ($"{role.Plural}.rbac.authorization.k8s.io", role.Object));
        foreach (var (resource, tree) in namespaces.Concat(roles))
        {
            var request = new ApiRequest(new DefaultHttpContext(), "create", state.Registry.Get(resource), "", tree.Text("metadata", "name")!, "");
            if (state.Log.Find(request.Key) is null) verbs.Create(request, tree);
        }
    }
}
