using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;

namespace ModuleController.Dev.Controllers;

/// <summary>Keeps the desired number of pods of a ReplicaSet.</summary>
internal sealed class ReplicaSets(
    IKubeClient client, IInformer<ClusterReplicaSet> replicaSets, IInformer<ClusterPod> pods, WriteTracker written,
    TimeProvider time) : IReconciler<ClusterReplicaSet>
{
    private const string Manager = "replicaset-controller";
    private const string DeletionCost = "controller.kubernetes.io/pod-deletion-cost";
    private const string Letters = "bcdfghjklmnpqrstvwxz2456789";

    private readonly Pace _pace = new(time);

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (replicaSets.Get(key) is not { } set)
        {
            _pace.Forget(key);
            return ReconcileResult.Done;
        }

        var all = pods.ByIndex("owner", set.Metadata.Uid ?? "");
        var active = all.Where(pod => !pod.Metadata.IsDeleting && pod.Status.Phase is not ("Succeeded" or "Failed")).ToList();
        if (!set.Metadata.IsDeleting)
        {
            var missing = (set.Spec.Replicas ?? 1) - active.Count;
            for (var count = 0; count < missing; count++) await CreateAsync(key, set, cancellation);
            foreach (var pod in active.OrderBy(pod => pod, LeastWorthFirst).Take(Math.Max(0, -missing)))
                await DeleteAsync(key, pod, cancellation);
        }

        return await WriteStatusAsync(key, set, active, cancellation);
    }

    private async Task CreateAsync(ObjectKey key, ClusterReplicaSet set, CancellationToken cancellation)
    {
        var template = set.Spec.Template;
        var meta = template.TryGetProperty("metadata", out var found) && found.ValueKind == JsonValueKind.Object
            ? found.Deserialize(MetaJson.Default.ObjectMeta)! : new();
        var pod = new ClusterPod
        {
            Metadata = meta with
            {
                Name = $"{set.Metadata.Name}-{Suffix()}",
                Namespace = set.Metadata.Namespace,
                OwnerReferences =
                [
                    new(ClusterReplicaSet.Kind.ApiVersion, ClusterReplicaSet.Kind.Kind, set.Metadata.Name, set.Metadata.Uid ?? "",
                    true, true),
                ],
            },
            Spec = template.GetProperty("spec"),
        };
        var created = await client.CreateAsync(pod, Manager, cancellation);
        written.Created(key, created);
    }

    private async Task DeleteAsync(ObjectKey key, ClusterPod pod, CancellationToken cancellation)
    {
        try
        {
            var deleted = await client.DeleteAsync<ClusterPod>(
                ObjectKey.Of(pod.Metadata), new() { Uid = pod.Metadata.Uid }, cancellation);
            if (deleted is not null) written.Wrote(key, deleted);
        }
        catch (KubeException problem) when (problem.IsNotFound || problem.IsConflict)
        {
            // It was deleted in the meantime.
        }
    }

    private async Task<ReconcileResult> WriteStatusAsync(
        ObjectKey key, ClusterReplicaSet set, List<ClusterPod> active, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var ready = active.Where(pod => pod.Status.Conditions.IsTrue("Ready")).ToList();
        var later = ready.Select(pod => AvailableAt(set, pod)).Where(at => at > now).ToList();
        var available = ready.Count - later.Count;
        var next = later.Count > 0 ? ReconcileResult.At(later.Min(), now) : ReconcileResult.Done;
        var status = new ClusterReplicaSetStatus(active.Count, ready.Count, available, active.Count, set.Metadata.Generation);
        if (status == set.Status) return next;
        if (_pace.WaitFor(key, active.Count) is { } wait) return ReconcileResult.After(wait);
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject { ["uid"] = set.Metadata.Uid },
            ["status"] = new JsonObject
            {
                ["replicas"] = status.Replicas,
                ["readyReplicas"] = ready.Count,
                ["availableReplicas"] = available,
                ["fullyLabeledReplicas"] = active.Count,
                ["observedGeneration"] = status.ObservedGeneration,
            },
        };
        var result = await client.PatchAsync<ClusterReplicaSet>(key, patch, new(Manager) { Subresource = "status" }, cancellation);
        written.Wrote(key, result);
        return next;
    }

    /// <summary>A pod is available when it has been ready for minReadySeconds.</summary>
    private static DateTimeOffset? AvailableAt(ClusterReplicaSet set, ClusterPod pod) => set.Spec.MinReadySeconds is { } seconds and > 0
        ? pod.Status.Conditions.Find("Ready")?.LastTransitionTime + TimeSpan.FromSeconds(seconds) : null;

    /// <summary>Deletes unready pods first, then those with a lower deletion cost, then newer ones.</summary>
    private static Comparer<ClusterPod> LeastWorthFirst { get; } = Comparer<ClusterPod>.Create((a, b) =>
        (a.Status.Conditions.IsTrue("Ready"), Cost(a), -(a.Metadata.CreationTimestamp?.Ticks ?? 0), a.Metadata.Name)
            .CompareTo((b.Status.Conditions.IsTrue("Ready"), Cost(b), -(b.Metadata.CreationTimestamp?.Ticks ?? 0), b.Metadata.Name)));

    private static int Cost(ClusterPod pod) =>
        int.TryParse(pod.Metadata.Annotations.GetValueOrDefault(DeletionCost), CultureInfo.InvariantCulture, out var cost) ? cost : 0;

    private static string Suffix() => Random.Shared.GetString(Letters, 5);
}
