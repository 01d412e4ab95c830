using System.Text.Json.Nodes;
using ModuleController.ControlPlane.Observing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>
/// Keeps a ConfigMap with the authorities that agents have to trust in each namespace with a base, and removes it with the last base.
/// </summary>
/// <param name="secret">The Secret whose <c>ca.crt</c> is written into the ConfigMaps.</param>
/// <param name="adopts">Whether a ConfigMap of this name that somebody else created is overwritten.</param>
public sealed partial class AuthorityReconciler(
    Caches caches, ILister<ConfigMap> configMaps, ILister<Secret> secrets, ObjectKey secret, bool adopts, IKubeClient client,
    WriteTracker tracker, ILogger<AuthorityReconciler> logger)
    : IReconciler<Namespace>
{
    public const string ConfigMapName = "modulecontroller-ca";
    public const string FieldManager = "modulecontroller-authority";

    /// <summary>Watches the ConfigMaps of this name.</summary>
    public static InformerOptions<ConfigMap> Options(string? ns) =>
        new() { Namespace = ns, FieldSelector = $"metadata.name={ConfigMapName}" };

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (caches.Namespaces.Get(key) is not { Metadata.IsDeleting: false }) return ReconcileResult.Done;
        var at = new ObjectKey(key.Name, ConfigMapName);
        var found = configMaps.Get(at);
        if (!BaseNamespaces.HasBase(caches, key.Name)) await DeleteAsync(key, found, cancellation);
        else if (secrets.Get(secret) is { } present && StoredCertificates.Bundle(present.Data) is { } bundle)
            await WriteAsync(key, at, found, bundle, cancellation);
        return ReconcileResult.Done;
    }

    private async Task WriteAsync(ObjectKey key, ObjectKey at, ConfigMap? found, string bundle, CancellationToken cancellation)
    {
        if (found is null)
        {
            var created = new ConfigMap
            {
                Metadata = new() { Name = at.Name, Namespace = at.Namespace, Labels = ManagedLabel.Labels },
                Data = new Dictionary<string, string> { [StoredCertificates.AuthoritiesKey] = bundle },
            };
            tracker.Created(key, await client.CreateAsync(created, FieldManager, cancellation));
            LogWritten(at);
            return;
        }

        var isOurs = ManagedLabel.IsOn(found.Metadata);
        if (!isOurs && !adopts) return;
        if (isOurs && found.Data.GetValueOrDefault(StoredCertificates.AuthoritiesKey) == bundle) return;
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["uid"] = found.Metadata.Uid,
                ["resourceVersion"] = found.Metadata.ResourceVersion,
                ["labels"] = ManagedLabel.Patch,
            },
            ["data"] = new JsonObject { [StoredCertificates.AuthoritiesKey] = bundle },
        };
        tracker.Wrote(key, await client.PatchAsync<ConfigMap>(at, patch, new(FieldManager), cancellation));
        LogWritten(at);
    }

    private async Task DeleteAsync(ObjectKey key, ConfigMap? found, CancellationToken cancellation)
    {
        if (found is null || found.Metadata.IsDeleting || !ManagedLabel.IsOn(found.Metadata)) return;
        await client.DeleteAsync<ConfigMap>(ObjectKey.Of(found.Metadata), new() { Uid = found.Metadata.Uid }, cancellation);
        tracker.Deleted(key, found);
        LogDeleted(ObjectKey.Of(found.Metadata));
    }

    [LoggerMessage(LogLevel.Information, "ConfigMap {ConfigMap}: wrote the certificate authorities for agents")]
    private partial void LogWritten(ObjectKey configMap);

    [LoggerMessage(LogLevel.Information, "ConfigMap {ConfigMap}: deleted, its namespace has no base")]
    private partial void LogDeleted(ObjectKey configMap);
}
