using System.Security.Cryptography;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>
/// A serving certificate from a Secret, on every replica. Its contents are taken as they are, whoever wrote them. While the Secret is
/// missing or can't be used, the certificate before stays.
/// </summary>
public sealed partial class CertificateSecret(ServingCertificate serving, ILogger<CertificateSecret> logger)
{
    private CertificatePair? _seen;

    /// <summary>One Secret by its name: its content is read, and that of no other.</summary>
    public static InformerOptions<Secret> Options(ObjectKey key) => new()
    {
        Namespace = key.Namespace,
        FieldSelector = $"metadata.name={key.Name}",
    };

    /// <summary>Follows the Secret until disposed.</summary>
    public IDisposable Follow(IInformer<Secret> secrets, ObjectKey key) => secrets.Subscribe(change =>
    {
        if (change.Key == key) Take(key, change.After);
    });

    private void Take(ObjectKey key, Secret? secret)
    {
        if (secret is null)
        {
            if (serving.IsReady) LogMissing(key);
            return;
        }

        var pair = new CertificatePair(
            StoredCertificates.Text(secret.Data, StoredCertificates.ServingKey),
            StoredCertificates.Text(secret.Data, StoredCertificates.ServingKeyKey));
        if (pair == _seen) return;
        try
        {
            LogTaken(key, serving.Use(pair.Certificate, pair.Key));
            _seen = pair;
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            LogUnusable(key, ExceptionText.Of(exception));
        }
    }

    [LoggerMessage(LogLevel.Information, "The certificate in Secret {Secret} is in use, valid until {Until:u}")]
    private partial void LogTaken(ObjectKey secret, DateTimeOffset until);

    [LoggerMessage(LogLevel.Warning, "Secret {Secret} was deleted, its last certificate stays in use")]
    private partial void LogMissing(ObjectKey secret);

    [LoggerMessage(LogLevel.Warning, "The certificate in Secret {Secret} can't be used: {Why}")]
    private partial void LogUnusable(ObjectKey secret, string why);
}
