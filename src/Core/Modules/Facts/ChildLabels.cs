using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules.Facts;

/// <summary>Selects the labels of a ModuleDeployment and of its template that its ReplicaSets and Modules get, too.</summary>
public static class ChildLabels
{
    private const string Own = "koupleless.io/";

    /// <summary>Labels by which a tool finds what it has applied: Argo CD, Flux, Helm, kubectl, kapp, Fleet, Config Sync.</summary>
    private static readonly string[] TrackingPrefixes =
    [
        "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "helm.sh/", "applyset.kubernetes.io/",
        "kapp.k14s.io/", "objectset.rio.cattle.io/", "configsync.gke.io/", "configmanagement.gke.io/",
    ];

    private static readonly string[] TrackingKeys = ["app.kubernetes.io/instance", "app.kubernetes.io/managed-by"];

    /// <summary>
    /// Of the ModuleDeployment's own: all but those that command or track it. <c>koupleless.io/delete-module</c> on a ModuleDeployment
    /// deletes no Module.
    /// </summary>
    public static IEnumerable<KeyValuePair<string, string>> OfParent(IReadOnlyDictionary<string, string> labels) =>
        labels.Where(label => !IsOurs(label.Key) && !IsTracking(label.Key));

    /// <summary>Of the template: all but those that command.</summary>
    public static IEnumerable<KeyValuePair<string, string>> OfTemplate(IReadOnlyDictionary<string, string> labels) =>
        labels.Where(label => !IsOurs(label.Key));

    private static bool IsOurs(string key) =>
        key.StartsWith(Own, StringComparison.Ordinal) || key.StartsWith(Labels.TrafficPrefix, StringComparison.Ordinal);

    private static bool IsTracking(string key) =>
        TrackingKeys.Contains(key) || TrackingPrefixes.Any(prefix => key.StartsWith(prefix, StringComparison.Ordinal));
}
