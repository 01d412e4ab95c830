using ModuleController.ControlPlane.Observing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Modules;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Admission;

/// <summary>Finds the base of a new ModuleDeployment, and the others of that base. A warning needs it: what is not known is not waited
/// for.</summary>
/// <param name="isSynced">Until the caches are synced, nothing is known.</param>
/// <param name="watched">The one namespace that the caches have; null: all.</param>
internal sealed class NeighborLookup(Caches caches, Func<bool> isSynced, string? watched, IKubeClient client, TimeProvider time)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    /// <summary>Null: not known.</summary>
    public async ValueTask<bool?> HasBaseAsync(ModuleDeployment deployment, CancellationToken cancellation)
    {
        var (ns, name) = (deployment.Metadata.Namespace, deployment.Spec.BaseDeploymentName);
        if (!IsKnown(ns)) return null;
        if (caches.Deployments.Get(new(ns!, name)) is not null) return true;
        // Manifests are applied together: the cache may be behind.
        using var timeout = new CancellationTokenSource(Timeout, time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            var found = await client.ListAsync<Deployment>(
                new() { Namespace = ns, FieldSelector = $"metadata.name={name}" }, ended.Token);
            return found.Items.Count > 0;
        }
        catch (Exception exception) when (exception is KubeException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            // The write itself needs no answer to this.
            return null;
        }
    }

    /// <summary>Those in the caches.</summary>
    public IReadOnlyCollection<ModuleDeployment> OfBase(ModuleDeployment deployment)
    {
        var ns = deployment.Metadata.Namespace;
        return IsKnown(ns) ? caches.ModuleDeployments.ByIndex(Caches.ByBase, $"{ns}/{deployment.Spec.BaseDeploymentName}") : [];
    }

    private bool IsKnown(string? ns) => isSynced() && ns is not null && (watched is null || watched == ns);
}
