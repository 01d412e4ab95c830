using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using CsCheck;
using ModuleController.ControlPlane.Certificates;
using ModuleController.Core.Certificates;

namespace ModuleController.SystemTests.Certificates;

/// <summary>The certificates that are made, and what is read from a Secret that anybody may have edited.</summary>
public sealed class StoredCertificatesTests
{
    private static readonly string[] Names = ["modulecontroller.system.svc", "modulecontroller.system.svc.cluster.local"];
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Dictionary<string, byte[]> Nothing = [];

    [Fact]
    public void A_serving_certificate_is_valid_for_its_names_and_trusted_through_its_authority()
    {
        var data = Reconcile(Nothing, Now);

        using var serving = X509Certificate2.CreateFromPem(Text(data, "tls.crt"), Text(data, "tls.key"));
        Assert.All(Names, name => Assert.True(serving.MatchesHostname(name, allowCommonName: false)));
        Assert.Equal("1.2.840.10045.3.1.7", serving.GetECDsaPublicKey()!.ExportParameters(false).Curve.Oid.Value);
        Assert.True(IsTrusted(serving, StoredCertificates.Bundle(data)!, Now));
        Assert.True(IsTrusted(serving, StoredCertificates.Bundle(data)!, Now.AddMinutes(-4)));
        Assert.False(IsTrusted(serving, StoredCertificates.Bundle(data)!, Now.AddDays(91)));
        Assert.False(IsTrusted(serving, CertificateMaker.CreateAuthority(Now, Now.AddDays(1)).Certificate, Now));
    }

    [Fact]
    public void The_authority_can_sign_no_other_authority()
    {
        using var authority = X509Certificate2.CreateFromPem(CertificateMaker.CreateAuthority(Now, Now.AddDays(3650)).Certificate);

        var constraints = authority.Extensions.OfType<X509BasicConstraintsExtension>().Single();
        Assert.True(constraints is { CertificateAuthority: true, HasPathLengthConstraint: true, PathLengthConstraint: 0 });
        Assert.Equal(Now.AddDays(3650), authority.NotAfter);
    }

    [Fact]
    public void What_was_written_is_read_again_and_leaves_nothing_to_do()
    {
        var data = Reconcile(Nothing, Now);
        var (stored, plan) = Plan(data, Now);

        Assert.True(plan is { CreatesAuthority: false, IssuesServing: false });
        Assert.Equal(data, stored.Apply(plan, Names));
    }

    [Fact]
    public void During_the_overlap_both_authorities_are_published_and_both_keys_are_kept()
    {
        var data = Reconcile(Nothing, Now);
        var renewed = Reconcile(data, Now.AddDays(2500));

        var state = StoredCertificates.Read(renewed).State(Names);
        Assert.Equal([true, true], state.Authorities.Select(authority => authority.HasKey));
        Assert.Equal(state.Authorities[1].Id, state.Serving!.Issuer);
        using var serving = X509Certificate2.CreateFromPem(Text(renewed, "tls.crt"));
        Assert.True(IsTrusted(serving, StoredCertificates.Bundle(renewed)!, Now.AddDays(2500)));
        Assert.True(IsTrusted(serving, StoredCertificates.Bundle(data)!, Now.AddDays(2500)));

        var later = Reconcile(renewed, Now.AddDays(2600));
        var after = StoredCertificates.Read(later).State(Names);
        Assert.Equal(after.Authorities[0].Id, after.Serving!.Issuer);
        Assert.Equal(2, after.Authorities.Count);
    }

    [Theory]
    [InlineData("ca.crt")]
    [InlineData("ca.key")]
    [InlineData("tls.crt")]
    [InlineData("tls.key")]
    public void A_part_that_is_missing_or_garbage_is_replaced(string part)
    {
        var data = Reconcile(Nothing, Now);
        string?[] contents = [null, "", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", Text(data, "tls.crt")];
        foreach (var garbage in contents)
        {
            var broken = new Dictionary<string, byte[]>(data);
            if (garbage is null) broken.Remove(part);
            else broken[part] = Encoding.UTF8.GetBytes(garbage);
            var repaired = Reconcile(broken, Now);

            var (_, plan) = Plan(repaired, Now);
            Assert.True(plan is { CreatesAuthority: false, IssuesServing: false });
            using var serving = X509Certificate2.CreateFromPem(Text(repaired, "tls.crt"), Text(repaired, "tls.key"));
            Assert.True(IsTrusted(serving, StoredCertificates.Bundle(repaired)!, Now));
        }
    }

    [Fact]
    public void The_key_of_another_certificate_is_not_taken_for_ours()
    {
        var (data, other) = (Reconcile(Nothing, Now), Reconcile(Nothing, Now));

        Assert.Null(StoredCertificates.Read(With(data, "tls.key", other["tls.key"])).State(Names).Serving);
        Assert.False(StoredCertificates.Read(With(data, "ca.key", other["ca.key"])).State(Names).Authorities.Single().HasKey);
        Assert.Null(StoredCertificates.Read(With(data, "ca.crt", other["ca.crt"])).State(Names).Serving!.Issuer);
    }

    [Fact]
    public void Texts_around_the_certificates_are_no_part_of_the_bundle()
    {
        var data = Reconcile(Nothing, Now);
        var text = "# ours\r\n" + Text(data, "ca.crt").ReplaceLineEndings("\r\n") + "garbage";
        var commented = With(data, "ca.crt", Encoding.UTF8.GetBytes(text));

        Assert.Equal(Text(data, "ca.crt"), StoredCertificates.Bundle(commented));
        Assert.Null(StoredCertificates.Bundle(Nothing));
        Assert.Null(StoredCertificates.Bundle(With(data, "ca.crt", [1, 2, 255])));
    }

    [Fact]
    public void No_bytes_are_too_strange_to_be_read()
    {
        var data = Reconcile(Nothing, Now);
        Gen.Select(Gen.OneOf([.. data.Keys.Select(Gen.Const)]), Gen.Int[0, 1000], Gen.Byte.Array[0, 20]).Sample((part, at, bytes) =>
        {
            byte[] changed = [.. data[part].Take(at), .. bytes, .. data[part].Skip(at + bytes.Length)];
            var repaired = Reconcile(With(data, part, changed), Now);
            Assert.True(Plan(repaired, Now).Plan is { CreatesAuthority: false, IssuesServing: false });
        }, iter: 60);
    }

    private static IReadOnlyDictionary<string, byte[]> Reconcile(IReadOnlyDictionary<string, byte[]> data, DateTimeOffset now)
    {
        var (stored, plan) = Plan(data, now);
        return stored.Apply(plan, Names);
    }

    private static (StoredCertificates Stored, CertificatePlan Plan) Plan(IReadOnlyDictionary<string, byte[]> data, DateTimeOffset now)
    {
        var stored = StoredCertificates.Read(data);
        return (stored, CertificatePlanner.Plan(stored.State(Names), now));
    }

    private static Dictionary<string, byte[]> With(IReadOnlyDictionary<string, byte[]> data, string part, byte[] value) =>
        new(data) { [part] = value };

    private static string Text(IReadOnlyDictionary<string, byte[]> data, string part) => Encoding.UTF8.GetString(data[part]);

    /// <summary>As an agent would check it at that time.</summary>
    private static bool IsTrusted(X509Certificate2 certificate, string bundle, DateTimeOffset at)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy = new()
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            VerificationTime = at.UtcDateTime,
            VerificationTimeIgnored = false,
        };
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(CertificateMaker.ServerAuthentication));
        chain.ChainPolicy.CustomTrustStore.ImportFromPem(bundle);
        return chain.Build(certificate);
    }
}
