using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ModuleController.Core.Certificates;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>An authority that was read, or was created.</summary>
internal sealed record StoredAuthority(AuthorityFacts Facts, CertificatePair Pair)
{
    /// <summary>Null: not the certificate of an authority that agents could trust.</summary>
    public static StoredAuthority? Read(string pem, IReadOnlyList<string> keys)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(pem);
            var constraints = certificate.Extensions.OfType<X509BasicConstraintsExtension>().FirstOrDefault();
            if (constraints is not { CertificateAuthority: true } || !SignedCertificates.IsTrustedThrough(certificate, pem)) return null;
            var key = keys.FirstOrDefault(candidate => CanSign(pem, candidate, certificate)) ?? "";
            var id = Convert.ToHexStringLower(SHA256.HashData(certificate.RawData));
            return new(new(id, certificate.NotBefore, certificate.NotAfter, key.Length > 0), new(pem, key));
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    public static StoredAuthority Of(CertificatePair pair) => Read(pair.Certificate, [pair.Key])!;

    /// <summary>Its key is the certificate's, and what it signs is trusted: an edited certificate may exclude that.</summary>
    private static bool CanSign(string pem, string key, X509Certificate2 certificate)
    {
        try
        {
            var trial = CertificateMaker.IssueServing(new(pem, key), ["trial"], certificate.NotBefore, certificate.NotAfter);
            using var signed = X509Certificate2.CreateFromPem(trial.Certificate);
            return SignedCertificates.IsServingTrustedThrough(signed, pem);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }
}
