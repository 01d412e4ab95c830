using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Agent.Link;
using ModuleController.Tests;

namespace ModuleController.Agent.Tests.Link;

/// <summary>The authorities of the controller: a file that appears late, and changes.</summary>
public sealed class AuthorityFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly LogLines _log = new();

    private string Path => System.IO.Path.Combine(_folder.Path, "ca", "ca.crt");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_agent_waits_for_its_file_and_says_what_is_wrong_once()
    {
        var reading = new AuthorityFile(Path, _time, _log).ReadAsync(Cancellation);
        Assert.StartsWith($"waiting for the certificate authority of the controller: there is no file {Path}", Assert.Single(_log.Lines),
            StringComparison.Ordinal);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Single(_log.Lines);

        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        await File.WriteAllTextAsync(Path, "", Cancellation);
        await Eventually.True(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return _log.Lines is [.., var last] && last.Contains("has no certificate", StringComparison.Ordinal);
        });
        Assert.False(reading.IsCompleted);

        await File.WriteAllTextAsync(Path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", Cancellation);
        await Eventually.True(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return _log.Lines is [.., var last] && last.Contains("can't be read", StringComparison.Ordinal);
        });
        Assert.False(reading.IsCompleted);

        await File.WriteAllTextAsync(Path, Authority("one"), Cancellation);
        await Eventually.True(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return reading.IsCompleted;
        });
        Assert.Equal("CN=one", Assert.Single(await reading).Subject);
    }

    [Fact]
    public async Task Each_connection_reads_the_present_authorities_all_of_them()
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        var file = new AuthorityFile(Path, _time, _log);
        await File.WriteAllTextAsync(Path, Authority("old"), Cancellation);
        Assert.Equal(["CN=old"], (await file.ReadAsync(Cancellation)).Select(authority => authority.Subject));

        await File.WriteAllTextAsync(Path, Authority("new") + Authority("old"), Cancellation);
        Assert.Equal(["CN=new", "CN=old"], (await file.ReadAsync(Cancellation)).Select(authority => authority.Subject));
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task Waiting_ends_with_the_agent()
    {
        using var ending = new CancellationTokenSource();
        var reading = new AuthorityFile(Path, _time, _log).ReadAsync(ending.Token);
        await ending.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    private static string Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(now.AddMinutes(-5), now.AddHours(1));
        return certificate.ExportCertificatePem() + "\n";
    }
}
