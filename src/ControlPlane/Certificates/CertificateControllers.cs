using ModuleController.ControlPlane.Observing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Controllers;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>What triggers the reconcilers of the leader's certificates.</summary>
internal static class CertificateControllers
{
    /// <summary>The Secret, which does not have to exist.</summary>
    public static void AddSecret(Manager manager, ReconcilerParts parts, ObjectKey secret, IReadOnlyList<string> names)
    {
        var tracker = new WriteTracker(parts.Informers, parts.Time);
        manager.Reconcile(new CertificateReconciler(
                parts.Informers.Of<Secret>(), parts.Client, tracker, secret, names, parts.Time,
                parts.Loggers.CreateLogger<CertificateReconciler>()))
            .Named("certificates")
            .Where(found => ObjectKey.Of(found.Metadata) == secret)
            .Watches(trigger =>
            {
                trigger(secret);
                return new Nothing();
            })
            .Tracks(tracker);
    }

    /// <summary>The ConfigMaps of namespaces.</summary>
    public static void AddAuthorities(Manager manager, ReconcilerParts parts, ObjectKey secret, bool adopts)
    {
        var (caches, tracker) = (parts.Caches, new WriteTracker(parts.Informers, parts.Time));
        var configMaps = parts.Informers.Of<ConfigMap>();
        manager.Reconcile(new AuthorityReconciler(
                caches, configMaps, parts.Informers.Of<Secret>(), secret, adopts, parts.Client, tracker,
                parts.Loggers.CreateLogger<AuthorityReconciler>()))
            .Named("authorities")
            .Watches<ConfigMap>(configMap => [Key(configMap.Metadata)])
            .WatchesChanges<Secret>(_ => caches.Namespaces.List().Select(ns => ObjectKey.Of(ns.Metadata)))
            .WatchesChanges<ModuleDeployment>(change => OnlyWhenAddedOrRemoved(change))
            .WatchesChanges<Module>(change => OnlyWhenAddedOrRemoved(change))
            .WatchesChanges<Deployment>(change =>
                BaseNamespaces.IsMarked(change.Before) == BaseNamespaces.IsMarked(change.After) ? [] : [Key(change.Key)])
            .WatchesChanges<Pod>(change =>
                BaseNamespaces.IsMarked(change.Before) == BaseNamespaces.IsMarked(change.After) ? [] : [Key(change.Key)])
            .Tracks(tracker)
            .Workers(4);
    }

    /// <summary>The webhooks of one name.</summary>
    public static void AddBundles<T>(Manager manager, ReconcilerParts parts, ObjectKey secret, string name)
        where T : class, IWebhookConfiguration
    {
        var (key, tracker) = (new ObjectKey("", name), new WriteTracker(parts.Informers, parts.Time));
        manager.Reconcile(new WebhookBundleReconciler<T>(
                parts.Informers.Of<T>(), parts.Informers.Of<Secret>(), secret, parts.Client, tracker,
                parts.Loggers.CreateLogger<WebhookBundleReconciler<T>>()))
            .Where(found => ObjectKey.Of(found.Metadata) == key)
            .WatchesChanges<Secret>(_ => [key])
            .Tracks(tracker);
    }

    private static IEnumerable<ObjectKey> OnlyWhenAddedOrRemoved<T>(ObjectChange<T> change) where T : class, IResource =>
        change is { Before: not null, After: not null } ? [] : [Key(change.Key)];

    private static ObjectKey Key(ObjectMeta meta) => new("", meta.Namespace!);

    private static ObjectKey Key(ObjectKey key) => new("", key.Namespace);

    private sealed class Nothing : IDisposable
    {
        public void Dispose()
        {
        }
    }
}
