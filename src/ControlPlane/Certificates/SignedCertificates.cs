using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ModuleController.Core.Certificates;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>Whether agents that trust an authority trust a certificate. Times are the planner's: expired ones count.</summary>
internal static class SignedCertificates
{
    /// <summary>A serving certificate, and which authority signed it. Null: no certificate with its key.</summary>
    public static ServingFacts? Read(CertificatePair pair, IReadOnlyList<StoredAuthority> authorities)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(pair.Certificate, pair.Key);
            var issuer = authorities.FirstOrDefault(authority => IsServingTrustedThrough(certificate, authority.Pair.Certificate));
            return new(issuer?.Facts.Id, certificate.NotBefore, certificate.NotAfter, Names(certificate));
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            return null;
        }
    }

    public static bool IsServingTrustedThrough(X509Certificate2 certificate, string authority) =>
        IsTrustedThrough(certificate, authority, new(CertificateMaker.ServerAuthentication));

    public static bool IsTrustedThrough(X509Certificate2 certificate, string authority, Oid? purpose = null)
    {
        using var root = X509Certificate2.CreateFromPem(authority);
        using var chain = new X509Chain();
        chain.ChainPolicy = new()
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            // Building the chain sends no request.
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid,
        };
        chain.ChainPolicy.CustomTrustStore.Add(root);
        if (purpose is not null) chain.ChainPolicy.ApplicationPolicy.Add(purpose);
        return chain.Build(certificate);
    }

    private static IReadOnlyList<string> Names(X509Certificate2 certificate) =>
        [.. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(names => names.EnumerateDnsNames())];
}
