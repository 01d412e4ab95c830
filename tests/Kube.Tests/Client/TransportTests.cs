using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Builtin;
using ModuleController.Kube.Client;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Client;

public sealed class TransportTests
{
    private const int Expected = 8 * 1024 * 1024;

    private static readonly string Event =
        $$"""{"type":"ADDED","object":{"metadata":{"name":"a","annotations":{"payload":"{{new string('x', 64 * 1024)}}"} } } }""" + "\n";

    private long _sent;
    private string _protocol = "";
    private readonly ConcurrentQueue<string> _connections = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_server_can_send_some_MiB_of_a_watch_before_its_reader_reads_them()
    {
        using var certificate = Certificate();
        await using var server = Server(certificate);
        await server.StartAsync(Cancellation);
        using var transport = await TransportToAsync(new(server.Urls.Single()));
        using var client = new KubeClient(transport, new ResourceJson());

        await using var events = client.WatchAsync<Pod>(new(), Cancellation).GetAsyncEnumerator(Cancellation);
        Assert.True(await events.MoveNextAsync());   // and it reads no further
        await Eventually.True(() => Interlocked.Read(ref _sent) >= Expected, () => $"{_sent} bytes over {_protocol}");
        Assert.Equal("HTTP/2", _protocol);
    }

    [Fact]
    public async Task Without_HTTP_2_a_request_that_hangs_leaves_its_connection_to_itself()
    {
        using var certificate = Certificate();
        await using var server = Server(certificate);
        await server.StartAsync(Cancellation);
        using var transport = await TransportToAsync(new(server.Urls.Single()));
        using var client = new KubeClient(transport, new ResourceJson(), new() { UsesHttp2 = false, Attempts = 1 });

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var hanging = client.FindAsync<Pod>(new("demo", "hangs"), limit.Token);
        await Eventually.True(() => _connections.Count == 1);
        await limit.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => hanging);
        Assert.Null(await client.FindAsync<Pod>(new("demo", "missing"), Cancellation));

        Assert.Equal("HTTP/1.1", _protocol);
        Assert.Equal(2, _connections.Distinct().Count());
    }

    [Fact]
    public async Task The_proxy_of_the_environment_gets_no_call_to_the_API_server()
    {
        var address = new Uri("http://127.0.0.77:1");   // nobody listens there
        var before = HttpClient.DefaultProxy;
        var proxy = new ProxyOfOneHost(address.Host);
        HttpClient.DefaultProxy = proxy;
        try
        {
            using var client = new KubeClient(Transport.To(address), new(), new() { Attempts = 1 });
            var problem = await Assert.ThrowsAsync<KubeException>(() => client.FindAsync<Pod>(new("demo", "a"), Cancellation));

            Assert.Equal(KubeError.Unreachable, problem.Error.Reason);
            Assert.False(proxy.WasAsked);
        }
        finally
        {
            HttpClient.DefaultProxy = before;
        }
    }

    /// <summary>Other tests use the same process, so only calls to one host would go through it.</summary>
    private sealed class ProxyOfOneHost(string host) : IWebProxy
    {
        public bool WasAsked { get; private set; }

        public ICredentials? Credentials { get; set; }

        public Uri? GetProxy(Uri destination) => new("http://127.0.0.78:1");

        public bool IsBypassed(Uri address)
        {
            if (address.Host != host) return true;
            WasAsked = true;
            return false;
        }
    }

    private WebApplication Server(X509Certificate2 certificate)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = HttpProtocols.Http1AndHttp2;
            listen.UseHttps(certificate);
        }));
        var app = builder.Build();
        app.Run(async context =>
        {
            _protocol = context.Request.Protocol;
            _connections.Enqueue(context.Connection.Id);
            if (context.Request.Path.Value!.EndsWith("/hangs", StringComparison.Ordinal))
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return;
            }

            if (context.Request.Path.Value.EndsWith("/missing", StringComparison.Ordinal))
            {
                context.Response.StatusCode = 404;
                return;
            }

            while (Interlocked.Read(ref _sent) < Expected && !context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.WriteAsync(Event, context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
                Interlocked.Add(ref _sent, Event.Length);
            }
        });
        return app;
    }

    private static async Task<Transport> TransportToAsync(Uri address)
    {
        var file = Path.Combine(Path.GetTempPath(), $"kubeconfig-{Guid.NewGuid():N}");
        try
        {
            await File.WriteAllTextAsync(file, $$"""
                apiVersion: v1
                kind: Config
                clusters: [{ name: test, cluster: { server: "{{address}}", insecure-skip-tls-verify: true } }]
                users: [{ name: test, user: { token: test } }]
                contexts: [{ name: test, context: { cluster: test, user: test } }]
                current-context: test
                """, Cancellation);
            return Transport.FromKubeconfig(file);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        return new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }
}
