namespace ModuleController.Core.Certificates;

/// <summary>A certificate authority that was found in the Secret.</summary>
/// <param name="Id">A hash of the certificate.</param>
/// <param name="HasKey">Its private key was found too, so it can sign.</param>
public sealed record AuthorityFacts(string Id, DateTimeOffset NotBefore, DateTimeOffset NotAfter, bool HasKey = true)
{
    /// <summary>Agents have to trust it: a certificate that it signed may be in use.</summary>
    public bool IsTrusted(DateTimeOffset now) => now < NotAfter;

    public bool CanSign(DateTimeOffset now) => HasKey && NotBefore <= now && now < NotAfter;

    public DateTimeOffset RenewAt => CertificateTimes.RenewAt(NotBefore, NotAfter);

    /// <summary>From then on, every agent is expected to trust this authority.</summary>
    public DateTimeOffset DistributedAt => CertificateTimes.IssuedAt(NotBefore) + CertificateTimes.Distribution;
}

/// <summary>A serving certificate with its private key that was found in the Secret.</summary>
/// <param name="Issuer">The <see cref="AuthorityFacts.Id"/> of the authority that signed it; null: none of those in the Secret.</param>
public sealed record ServingFacts(string? Issuer, DateTimeOffset NotBefore, DateTimeOffset NotAfter, IReadOnlyList<string> Names)
{
    public DateTimeOffset RenewAt => CertificateTimes.RenewAt(NotBefore, NotAfter);
}

/// <summary>What the Secret holds. Unreadable contents count as absent.</summary>
/// <param name="Names">The DNS names that the serving certificate must have.</param>
public sealed record CertificateState(IReadOnlyList<AuthorityFacts> Authorities, ServingFacts? Serving, IReadOnlyList<string> Names);
