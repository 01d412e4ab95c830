using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using ModuleController.ControlPlane.Access;
using ModuleController.ControlPlane.Admission;
using ModuleController.ControlPlane.Agents;
using ModuleController.ControlPlane.Agents.Identity;
using ModuleController.ControlPlane.Certificates;
using ModuleController.ControlPlane.Settings;
using ModuleController.ControlPlane.Telemetry;
using ModuleController.ControlPlane.Web;
using ModuleController.Kube;
using ModuleController.Protocol;
using OpenTelemetry.Metrics;

namespace ModuleController.ControlPlane;

/// <summary>What the agents' port serves with.</summary>
public sealed record GatewayParts(
    AgentAuthenticator Authenticator, AgentAdmission Admission, AgentDirectory Directory, LeaderGate Gate, AgentOptions Options,
    AgentMetrics Metrics, HandshakeLimit Handshakes, MetricsAccess MetricsAccess, TimeProvider Time);

/// <summary>The ports of a controller: HTTP/1.1 for people and probes, HTTP/2 for agents, and perhaps HTTPS for metrics.</summary>
public static class WebServer
{
    // Kestrel cannot distinguish HTTP/1.1 and HTTP/2 in plain text, so each has a port of its own, also with TLS.
    /// <param name="scope">Whose instruments <c>/metrics</c> shows; one without a scope is the process's.</param>
    public static WebApplication Build(
        ControlPlaneOptions options, GatewayParts gateway, ServingCertificate? certificate, Func<bool> isSynced, object scope,
        ILoggerFactory loggers)
    {
        var builder = WebApplication.CreateEmptyBuilder(new() { ApplicationName = "modulecontroller" });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            Limit(kestrel.Limits);
            kestrel.Limits.MaxConcurrentConnections = options.MaxAgentConnections;   // counted for each endpoint by itself
            Ports.Listen(kestrel, options.Bind, options.HttpPort, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                ServedPort.Http.Mark(listen);
            });
            Ports.Listen(kestrel, options.Bind, options.GrpcPort, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                ServedPort.Agents.Mark(listen);
                if (certificate is null) return;
                gateway.Handshakes.Begin(listen);
                listen.UseHttps(
                    new TlsHandshakeCallbackOptions
                    {
                        OnConnection = _ => ValueTask.FromResult(certificate.ForNewConnection(HttpProtocols.Http2)),
                    });
                HandshakeLimit.End(listen);
            });
            if (options.MetricsPort is not { } port) return;
            Ports.Listen(kestrel, options.Bind, port, listen =>
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                ServedPort.Metrics.Mark(listen);
                listen.UseHttps(
                    new TlsHandshakeCallbackOptions
                    {
                        OnConnection = _ => ValueTask.FromResult(certificate!.ForNewConnection(HttpProtocols.Http1AndHttp2)),
                    });
            });
        });
        AddServices(builder.Services, gateway, scope, loggers);

        var app = builder.Build();
        app.Use(ServedPort.RouteAsync);
        app.MapGet("/healthz", () => "ok\n").WithMetadata(ServedPort.Http);
        app.MapGet("/readyz", () => NotReady() is { } reason ? Results.Text($"{reason}\n", statusCode: 503) : Results.Text("ok\n"))
            .WithMetadata(ServedPort.Http);
        if (options.MetricsPort is null) app.MapPrometheusScrapingEndpoint("/metrics").WithMetadata(ServedPort.Http);
        else
        {
            app.MapPrometheusScrapingEndpoint(
                "/metrics", meterProvider: null, branch => branch.Use(gateway.MetricsAccess.InvokeAsync), optionsName: null)
                .WithMetadata(ServedPort.Metrics);
        }

        app.MapGrpcService<AgentService>().WithMetadata(ServedPort.Agents);
        return app;

        string? NotReady() => !isSynced() ? "the caches are not synced"
            : certificate is { IsReady: false } ? "there is no serving certificate yet"
            : null;
    }

    /// <summary>The ports it listens on, in the order HTTP, gRPC, metrics.</summary>
    public static IReadOnlyList<Uri> Addresses(WebApplication app) =>
        [.. app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(address =>
            new Uri(address))];

    private static void AddServices(IServiceCollection services, GatewayParts gateway, object scope, ILoggerFactory loggers)
    {
        services.AddSingleton(loggers).AddSingleton(gateway.Time)
            .AddSingleton(gateway.Authenticator).AddSingleton(gateway.Admission).AddSingleton(gateway.Directory)
            .AddSingleton(gateway.Gate).AddSingleton(gateway.Options).AddSingleton(gateway.Metrics);
        services.AddRouting();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = Limits.MessageFromAgent;
            grpc.MaxSendMessageSize = Limits.MessageToAgent;
        });
        services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter(KubeMetrics.MeterName, AgentMetrics.MeterName, AdmissionMetrics.MeterName, ModuleMetrics.MeterName)
            .AddMeter("System.Runtime")
            // A meter is known by its name all over the process: without this, several controllers in one would add up.
            .AddView(instrument => instrument.Meter.Scope is { } owner && owner != scope ? MetricStreamConfiguration.Drop : null)
            .AddPrometheusExporter());
        Ports.AddLifetime(services);
    }

    private static void Limit(KestrelServerLimits limits)
    {
        // Pings find a connection whose other end no longer exists. They are off by default.
        limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(15);
        limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(15);
        limits.Http2.MaxStreamsPerConnection = 4;
        // What one agent can make us buffer.
        limits.Http2.InitialStreamWindowSize = 64 * 1024;
        limits.Http2.InitialConnectionWindowSize = 128 * 1024;
    }
}
