using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>Where the serving certificate comes from: two files, a Secret of somebody else, or our own one.</summary>
public sealed class CertificateSource
{
    /// <summary>The Secret that the leader keeps.</summary>
    public const string OwnSecret = "modulecontroller-certificates";

    private readonly CertificateFiles? _files;
    private readonly Informer<Secret>? _secrets;
    private readonly ObjectKey _key;
    private readonly ControlPlaneOptions _options;
    private readonly ILoggerFactory _loggers;

    private CertificateSource(ControlPlaneOptions options, InformerFactory informers, string ns, ILoggerFactory loggers)
    {
        (_options, _loggers) = (options, loggers);
        if (options is { TlsCertificate: { } certificate, TlsKey: { } key })
            _files = new(certificate, key, Serving, loggers.CreateLogger<CertificateFiles>());
        if (options.TlsSecret is null && !options.IsTlsAutomatic) return;
        _key = new(ns, options.TlsSecret ?? OwnSecret);
        _secrets = informers.Of(CertificateSecret.Options(_key));
        informers.Of(AuthorityReconciler.Options(options.WatchNamespace));
        if (options.WebhookPort is null) return;
        var selector = $"metadata.name={options.WebhookConfiguration}";
        informers.Of<MutatingWebhookConfiguration>(new() { FieldSelector = selector });
        informers.Of<ValidatingWebhookConfiguration>(new() { FieldSelector = selector });
    }

    public ServingCertificate Serving { get; } = new();

    /// <summary>Null: agents connect without TLS. Throws where files are named that can't be used.</summary>
    /// <param name="ns">The controller's own namespace, where the Secret is.</param>
    public static CertificateSource? Create(ControlPlaneOptions options, InformerFactory informers, string ns, ILoggerFactory loggers) =>
        options is { TlsCertificate: null, TlsSecret: null, IsTlsAutomatic: false } ? null : new(options, informers, ns, loggers);

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

    /// <summary>On the leader.</summary>
    public void AddReconcilers(Manager manager, ReconcilerParts parts)
    {
        if (_secrets is null) return;
        var isOurs = _options.TlsSecret is null;
        if (isOurs)
        {
            CertificateControllers.AddSecret(
                manager, parts, _key, [.. CertificateMaker.NamesOf(_options.ServiceName, _key.Namespace), .. _options.TlsNames]);
        }

        CertificateControllers.AddAuthorities(manager, parts, _key, adopts: isOurs);
        if (_options.WebhookPort is null) return;
        CertificateControllers.AddBundles<MutatingWebhookConfiguration>(manager, parts, _key, _options.WebhookConfiguration);
        CertificateControllers.AddBundles<ValidatingWebhookConfiguration>(manager, parts, _key, _options.WebhookConfiguration);
    }
}
