using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Builtin;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Client;

public sealed class TransportTests
{
    private const int Expected = 8 * 1024 * 1024;

    private static readonly string Event =
        $$"""{"type":"ADDED","object":{"metadata":{"name":"a","annotations":{"payload":"{{new string('x', 64 * 1024)}}"} } } }""" + "\n";

    private long _sent;
    private string _protocol = "";

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
