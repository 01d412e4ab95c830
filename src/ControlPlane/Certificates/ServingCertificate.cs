using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>
/// The certificate of the ports with TLS. A new one is used for new connections, and open streams live on. Until there is
/// one, connections are refused.
/// </summary>
public sealed class ServingCertificate
{
    private SslStreamCertificateContext? _current;

    public bool IsReady => Volatile.Read(ref _current) is not null;

    public SslServerAuthenticationOptions ForNewConnection(HttpProtocols protocols) => new()
    {
        ServerCertificateContext = Volatile.Read(ref _current)
            ?? throw new AuthenticationException("There is no serving certificate yet"),
        ApplicationProtocols = protocols switch
        {
            HttpProtocols.Http2 => [SslApplicationProtocol.Http2],
            HttpProtocols.Http1AndHttp2 => [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            _ => throw new ArgumentOutOfRangeException(nameof(protocols), protocols, null),
        },
    };

    /// <summary>Returns when it ends. Throws where certificate and key cannot be used: the one before stays.</summary>
    /// <param name="certificate">PEM; the certificates after the first one are its chain.</param>
    /// <param name="key">PEM.</param>
    public DateTimeOffset Use(string certificate, string key)
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(certificate);
#pragma warning disable CA2000 // the context keeps it for as long as connections use it
        var leaf = X509Certificate2.CreateFromPem(certificate, key);
#pragma warning restore CA2000
        // Offline: building the chain sends no request.
        Volatile.Write(ref _current, SslStreamCertificateContext.Create(leaf, chain, offline: true));
        return leaf.NotAfter;
    }
}
