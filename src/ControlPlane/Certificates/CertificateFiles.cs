using System.Security.Cryptography;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>A serving certificate from two PEM files. A changed pair that can't be used is logged, and the old one stays.</summary>
public sealed partial class CertificateFiles
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(10);

    private readonly string _certificateFile;
    private readonly string _keyFile;
    private readonly ServingCertificate _serving;
    private readonly ILogger _logger;
    private (string Certificate, string Key) _seen;

    /// <summary>Throws where the files can't be used: a start without a certificate would help nobody.</summary>
    public CertificateFiles(string certificateFile, string keyFile, ServingCertificate serving, ILogger<CertificateFiles> logger)
    {
        (_certificateFile, _keyFile, _serving, _logger) = (certificateFile, keyFile, serving, logger);
        var read = Read();
        serving.Use(read.Certificate, read.Key);
        _seen = read;
    }

    /// <summary>Reloads the files until cancelled. They are read, not watched: a mounted Secret changes by a symbolic link.</summary>
    public async Task FollowAsync(TimeProvider time, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(ReadEvery, time);
        while (await timer.WaitForNextTickAsync(cancellation)) Reload();
    }

    /// <summary>Uses the pair of files if it has changed.</summary>
    public void Reload()
    {
        try
        {
            var read = Read();
            if (read == _seen) return;
            var until = _serving.Use(read.Certificate, read.Key);
            _seen = read;
            LogChanged(_certificateFile, until);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException
            or ArgumentException)
        {
            LogUnusable(_certificateFile, ExceptionText.Of(exception));
        }
    }

    private (string Certificate, string Key) Read() => (File.ReadAllText(_certificateFile), File.ReadAllText(_keyFile));

    [LoggerMessage(LogLevel.Information, "A new certificate from {File} is in use, valid until {Until:u}")]
    private partial void LogChanged(string file, DateTimeOffset until);

    [LoggerMessage(LogLevel.Warning, "The certificate in {File} changed and can't be used, the old one stays: {Why}")]
    private partial void LogUnusable(string file, string why);
}
