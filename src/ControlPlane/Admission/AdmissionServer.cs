using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using ModuleController.ControlPlane.Certificates;
using ModuleController.ControlPlane.Web;

namespace ModuleController.ControlPlane.Admission;

/// <summary>The port for the API server's webhooks: HTTPS, HTTP/1.1 or 2, on every replica, leader or not.</summary>
/// <remarks>A server of its own: its limits are not those of agents, and its port shows nothing but webhooks.</remarks>
public sealed class AdmissionServer : IAsyncDisposable
{
    private const int MaxConnections = 1000;

    private readonly WebApplication _web;
    private readonly AdmissionEndpoint _endpoint;

    /// <param name="bind">Null: all addresses.</param>
    /// <param name="port">0: any free port.</param>
    public AdmissionServer(
        IPAddress? bind, int port, ServingCertificate certificate, IReadOnlyList<IAdmissionHandler> handlers, Func<bool> isSynced,
        AdmissionMetrics metrics, TimeProvider time, ILoggerFactory loggers)
    {
        _endpoint = new(handlers, isSynced, metrics, time, loggers.CreateLogger<AdmissionEndpoint>());
        var builder = WebApplication.CreateEmptyBuilder(new() { ApplicationName = "modulecontroller" });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            Limit(kestrel.Limits);
            Ports.Listen(kestrel, bind, port, listen =>
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                listen.UseHttps(new TlsHandshakeCallbackOptions
                {
                    OnConnection = _ => ValueTask.FromResult(certificate.ForNewConnection(HttpProtocols.Http1AndHttp2)),
                });
            });
        });
        builder.Services.AddRouting();
        Ports.AddLifetime(builder.Services.AddSingleton(loggers));
        _web = builder.Build();
        _web.MapPost("/admission/{name}", _endpoint.AnswerAsync);
    }

    public Uri Address { get; private set; } = null!;

    /// <summary>Opens the port.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        await _web.StartAsync(cancellation);
        Address = new(_web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
    }

    public Task StopAsync(CancellationToken deadline) => _web.StopAsync(deadline);

    public async ValueTask DisposeAsync()
    {
        await _web.DisposeAsync();
        _endpoint.Dispose();
    }

    private static void Limit(KestrelServerLimits limits)
    {
        limits.MaxConcurrentConnections = MaxConnections;
        limits.MaxRequestBodySize = AdmissionEndpoint.MaxBody;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
        limits.Http2.MaxStreamsPerConnection = 100;
        // An API server is near. A slow body occupies room that others wait for.
        limits.MinRequestBodyDataRate = new(bytesPerSecond: 64 * 1024, gracePeriod: TimeSpan.FromSeconds(2));
    }
}
