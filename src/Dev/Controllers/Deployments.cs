using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;

namespace ModuleController.Dev.Controllers;

/// <summary>Rolls a Deployment's pods from one ReplicaSet to the next within its surge and unavailability.</summary>
internal sealed class Deployments(
    IKubeClient client, IInformer<ClusterDeployment> deployments, IInformer<ClusterReplicaSet> replicaSets, WriteTracker written,
    TimeProvider time) : IReconciler<ClusterDeployment>
{
    private const string Manager = "deployment-controller";
    private const string HashLabel = "pod-template-hash";
    private const string Revision = "deployment.kubernetes.io/revision";

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (deployments.Get(key) is not { } deployment) return ReconcileResult.Done;
        var sets = replicaSets.ByIndex("owner", deployment.Metadata.Uid ?? "").Where(set => !set.Metadata.IsDeleting).ToList();
        if (!deployment.Metadata.IsDeleting && deployment.Spec.Paused != true)
        {
            var hash = HashOf(deployment.Spec.Template);
            var current = sets.FirstOrDefault(set => set.Metadata.Labels.GetValueOrDefault(HashLabel) == hash);
            if (current is null)
            {
                await CreateAsync(key, deployment, hash, sets, cancellation);
                return ReconcileResult.Done; // the new set wakes us
            }

            await NumberAsync(key, deployment, current, sets, cancellation);
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
        var template = JsonNode.Parse(deployment.Spec.Template.GetRawText())!.AsObject();
        var meta = template["metadata"] as JsonObject ?? [];
        if (meta.Parent is null) template["metadata"] = meta;
        var labels = meta["labels"] as JsonObject ?? [];
        if (labels.Parent is null) meta["labels"] = labels;
        labels[HashLabel] = hash;
        var surge = MaxSurge(deployment);
        var total = sets.Sum(set => set.Spec.Replicas ?? 0);
        var desired = deployment.Spec.Replicas ?? 1;
        var set = new ClusterReplicaSet
        {
            Metadata = new()
            {
                Name = $"{deployment.Metadata.Name}-{hash}",
                Namespace = deployment.Metadata.Namespace,
                Labels = labels.ToDictionary(pair => pair.Key, pair => pair.Value!.GetValue<string>()),
                Annotations = new Dictionary<string, string> { [Revision] = Next(sets) },
                OwnerReferences =
                [
                    new(ClusterDeployment.Kind.ApiVersion, ClusterDeployment.Kind.Kind, deployment.Metadata.Name,
                        deployment.Metadata.Uid ?? "", true, true),
                ],
            },
            Spec = new()
            {
                Replicas = IsRecreate(deployment) && total > 0 ? 0 : Math.Clamp(desired + surge - total, 0, desired),
                MinReadySeconds = deployment.Spec.MinReadySeconds,
                Selector = deployment.Spec.Selector with
                {
                    MatchLabels = new Dictionary<string, string>(deployment.Spec.Selector.MatchLabels) { [HashLabel] = hash },
                },
                Template = JsonSerializer.SerializeToElement(template),
            },
        };
        try
        {
            written.Created(key, await client.CreateAsync(set, Manager, cancellation));
        }
        catch (KubeException problem) when (problem.IsAlreadyExists)
        {
            // The cache was old: the set arrives and wakes us.
        }
    }

    /// <summary>The set that the template asks for has the highest number; the Deployment shows it.</summary>
    private async Task NumberAsync(
        ObjectKey key, ClusterDeployment deployment, ClusterReplicaSet current, IReadOnlyList<ClusterReplicaSet> sets,
        CancellationToken cancellation)
    {
        var number = RevisionOf(current);
        if (sets.Any(set => set != current && RevisionOf(set) >= number))
        {
            await AnnotateAsync<ClusterReplicaSet>(key, ObjectKey.Of(current.Metadata), Next(sets), cancellation);
        }
        else if (deployment.Metadata.Annotations.GetValueOrDefault(Revision) != current.Metadata.Annotations.GetValueOrDefault(Revision))
        {
            await AnnotateAsync<ClusterDeployment>(key, key, current.Metadata.Annotations.GetValueOrDefault(Revision, "1"), cancellation);
        }
    }

    /// <summary>It is no part of the template, so a change of it is no new revision.</summary>
    private async Task SetMinReadyAsync(
        ObjectKey key, ClusterDeployment deployment, ClusterReplicaSet current, CancellationToken cancellation)
    {
        var wanted = deployment.Spec.MinReadySeconds ?? 0;
        if ((current.Spec.MinReadySeconds ?? 0) == wanted) return;
        written.Wrote(key, await client.PatchAsync<ClusterReplicaSet>(
            ObjectKey.Of(current.Metadata),
            new() { ["metadata"] = new JsonObject { ["uid"] = current.Metadata.Uid }, ["spec"] = new JsonObject { ["minReadySeconds"] = wanted } },
            new(Manager),
            cancellation));
    }

    private async Task AnnotateAsync<T>(ObjectKey key, ObjectKey target, string revision, CancellationToken cancellation)
        where T : class, IResource => written.Wrote(key, await client.PatchAsync<T>(
            target,
            new() { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [Revision] = revision } } },
            new(Manager),
            cancellation));

    private async Task ScaleAsync(
        ObjectKey key, ClusterDeployment deployment, ClusterReplicaSet current, IReadOnlyList<ClusterReplicaSet> old,
        CancellationToken cancellation)
    {
        var desired = deployment.Spec.Replicas ?? 1;
        var currentCount = current.Spec.Replicas ?? 0;
        var oldCount = old.Sum(set => set.Spec.Replicas ?? 0);
        if (IsRecreate(deployment))
        {
            foreach (var set in old) await ScaleAsync(key, set, 0, cancellation);
            if (old.Sum(set => set.Status?.Replicas ?? 0) == 0) await ScaleAsync(key, current, desired, cancellation);
            return;
        }

        if (currentCount != desired)
        {
            var room = Math.Max(0, desired + MaxSurge(deployment) - currentCount - oldCount);
            await ScaleAsync(key, current, currentCount > desired ? desired : Math.Min(desired, currentCount + room), cancellation);
        }

        // As in Kubernetes old pods that don't work go first, but only while enough are left if those did: a status may be
        // old, and they may yet come up. Of those that work as many go as there are above the minimum.
        var minimum = desired - MaxUnavailable(deployment);
        var available = Available(current);
        var mayGo = oldCount + currentCount - minimum - (currentCount - available);
        var spare = available + old.Sum(Available) - minimum;
        if (mayGo <= 0) return;
        foreach (var set in old.OrderBy(set => set.Metadata.CreationTimestamp))
        {
            var count = set.Spec.Replicas ?? 0;
            var broken = Math.Clamp(count - Available(set), 0, mayGo);
            var working = Math.Clamp(spare, 0, Math.Min(count, mayGo) - broken);   // its status may still count pods that are being deleted
            await ScaleAsync(key, set, count - broken - working, cancellation);
            (mayGo, spare) = (mayGo - broken - working, spare - working);
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
            .OrderByDescending(RevisionOf);
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
        var desired = deployment.Spec.Replicas ?? 1;
        var (replicas, available) = (sets.Sum(set => set.Status?.Replicas ?? 0), sets.Sum(set => set.Status?.AvailableReplicas ?? 0));
        var ready = sets.Sum(set => set.Status?.ReadyReplicas ?? 0);
        var updated = current.Status?.Replicas ?? 0;
        var isAvailable = available >= desired - MaxUnavailable(deployment);
        var isComplete = updated == desired && replicas == desired && available >= desired;
        var status = new JsonObject
        {
            ["observedGeneration"] = deployment.Metadata.Generation,
            ["replicas"] = replicas,
            ["updatedReplicas"] = updated,
            ["readyReplicas"] = ready,
            ["availableReplicas"] = available,
            ["unavailableReplicas"] = Math.Max(0, Math.Max(desired, replicas) - available),
            ["conditions"] = new JsonArray(
                Condition(deployment, "Available", isAvailable, isAvailable ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable"),
                Condition(deployment, "Progressing", true, isComplete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated")),
        };
        if (deployment.Status is { } old && JsonNode.DeepEquals(JsonNode.Parse(old.GetRawText()), status)) return;
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["uid"] = deployment.Metadata.Uid }, ["status"] = status };
        written.Wrote(key, await client.PatchAsync<ClusterDeployment>(key, patch, new(Manager) { Subresource = "status" }, cancellation));
    }

    private JsonObject Condition(ClusterDeployment deployment, string type, bool isTrue, string reason)
    {
        var status = isTrue ? "True" : "False";
        var now = time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var old = deployment.Status is { ValueKind: JsonValueKind.Object } all && all.TryGetProperty("conditions", out var conditions)
            ? conditions.EnumerateArray().FirstOrDefault(condition => condition.GetProperty("type").GetString() == type) : default;
        string? Same(string field, string wanted) =>
            old.ValueKind == JsonValueKind.Object && old.TryGetProperty(field, out var value) && value.GetString() == wanted ? wanted : null;
        var isSame = Same("status", status) is not null;
        return new()
        {
            ["type"] = type,
            ["status"] = status,
            ["reason"] = reason,
            ["lastTransitionTime"] = isSame ? old.GetProperty("lastTransitionTime").GetString() : now,
            ["lastUpdateTime"] = isSame && Same("reason", reason) is not null ? old.GetProperty("lastUpdateTime").GetString() : now,
        };
    }

    private static bool IsRecreate(ClusterDeployment deployment) => deployment.Spec.Strategy?.Type == "Recreate";

    /// <summary>Rounded up, as Kubernetes does: 25 % of 3 is 1.</summary>
    private static int MaxSurge(ClusterDeployment deployment)
    {
        var value = deployment.Spec.Strategy?.RollingUpdate?.MaxSurge ?? new(25, true);
        var desired = deployment.Spec.Replicas ?? 1;
        return value.IsPercent ? (desired * value.Value + 99) / 100 : value.Value;
    }

    private static int MaxUnavailable(ClusterDeployment deployment)
    {
        var value = deployment.Spec.Strategy?.RollingUpdate?.MaxUnavailable ?? new(25, true);
        var count = value.OfRoundedDown(deployment.Spec.Replicas ?? 1);
        return count == 0 && MaxSurge(deployment) == 0 ? 1 : count;
    }

    private static string Next(IReadOnlyList<ClusterReplicaSet> sets) =>
        (sets.Select(RevisionOf).DefaultIfEmpty(0).Max() + 1).ToString(CultureInfo.InvariantCulture);

    private static int RevisionOf(ClusterReplicaSet set) =>
        int.TryParse(set.Metadata.Annotations.GetValueOrDefault(Revision), CultureInfo.InvariantCulture, out var number) ? number : 0;

    /// <summary>Empty labels or annotations are none: a real server does not keep them, and the old template must be found again.</summary>
    private static string HashOf(JsonElement template)
    {
        var tree = JsonNode.Parse(template.GetRawText())!.AsObject();
        if (tree["metadata"] is JsonObject meta)
        {
            foreach (var (field, value) in meta.ToList())
            {
                if (value is null or JsonObject { Count: 0 }) meta.Remove(field);
            }
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(tree.ToJsonString())))[..10];
    }
}
