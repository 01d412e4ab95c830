using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>Where the serving certificate comes from: two files, or a Secret.</summary>
public sealed class CertificateSource
{
    private readonly CertificateFiles? _files;
    private readonly Informer<Secret>? _secrets;
    private readonly ObjectKey _key;
    private readonly ILoggerFactory _loggers;

    private CertificateSource(ControlPlaneOptions options, InformerFactory informers, string ns, ILoggerFactory loggers)
    {
        _loggers = loggers;
        if (options is { TlsCertificate: { } certificate, TlsKey: { } key })
            _files = new(certificate, key, Serving, loggers.CreateLogger<CertificateFiles>());
        if (options.TlsSecret is { } secret)
        {
            _key = new(ns, secret);
            _secrets = informers.Of(CertificateSecret.Options(_key));
        }
    }

    public ServingCertificate Serving { get; } = new();

    /// <summary>Null: agents connect without TLS. Throws where files are named that can't be used.</summary>
    /// <param name="ns">The controller's own namespace, where the Secret is.</param>
    public static CertificateSource? Create(ControlPlaneOptions options, InformerFactory informers, string ns, ILoggerFactory loggers) =>
        options is { TlsCertificate: null, TlsSecret: null } ? null : new(options, informers, ns, loggers);

    /// <summary>On every replica, leader or not.</summary>
    public void AddTo(Manager manager, TimeProvider time)
    {
        if (_files is not null) manager.AddLoop(ManagerPhase.Gateway, "certificate", token => _files.FollowAsync(time, token));
        if (_secrets is null) return;
        IDisposable? following = null;
        manager.Add(
            ManagerPhase.Gateway, "certificate",
            _ =>
            {
                following = new CertificateSecret(Serving, _loggers.CreateLogger<CertificateSecret>()).Follow(_secrets, _key);
                return Task.CompletedTask;
            },
            _ =>
            {
                following?.Dispose();
                return Task.CompletedTask;
            });
    }
}
