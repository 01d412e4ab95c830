using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ModuleController.SystemTests.Certificates;

/// <summary>Connections as an agent makes them.</summary>
internal static class TlsHandlers
{
    /// <summary>Trusts these authorities and no others, and expects the certificate of this host wherever it connects.</summary>
    public static SocketsHttpHandler Trusting(string bundle, string host)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPem(bundle);
        return new()
        {
            SslOptions = new()
            {
                CertificateChainPolicy = policy,
                RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
                    (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == 0
                    && ((X509Certificate2)certificate!).MatchesHostname(host),
            },
        };
    }
}
