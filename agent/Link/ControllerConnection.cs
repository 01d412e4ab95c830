using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Grpc.Net.Client;
using ModuleController.Protocol;

namespace ModuleController.Agent.Link;

/// <summary>One HTTP/2 connection to a controller: plain for http, TLS for https, kept alive by pings.</summary>
internal sealed class ControllerConnection : IDisposable
{
    private readonly SocketsHttpHandler _handler;

    /// <param name="authorities">Those to trust; null: those of the system.</param>
    /// <param name="endpoint">Where to connect instead of the configured host. The certificate must still name the configured host.</param>
    public ControllerConnection(LinkOptions options, X509Certificate2Collection? authorities, DnsEndPoint? endpoint)
    {
        _handler = new SocketsHttpHandler
        {
            ConnectTimeout = options.ConnectTimeout,
            // The proxy of the environment is for downloads only. .NET ignores address ranges in NO_PROXY.
            UseProxy = false,
            // Detects an unreachable controller within 15 s, although it sends nothing on its own.
            KeepAlivePingDelay = TimeSpan.FromSeconds(10),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
        };
        if (authorities is not null) _handler.SslOptions.CertificateChainPolicy = Trust(authorities);
        if (endpoint is not null) _handler.ConnectCallback = (_, cancellation) => DialAsync(endpoint, cancellation);
        Channel = GrpcChannel.ForAddress(options.Controller, new GrpcChannelOptions
        {
            HttpHandler = _handler,
            MaxReceiveMessageSize = Limits.MessageToAgent,
            MaxSendMessageSize = Limits.MessageFromAgent,
        });
    }

    public GrpcChannel Channel { get; }

    public void Dispose()
    {
        Channel.Dispose();
        _handler.Dispose();
    }

    private static X509ChainPolicy Trust(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            // A pod can't reach a revocation service.
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }

    private static async ValueTask<Stream> DialAsync(DnsEndPoint endpoint, CancellationToken cancellation)
    {
        Socket? socket = null;
        try
        {
            socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(endpoint, cancellation);
            var stream = new NetworkStream(socket, ownsSocket: true);
            socket = null;
            return stream;
        }
        finally
        {
            socket?.Dispose();
        }
    }
}
