using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModuleController.Dev.Controllers;

/// <summary>Computes the status of a Deployment from its ReplicaSets.</summary>
internal sealed class DeploymentStatus(ClusterDeployment deployment, TimeProvider time)
{
    public JsonObject Of(ClusterReplicaSet current, IReadOnlyList<ClusterReplicaSet> sets)
    {
        var desired = deployment.DesiredReplicas();
        var (replicas, available) = (sets.Sum(set => set.Status?.Replicas ?? 0), sets.Sum(set => set.Status?.AvailableReplicas ?? 0));
        var ready = sets.Sum(set => set.Status?.ReadyReplicas ?? 0);
        var updated = current.Status?.Replicas ?? 0;
        var isAvailable = available >= desired - deployment.MaxUnavailable();
        var isComplete = updated == desired && replicas == desired && available >= desired;
        return new()
        {
            ["observedGeneration"] = deployment.Metadata.Generation,
            ["replicas"] = replicas,
            ["updatedReplicas"] = updated,
            ["readyReplicas"] = ready,
            ["availableReplicas"] = available,
            ["unavailableReplicas"] = Math.Max(0, Math.Max(desired, replicas) - available),
            ["conditions"] = new JsonArray(
                Condition("Available", isAvailable, isAvailable ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable"),
                Condition("Progressing", true, isComplete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated")),
        };
    }

    private JsonObject Condition(string type, bool isTrue, string reason)
    {
        var status = isTrue ? "True" : "False";
        var now = time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var previous = deployment.Status is { ValueKind: JsonValueKind.Object } all && all.TryGetProperty("conditions", out var conditions)
            ? conditions.EnumerateArray().FirstOrDefault(condition => condition.GetProperty("type").GetString() == type) : default;
        var hasSameStatus = PreviousHas("status", status);
        return new()
        {
            ["type"] = type,
            ["status"] = status,
            ["reason"] = reason,
            ["lastTransitionTime"] = hasSameStatus ? previous.GetProperty("lastTransitionTime").GetString() : now,
            ["lastUpdateTime"] = hasSameStatus && PreviousHas("reason", reason) ? previous.GetProperty("lastUpdateTime").GetString() : now,
        };

        bool PreviousHas(string field, string text) =>
            previous.ValueKind == JsonValueKind.Object && previous.TryGetProperty(field, out var value) && value.GetString() == text;
    }
}
