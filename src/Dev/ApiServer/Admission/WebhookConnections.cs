using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>TLS connections to webhooks. The certificate must be of the bundle, and for the host or <c>SERVICE.NAMESPACE.svc</c>.</summary>
internal static class WebhookConnections
{
    public static SocketsHttpHandler To(WebhookAddress address, EventLog log) => new()
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        PooledConnectionLifetime = TimeSpan.FromSeconds(30),      // the endpoints of a Service change
        ConnectCallback = (context, cancellation) =>
            ConnectAsync(address.IsService ? Endpoint(address, log) : context.DnsEndPoint, cancellation),
        SslOptions = new()
        {
            TargetHost = address.Url.Host,
            CertificateChainPolicy = PolicyOf(address.Bundle),
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) => errors == SslPolicyErrors.None ? true
                : throw new WebhookException(
                    $"tls: failed to verify certificate: x509: {Problem(address, certificate, chain, errors)}"),
        },
    };

    private static async ValueTask<Stream> ConnectAsync(EndPoint endpoint, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endpoint, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            e.Data["endpoint"] = endpoint is DnsEndPoint host ? $"{host.Host}:{host.Port}" : endpoint.ToString();
            throw;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A ready endpoint of the Service.</summary>
    private static IPEndPoint Endpoint(WebhookAddress address, EventLog log)
    {
        var service = log.Find(new("services", address.Namespace, address.Service))?.Tree
            ?? throw new WebhookException($"service \"{address.Service}\" not found");
        var port = service.Objects("spec", "ports").FirstOrDefault(one => one.Number("port") == address.Port)
            ?? throw new WebhookException($"no service port {address.Port} found for service \"{address.Service}\"");
        var name = port.Text("name") ?? "";
        var endpoints = log.List("endpointslices.discovery.k8s.io").In(address.Namespace).Select(stored => stored.Tree)
            .Where(slice => slice.Text("metadata", "labels", "kubernetes.io/service-name") == address.Service)
            .SelectMany(slice =>
                from one in slice.Objects("ports")
                where (one.Text("name") ?? "") == name
                from endpoint in slice.Objects("endpoints").Where(IsReady)
                from ip in endpoint.Texts("addresses")
                select (Ip: ip, Port: one.Number("port") ?? 0))
            .ToArray();
        if (endpoints is []) throw new WebhookException($"no endpoints available for service \"{address.Service}\"");
        var (ip, number) = endpoints[RandomNumberGenerator.GetInt32(endpoints.Length)];
        return new(IPAddress.Parse(ip), (int)number);
    }

    /// <summary>An unknown state counts as ready.</summary>
    private static bool IsReady(JsonObject endpoint) =>
        endpoint.At("conditions", "ready") is null || endpoint.Flag("conditions", "ready");

    /// <summary>Without a bundle the authorities of this machine count.</summary>
    private static X509ChainPolicy PolicyOf(string? bundle)
    {
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck };
        if (bundle is null) return policy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        try
        {
            policy.CustomTrustStore.ImportFromPem(Encoding.UTF8.GetString(Convert.FromBase64String(bundle)));
        }
        catch (CryptographicException e)
        {
            throw new WebhookException($"could not get REST client: unable to load root certificates: {e.Message}");
        }

        return policy.CustomTrustStore.Count > 0 ? policy
            : throw new WebhookException("could not get REST client: unable to load root certificates: unable to parse bytes as PEM block");
    }

    private static string Problem(WebhookAddress address, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null) return "the server has no certificate";
        var own = (X509Certificate2)certificate;
        if (chain?.ChainStatus.Any(status => status.Status == X509ChainStatusFlags.NotTimeValid) == true)
            return string.Create(CultureInfo.InvariantCulture, $"certificate has expired or is not yet valid: "
                + $"valid from {own.NotBefore.ToUniversalTime():s}Z to {own.NotAfter.ToUniversalTime():s}Z");
        if (!errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)) return "certificate signed by unknown authority";
        var names = own.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(extension =>
            IPAddress.TryParse(address.Url.Host, out _) ? extension.EnumerateIPAddresses().Select(ip => ip.ToString())
                : extension.EnumerateDnsNames());
        return $"certificate is valid for {string.Join(", ", names)}, not {address.Url.Host}";
    }
}
