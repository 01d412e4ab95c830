using System.Text;
using ModuleController.Core.Certificates;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>
/// The certificates in a Secret: <c>ca.crt</c> has every authority that agents have to trust, <c>ca.key</c> the keys of those that sign,
/// <c>tls.crt</c> and <c>tls.key</c> the serving certificate. What cannot be read is absent: the planner then replaces it.
/// </summary>
public sealed class StoredCertificates
{
    public const string AuthoritiesKey = "ca.crt";
    public const string AuthorityKeysKey = "ca.key";
    public const string ServingKey = "tls.crt";
    public const string ServingKeyKey = "tls.key";

    private readonly IReadOnlyList<StoredAuthority> _authorities;
    private readonly CertificatePair? _pair;
    private readonly ServingFacts? _serving;

    private StoredCertificates(IReadOnlyList<StoredAuthority> authorities, CertificatePair? pair, ServingFacts? serving) =>
        (_authorities, _pair, _serving) = (authorities, pair, serving);

    public static StoredCertificates Read(IReadOnlyDictionary<string, byte[]> data)
    {
        var keys = PemText.Blocks(Text(data, AuthorityKeysKey), PemText.IsPrivateKey);
        var authorities = PemText.Blocks(Text(data, AuthoritiesKey), PemText.IsCertificate)
            .Select(pem => StoredAuthority.Read(pem, keys)).OfType<StoredAuthority>().DistinctBy(authority => authority.Facts.Id).ToList();
        var pair = new CertificatePair(Text(data, ServingKey), Text(data, ServingKeyKey));
        var serving = SignedCertificates.Read(pair, authorities);
        return new(authorities, serving is null ? null : pair, serving);
    }

    public CertificateState State(IReadOnlyList<string> names) =>
        new([.. _authorities.Select(authority => authority.Facts)], _serving, names);

    /// <summary>The contents of the Secret after a plan that was made for this state.</summary>
    public IReadOnlyDictionary<string, byte[]> Apply(CertificatePlan plan, IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var created = plan.CreatesAuthority
            ? StoredAuthority.Of(CertificateMaker.CreateAuthority(plan.NotBefore, plan.AuthorityNotAfter))
            : null;
        var signer = _authorities.FirstOrDefault(authority => authority.Facts.Id == plan.Signer) ?? created;
        var pair = plan.IssuesServing
            ? CertificateMaker.IssueServing(signer!.Pair, names, plan.NotBefore, plan.ServingNotAfter)
            : _pair!;
        var kept = _authorities.Where(authority => plan.Trusted.Contains(authority.Facts.Id));
        var authorities = CertificatePlanner.Order(created is null ? kept : kept.Append(created), authority => authority.Facts).ToList();
        return new Dictionary<string, byte[]>
        {
            [AuthoritiesKey] = Bytes(PemText.Join(authorities.Select(authority => authority.Pair.Certificate))),
            [AuthorityKeysKey] = Bytes(PemText.Join(authorities.Select(authority => authority.Pair.Key).Where(key => key.Length > 0))),
            [ServingKey] = Bytes(PemText.Join([pair.Certificate])),
            [ServingKeyKey] = Bytes(PemText.Join([pair.Key])),
        };
    }

    /// <summary>The authorities to trust, as PEM: for the ConfigMap of agents and for <c>caBundle</c> of webhooks. Null: there are
    /// none.</summary>
    public static string? Bundle(IReadOnlyDictionary<string, byte[]> data) => Bundle(Text(data, AuthoritiesKey));

    /// <summary>The form that <see cref="Bundle(IReadOnlyDictionary{string, byte[]})"/> has; null: there are no certificates.</summary>
    public static string? Normalize(byte[] bundle) => Bundle(Encoding.UTF8.GetString(bundle));

    private static string? Bundle(string text)
    {
        var certificates = PemText.Blocks(text, PemText.IsCertificate).Where(PemText.IsReadable).ToList();
        return certificates.Count == 0 ? null : PemText.Join(certificates);
    }

    internal static string Text(IReadOnlyDictionary<string, byte[]> data, string key) =>
        data.GetValueOrDefault(key) is { } bytes ? Encoding.UTF8.GetString(bytes) : "";

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
