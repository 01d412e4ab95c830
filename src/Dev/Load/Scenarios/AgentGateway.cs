using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModuleController.Protocol.V1;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>The controller's side of one agent's stream, with TLS, and an HTTP server with a jar.</summary>
internal sealed class AgentGateway : IAsyncDisposable
{
    private readonly Channel<ConnectRequest> _received = Channel.CreateUnbounded<ConnectRequest>();
    private readonly X509Certificate2 _certificate;
    private readonly WebApplication _app;
    private IServerStreamWriter<ConnectResponse>? _agent;

    private AgentGateway(byte[] jar)
    {
        _certificate = MakeCertificate();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.UseHttps(new TlsHandshakeCallbackOptions
                {
                    OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions { ServerCertificate = _certificate }),
                });
            });
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(this);
        builder.Services.AddSingleton<Service>();
        _app = builder.Build();
        _app.MapGrpcService<Service>();
        _app.MapGet("/jar", () => Results.Bytes(jar));
    }

    public Uri Address { get; private set; } = null!;

    public Uri Jar { get; private set; } = null!;

    /// <summary>The root that the agent must trust.</summary>
    public string CertificatePem => _certificate.ExportCertificatePem();

    public static async Task<AgentGateway> StartAsync(byte[] jar, CancellationToken cancellation)
    {
        var gateway = new AgentGateway(jar);
        await gateway._app.StartAsync(cancellation);
        var addresses = gateway._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses
            .Select(address => new Uri(address)).ToList();
        gateway.Address = addresses.Single(address => address.Scheme == "https");
        gateway.Jar = new Uri(addresses.Single(address => address.Scheme == "http"), "/jar");
        return gateway;
    }

    /// <summary>Waits for the next message that matches. Earlier ones are dropped.</summary>
    public async Task<ConnectRequest> ReceiveAsync(Func<ConnectRequest, bool> awaited, CancellationToken cancellation)
    {
        await foreach (var message in _received.Reader.ReadAllAsync(cancellation))
            if (awaited(message)) return message;
        throw new InvalidOperationException("the gateway was closed");
    }

    public async Task<CommandResult> RunAsync(Command command, CancellationToken cancellation)
    {
        await _agent!.WriteAsync(new ConnectResponse { Command = command }, cancellation);
        return (await ReceiveAsync(message => message.Result?.CommandId == command.Id, cancellation)).Result;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(1), TimeProvider.System);
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        _certificate.Dispose();
    }

    private static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=load", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddHours(-1), now.AddDays(1));
    }

    private sealed class Service(AgentGateway gateway) : AgentService.AgentServiceBase
    {
        public override async Task Connect(
            IAsyncStreamReader<ConnectRequest> requestStream, IServerStreamWriter<ConnectResponse> responseStream,
            ServerCallContext context)
        {
            gateway._agent = responseStream;
            try
            {
                while (await requestStream.MoveNext(context.CancellationToken))
                {
                    if (requestStream.Current.Hello is not null)
                        await responseStream.WriteAsync(new ConnectResponse
                        {
                            Welcome = new()
                            {
                                Epoch = 1,
                                HeartbeatInterval = Duration.FromTimeSpan(TimeSpan.FromSeconds(10)),
                                SnapshotInterval = Duration.FromTimeSpan(TimeSpan.FromSeconds(60)),
                            },
                        });
                    gateway._received.Writer.TryWrite(requestStream.Current);
                }
            }
            catch (Exception end) when (end is IOException or OperationCanceledException)
            {
                // The agent was stopped.
            }
        }
    }
}
