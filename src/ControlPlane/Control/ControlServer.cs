using System.IO.Compression;
using System.Net;
using Google.Protobuf.Reflection;
using Google.Rpc;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using ModuleController.ControlPlane.Access;
using ModuleController.ControlPlane.Certificates;
using ModuleController.ControlPlane.Observing;
using ModuleController.ControlPlane.Web;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Control;

/// <summary>What the control API answers from.</summary>
internal sealed record ControlParts(
    Caches Caches, IKubeClient Client, Func<bool> IsSynced, TimeProvider Time, ILoggerFactory Loggers);

/// <summary>The port for tools and people: gRPC, and the same methods as HTTP with JSON; on every replica, leader or not.</summary>
/// <remarks>A server of its own: its limits are not those of agents.</remarks>
internal sealed class ControlServer : IAsyncDisposable
{
    private const int MaxConnections = 1000;
    private const int MaxRequest = 64 * 1024;

    private readonly Callers _callers;
    private readonly Permissions _permissions;
    private readonly WebApplication _web;

    /// <param name="bind">Null: all addresses.</param>
    /// <param name="port">0: any free port.</param>
    public ControlServer(IPAddress? bind, int port, ServingCertificate certificate, ControlParts parts)
    {
        _callers = new(parts.Client, parts.Time, parts.Loggers.CreateLogger<Callers>());
        _permissions = new(parts.Client, parts.Time, parts.Loggers.CreateLogger<Permissions>());
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
        AddServices(builder.Services, parts);
        _web = builder.Build();
        _web.MapGrpcService<ModuleDeploymentService>();
        _web.MapGrpcService<ModuleService>();
        _web.MapGrpcHealthChecksService();
        _web.MapGrpcReflectionService();
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
        _callers.Dispose();
        _permissions.Dispose();
    }

    private void AddServices(IServiceCollection services, ControlParts parts)
    {
        var access = new ReadAccess(_permissions);
        services.AddSingleton(parts.Loggers)
            .AddSingleton(new CallerInterceptor(_callers, parts.IsSynced))
            .AddSingleton(new ModuleDeploymentService(parts.Caches.ModuleDeployments, access))
            .AddSingleton(new ModuleService(parts.Caches, access));
        services.AddRouting();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = MaxRequest;
            grpc.ResponseCompressionAlgorithm = "gzip";
            grpc.ResponseCompressionLevel = CompressionLevel.Fastest;
            grpc.Interceptors.Add<CallerInterceptor>();
        }).AddJsonTranscoding(json =>
        {
            // As protobuf's JSON has it: a number of JavaScript has 53 bits.
            json.JsonSettings.WriteInt64sAsStrings = true;
            json.TypeRegistry = TypeRegistry.FromMessages(BadRequest.Descriptor);
        });
        services.AddGrpcReflection();
        services.AddGrpcHealthChecks().AddCheck(
            "caches", () => parts.IsSynced() ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("the caches are not synced"));
        Ports.AddLifetime(services);
    }

    private static void Limit(KestrelServerLimits limits)
    {
        limits.MaxConcurrentConnections = MaxConnections;
        // gRPC limits a message; this is for JSON.
        limits.MaxRequestBodySize = 2 * MaxRequest;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        // Pings find a connection whose other end no longer exists. They are off by default.
        limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(15);
        limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(15);
        limits.Http2.MaxStreamsPerConnection = 100;
    }
}
