using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane.Agents;

namespace ModuleController.SystemTests.Gateway;

/// <summary>A port with one TLS handshake at a time.</summary>
public sealed class HandshakeLimitTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly HandshakeLimit _limit;
    private readonly X509Certificate2 _certificate;
    private readonly WebApplication _app;
    private int _port;

    public HandshakeLimitTests()
    {
        _limit = new(_time, most: 1);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        _certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            _limit.Begin(listen);
            listen.UseHttps(_certificate);
            HandshakeLimit.End(listen);
        }));
        _app = builder.Build();
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _app.StartAsync(Cancellation);
        _port = new Uri(_app.Urls.First()).Port;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _certificate.Dispose();
        _limit.Dispose();
    }

    [Fact]
    public async Task A_client_that_stalls_keeps_others_out_for_a_second()
    {
        using var stalled = new TcpClient();
        await stalled.ConnectAsync(IPAddress.Loopback, _port, Cancellation);
        await Eventually.True(() => _limit.Free == 0);
        var other = HandshakeAsync();
        await Eventually.True(() => _limit.Waiting == 1);

        _time.Advance(TimeSpan.FromSeconds(1));
        using var connected = await other.WaitAsync(Eventually.Deadline, Cancellation);
        Assert.True(connected.IsAuthenticated);
    }

    [Fact]
    public async Task A_client_that_gives_up_keeps_nobody_out()
    {
        using (var stalled = new TcpClient()) await stalled.ConnectAsync(IPAddress.Loopback, _port, Cancellation);
        using var connected = await HandshakeAsync().WaitAsync(Eventually.Deadline, Cancellation);
        Assert.True(connected.IsAuthenticated);
    }

    [Fact]
    public async Task A_connection_counts_until_its_handshake_has_ended()
    {
        using var first = await HandshakeAsync().WaitAsync(Eventually.Deadline, Cancellation);
        using var second = await HandshakeAsync().WaitAsync(Eventually.Deadline, Cancellation);
        Assert.True(first.IsAuthenticated && second.IsAuthenticated);
    }

    private async Task<SslStream> HandshakeAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _port, Cancellation);
        var stream = new SslStream(client.GetStream(), leaveInnerStreamOpen: false);
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                    certificate?.GetCertHashString() == _certificate.GetCertHashString(),
            },
            Cancellation);
        return stream;
    }
}
