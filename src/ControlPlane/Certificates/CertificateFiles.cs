using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane;

/// <summary>
/// The certificate of the agents' port, from two PEM files. When they change, new connections get the new one and open
/// streams live on; a pair that can't be used is logged, and the old one stays.
/// </summary>
public sealed partial class TlsCertificate
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);

    private readonly string _certificateFile;
    private readonly string _keyFile;
    private readonly ILogger _logger;
    private string _seen = "";
    private SslStreamCertificateContext _current;

    /// <summary>Throws where the files can't be used: a start without a certificate would help nobody.</summary>
    public TlsCertificate(string certificateFile, string keyFile, ILogger<TlsCertificate> logger)
    {
        (_certificateFile, _keyFile, _logger) = (certificateFile, keyFile, logger);
        _current = Load();
    }

    public SslServerAuthenticationOptions ForNewConnection() => new()
    {
        ServerCertificateContext = Volatile.Read(ref _current),
        ApplicationProtocols = [SslApplicationProtocol.Http2],
    };

    /// <summary>Looks at the files until cancelled. They are read, not watched: a mounted Secret changes by a symbolic link.</summary>
    public async Task FollowAsync(TimeProvider time, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        while (await timer.WaitForNextTickAsync(cancellation)) Look();
    }

    /// <summary>Takes a changed pair of files.</summary>
    public void Look()
    {
        try
        {
            if (Fingerprint() == _seen) return;
            Volatile.Write(ref _current, Load());
            LogChanged(_certificateFile, _current.TargetCertificate.NotAfter);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException
            or ArgumentException)
        {
            LogUnusable(_certificateFile, ExceptionText.Of(exception));
        }
    }

    private SslStreamCertificateContext Load()
    {
        var fingerprint = Fingerprint();
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_certificateFile);
#pragma warning disable CA2000 // the context that is returned keeps it for as long as connections use it
        var certificate = X509Certificate2.CreateFromPemFile(_certificateFile, _keyFile);
#pragma warning restore CA2000
        // Offline: building the chain sends no request.
        var context = SslStreamCertificateContext.Create(certificate, chain, offline: true);
        _seen = fingerprint;
        return context;
    }

    private string Fingerprint() => Convert.ToHexString(SHA256.HashData(
        Encoding.UTF8.GetBytes(File.ReadAllText(_certificateFile) + '\n' + File.ReadAllText(_keyFile))));

    [LoggerMessage(LogLevel.Information, "A new certificate from {File} is in use, good until {Until}")]
    private partial void LogChanged(string file, DateTime until);

    [LoggerMessage(LogLevel.Warning, "The certificate in {File} changed and can't be used, the old one stays: {Why}")]
    private partial void LogUnusable(string file, string why);
}
