using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.ControlPlane.Certificates;

namespace ModuleController.SystemTests.Gateway;

/// <summary>The agents' port with a certificate, and with a new one.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gateway-tls-").FullName;

    private string CertificateFile => Path.Combine(_folder, "tls.crt");

    private string KeyFile => Path.Combine(_folder, "tls.key");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Agents_connect_over_tls_and_see_the_certificate()
    {
        var written = Write("localhost");
        await using var rig = await GatewayRig.StartAsync();
        var controller = await rig.StartLeaderAsync(change: options => options with { TlsCertificate = CertificateFile, TlsKey = KeyFile });
        Assert.Equal("https", controller.AgentAddress.Scheme);
        var uid = await rig.CreatePodAsync("base-0");
        var seen = new ConcurrentQueue<string>();

        await rig.Connect(controller, handler: Recording(seen)).GreetAsync("base-0", uid);

        Assert.Equal([written], seen);
    }

    [Fact]
    public void A_changed_certificate_is_taken_and_a_broken_one_is_not()
    {
        var first = Write("first");
        var certificate = new ServingCertificate();
        var files = new CertificateFiles(CertificateFile, KeyFile, certificate, NullLogger<CertificateFiles>.Instance);
        Assert.Equal(first, Served(certificate));

        var second = Write("second");
        Assert.Equal(first, Served(certificate));
        files.Reload();
        Assert.Equal(second, Served(certificate));

        File.WriteAllText(CertificateFile, "not a certificate");
        files.Reload();
        Assert.Equal(second, Served(certificate));

        File.Delete(KeyFile);
        files.Reload();
        Assert.Equal(second, Served(certificate));

        var third = Write("third");
        files.Reload();
        Assert.Equal(third, Served(certificate));
    }

    [Fact]
    public void A_certificate_with_the_key_of_another_one_is_not_taken()
    {
        var first = Write("first");
        var certificate = new ServingCertificate();
        var files = new CertificateFiles(CertificateFile, KeyFile, certificate, NullLogger<CertificateFiles>.Instance);
        var key = File.ReadAllText(KeyFile);
        Write("second");
        File.WriteAllText(KeyFile, key);
        files.Reload();

        Assert.Equal(first, Served(certificate));
    }

    private static string Served(ServingCertificate certificate) =>
        certificate.ForNewConnection(HttpProtocols.Http2).ServerCertificateContext!.TargetCertificate.Thumbprint;

    private static SocketsHttpHandler Recording(ConcurrentQueue<string> seen) => new()
    {
        SslOptions = new()
        {
            RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
            {
                seen.Enqueue(((X509Certificate2)certificate!).Thumbprint);
                // Ours is signed by itself; the name is checked all the same.
                return (errors & SslPolicyErrors.RemoteCertificateNotAvailable) == 0;
            },
        },
    };

    /// <summary>The thumbprint of the new pair.</summary>
    private string Write(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(KeyFile, key.ExportPkcs8PrivateKeyPem());
        return certificate.Thumbprint;
    }
}
