using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>A certificate and its private key, both as PEM.</summary>
public sealed record CertificatePair(string Certificate, string Key);

/// <summary>Makes the certificates of a controller: ECDSA P-256, each with a key of its own.</summary>
public static class CertificateMaker
{
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    // 1 to 20 octets; the first bit is 0, so that the number is positive.
    private static byte[] SerialNumber => [0x01, .. RandomNumberGenerator.GetBytes(15)];

    public static CertificatePair CreateAuthority(DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        // Chains are built by names and key identifiers: two authorities have different ones.
        var serial = SerialNumber;
        var name = $"CN=modulecontroller-ca-{Convert.ToHexStringLower(serial.AsSpan(1, 4))}";
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using var certificate = request.Create(
            request.SubjectName, X509SignatureGenerator.CreateForECDsa(key), notBefore, notAfter, serial);
        return new(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <param name="names">DNS names; the first is the subject.</param>
    public static CertificatePair IssueServing(
        CertificatePair authority, IReadOnlyList<string> names, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        ArgumentNullException.ThrowIfNull(authority);
        ArgumentNullException.ThrowIfNull(names);
        using var issuer = X509Certificate2.CreateFromPem(authority.Certificate, authority.Key);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        // A common name has at most 64 characters; the names that count are the alternative ones.
        var request = new CertificateRequest("CN=modulecontroller", key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names) alternatives.AddDnsName(name);
        request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new(ServerAuthentication)], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        // An authority that begins later, by a second that the encoding cuts off, cannot issue this one.
        var begin = notBefore < issuer.NotBefore ? issuer.NotBefore : notBefore;
        using var certificate = request.Create(issuer, begin, notAfter < issuer.NotAfter ? notAfter : issuer.NotAfter, SerialNumber);
        return new(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>The names under which a Service is reached from inside the cluster, the longest part last.</summary>
    public static IReadOnlyList<string> NamesOf(string service, string ns) =>
        [$"{service}.{ns}.svc", $"{service}.{ns}.svc.cluster.local", $"{service}.{ns}", service];
}
