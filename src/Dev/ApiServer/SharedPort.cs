using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ModuleController.Dev.ApiServer;

/// <summary>
/// TLS and plain connections on one port, distinguished by their first byte. kubectl sends its token only over TLS; clients in
/// this process save the handshake.
/// </summary>
internal static class SharedPort
{
    private const byte TlsHandshake = 0x16;

    public static void UseTlsOrPlain(this ListenOptions listen, X509Certificate2 certificate)
    {
        // Built from the inside: the server, TLS in front of it, the choice between both.
        ConnectionDelegate plain = null!;
        listen.Use(tls => connection => ServeAsync(connection, tls, plain));
        listen.UseHttps(certificate);
        listen.Use(server => plain = server);
    }

    private static async Task ServeAsync(ConnectionContext connection, ConnectionDelegate tls, ConnectionDelegate plain)
    {
        var input = connection.Transport.Input;
        var closing = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
        bool isTls;
        await using (closing.Register(input.CancelPendingRead))
        {
            var first = await input.ReadAsync(connection.ConnectionClosed);
            if (first.IsCanceled || first.Buffer.IsEmpty) return;
            isTls = first.Buffer.FirstSpan[0] == TlsHandshake;
            input.AdvanceTo(first.Buffer.Start);       // nothing is consumed
        }

        await (isTls ? tls : plain)(connection);
    }
}
