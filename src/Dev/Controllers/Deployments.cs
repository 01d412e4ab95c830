using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;

namespace ModuleController.Dev.Controllers;

/// <summary>Rolls a Deployment's pods from one ReplicaSet to the next within its maxSurge and maxUnavailable.</summary>
internal sealed class Deployments(
    IKubeClient client, IInformer<ClusterDeployment> deployments, IInformer<ClusterReplicaSet> replicaSets, WriteTracker written,
    TimeProvider time) : IReconciler<ClusterDeployment>
{
    private const string Manager = "deployment-controller";

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (deployments.Get(key) is not { } deployment) return ReconcileResult.Done;
        var sets = replicaSets.ByIndex("owner", deployment.Metadata.Uid ?? "").Where(set => !set.Metadata.IsDeleting).ToList();
        if (!deployment.Metadata.IsDeleting && deployment.Spec.Paused != true)
        {
            var hash = DeploymentRevisions.HashOf(deployment.Spec.Template);
            var current = sets.FirstOrDefault(set => set.Metadata.Labels.GetValueOrDefault(DeploymentRevisions.HashLabel) == hash);
            if (current is null)
            {
                await CreateAsync(key, deployment, hash, sets, cancellation);
                return ReconcileResult.Done; // the new set triggers the next reconcile
            }

            await SetRevisionAsync(key, deployment, current, sets, cancellation);
            await SetMinReadyAsync(key, deployment, current, cancellation);
            await ScaleAsync(key, deployment, current, [.. sets.Where(set => set != current)], cancellation);
            await TrimHistoryAsync(deployment, current, sets, cancellation);
            await WriteStatusAsync(key, deployment, current, sets, cancellation);
        }

        return ReconcileResult.Done;
    }

    private async Task CreateAsync(
        ObjectKey key, ClusterDeployment deployment, string hash, IReadOnlyList<ClusterReplicaSet> sets, CancellationToken cancellation)
    {
        try
        {
            written.Created(key, await client.CreateAsync(DeploymentRevisions.NewSet(deployment, hash, sets), Manager, cancellation));
        }
        catch (KubeException problem) when (problem.IsAlreadyExists)
        {
            // The cache was stale: the set triggers a reconcile when it arrives.
        }
    }

    /// <summary>Gives the set of the template the highest revision, and the Deployment the same one.</summary>
    private async Task SetRevisionAsync(
        ObjectKey key, ClusterDeployment deployment, ClusterReplicaSet current, IReadOnlyList<ClusterReplicaSet> sets,
        CancellationToken cancellation)
    {
        var number = DeploymentRevisions.NumberOf(current);
        if (sets.Any(set => set != current && DeploymentRevisions.NumberOf(set) >= number))
        {
            await AnnotateAsync<ClusterReplicaSet>(key, ObjectKey.Of(current.Metadata), DeploymentRevisions.Next(sets), cancellation);
            return;
        }

        var revision = current.Metadata.Annotations.GetValueOrDefault(DeploymentRevisions.Annotation, "1");
        if (deployment.Metadata.Annotations.GetValueOrDefault(DeploymentRevisions.Annotation) != revision)
            await AnnotateAsync<ClusterDeployment>(key, key, revision, cancellation);
    }

    /// <summary>The field is not part of the template: a change of it is not a new revision.</summary>
    private async Task SetMinReadyAsync(
        ObjectKey key, ClusterDeployment deployment, ClusterReplicaSet current, CancellationToken cancellation)
    {
        var desired = deployment.Spec.MinReadySeconds ?? 0;
        if ((current.Spec.MinReadySeconds ?? 0) == desired) return;
        written.Wrote(key, await client.PatchAsync<ClusterReplicaSet>(
            ObjectKey.Of(current.Metadata),
            new()
            {
                ["metadata"] = new JsonObject { ["uid"] = current.Metadata.Uid },
                ["spec"] = new JsonObject { ["minReadySeconds"] = desired },
            },
            new(Manager),
            cancellation));
    }

    private async Task AnnotateAsync<T>(ObjectKey key, ObjectKey target, string revision, CancellationToken cancellation)
        where T : class, IResource => written.Wrote(key, await client.PatchAsync<T>(
            target,
            new() { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [DeploymentRevisions.Annotation] = revision } } },
            new(Manager),
            cancellation));

    private async Task ScaleAsync(
        ObjectKey key, ClusterDeployment deployment, ClusterReplicaSet current, IReadOnlyList<ClusterReplicaSet> old,
        CancellationToken cancellation)
    {
        var desired = deployment.DesiredReplicas();
        var currentCount = current.Spec.Replicas ?? 0;
        var oldCount = old.Sum(set => set.Spec.Replicas ?? 0);
        if (deployment.IsRecreate())
        {
            foreach (var set in old) await ScaleAsync(key, set, 0, cancellation);
            if (old.Sum(set => set.Status?.Replicas ?? 0) == 0) await ScaleAsync(key, current, desired, cancellation);
            return;
        }

        if (currentCount != desired)
        {
            var room = Math.Max(0, desired + deployment.MaxSurge() - currentCount - oldCount);
            await ScaleAsync(key, current, currentCount > desired ? desired : Math.Min(desired, currentCount + room), cancellation);
        }

        // As in Kubernetes, unavailable old pods are removed first, but never below the minimum that would remain if they were
        // available: the status may be stale. Then available ones are removed down to the minimum.
        var minimum = desired - deployment.MaxUnavailable();
        var available = Available(current);
        var removable = oldCount + currentCount - minimum - (currentCount - available);
        var spare = available + old.Sum(Available) - minimum;
        if (removable <= 0) return;
        foreach (var set in old.OrderBy(set => set.Metadata.CreationTimestamp))
        {
            var count = set.Spec.Replicas ?? 0;
            var unavailable = Math.Clamp(count - Available(set), 0, removable);
            // The status may still count pods that are being deleted.
            var surplus = Math.Clamp(spare, 0, Math.Min(count, removable) - unavailable);
            await ScaleAsync(key, set, count - unavailable - surplus, cancellation);
            (removable, spare) = (removable - unavailable - surplus, spare - surplus);
        }

        static int Available(ClusterReplicaSet set) => set.Status?.AvailableReplicas ?? 0;
    }

    private async Task ScaleAsync(ObjectKey key, ClusterReplicaSet set, int replicas, CancellationToken cancellation)
    {
        if (set.Spec.Replicas == replicas) return;
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject { ["uid"] = set.Metadata.Uid },
            ["spec"] = new JsonObject { ["replicas"] = replicas },
        };
        written.Wrote(key, await client.PatchAsync<ClusterReplicaSet>(ObjectKey.Of(set.Metadata), patch, new(Manager), cancellation));
    }

    private async Task TrimHistoryAsync(
        ClusterDeployment deployment, ClusterReplicaSet current, IReadOnlyList<ClusterReplicaSet> sets, CancellationToken cancellation)
    {
        var idle = sets.Where(set => set != current && set.Spec.Replicas == 0 && (set.Status?.Replicas ?? 0) == 0)
            .OrderByDescending(DeploymentRevisions.NumberOf);
        foreach (var set in idle.Skip(deployment.Spec.RevisionHistoryLimit ?? 10))
        {
            await client.DeleteAsync<ClusterReplicaSet>(
                ObjectKey.Of(set.Metadata), new() { Uid = set.Metadata.Uid, Propagation = PropagationPolicy.Background }, cancellation);
        }
    }

    private async Task WriteStatusAsync(
        ObjectKey key, ClusterDeployment deployment, ClusterReplicaSet current, IReadOnlyList<ClusterReplicaSet> sets,
        CancellationToken cancellation)
    {
        var status = new DeploymentStatus(deployment, time).Of(current, sets);
        if (deployment.Status is { } old && JsonNode.DeepEquals(JsonNode.Parse(old.GetRawText()), status)) return;
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["uid"] = deployment.Metadata.Uid }, ["status"] = status };
        written.Wrote(key, await client.PatchAsync<ClusterDeployment>(key, patch, new(Manager) { Subresource = "status" }, cancellation));
    }
}
