using System.Text;
using System.Text.Json.Nodes;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;

namespace ModuleController.ControlPlane.Certificates;

/// <summary>Keeps the authorities in <c>caBundle</c> of each webhook of one configuration. Manifests carry none.</summary>
/// <remarks>A bundle with the same certificates in another form stays: another program that writes it starts no dispute.</remarks>
/// <param name="secret">Whose <c>ca.crt</c> it is. Without one the bundles stay as they are.</param>
public sealed partial class WebhookBundleReconciler<T>(
    ILister<T> configurations, ILister<Secret> secrets, ObjectKey secret, IKubeClient client, WriteTracker tracker,
    ILogger<WebhookBundleReconciler<T>> logger)
    : IReconciler<T> where T : class, IWebhookConfiguration
{
    public const string FieldManager = "modulecontroller-webhooks";

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (configurations.Get(key) is not { Metadata.IsDeleting: false } found) return ReconcileResult.Done;
        if (secrets.Get(secret) is not { } present) return ReconcileResult.Done;
        if (StoredCertificates.Bundle(present.Data) is not { } bundle) return ReconcileResult.Done;
        var outdated = found.Webhooks.Where(webhook => StoredCertificates.Normalize(webhook.ClientConfig.CaBundle) != bundle).ToList();
        if (outdated.Count == 0) return ReconcileResult.Done;
        var options = new PatchOptions(FieldManager) { IsStrategic = true };
        tracker.Wrote(key, await client.PatchAsync<T>(key, Patch(found, outdated, bundle), options, cancellation));
        LogWritten(T.Kind.Kind, key.Name, outdated.Count);
        return ReconcileResult.Done;
    }

    /// <summary>Merges by the webhooks' names: all other fields stay.</summary>
    private static JsonObject Patch(T found, IReadOnlyList<Webhook> outdated, string bundle) => new()
    {
        ["metadata"] = new JsonObject { ["uid"] = found.Metadata.Uid, ["resourceVersion"] = found.Metadata.ResourceVersion },
        ["webhooks"] = new JsonArray([.. outdated.Select(webhook => new JsonObject
        {
            ["name"] = webhook.Name,
            ["clientConfig"] = new JsonObject { ["caBundle"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(bundle)) },
        })]),
    };

    [LoggerMessage(LogLevel.Information, "{Kind} {Name}: wrote the certificate authorities of {Count} webhooks")]
    private partial void LogWritten(string kind, string name, int count);
}
