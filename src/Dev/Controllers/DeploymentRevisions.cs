using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModuleController.Dev.Controllers;

/// <summary>The revisions of a Deployment: each template has a hash, and its ReplicaSet a number.</summary>
internal static class DeploymentRevisions
{
    public const string HashLabel = "pod-template-hash";
    public const string Annotation = "deployment.kubernetes.io/revision";

    public static string Next(IReadOnlyList<ClusterReplicaSet> sets) =>
        (sets.Select(NumberOf).DefaultIfEmpty(0).Max() + 1).ToString(CultureInfo.InvariantCulture);

    public static int NumberOf(ClusterReplicaSet set) =>
        int.TryParse(set.Metadata.Annotations.GetValueOrDefault(Annotation), CultureInfo.InvariantCulture, out var number) ? number : 0;

    /// <summary>Ignores empty labels and annotations: a real server does not store them, and the hash must not change with that.</summary>
    public static string HashOf(JsonElement template)
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

    /// <summary>The ReplicaSet of the Deployment's template, without pods as long as the surge does not allow any.</summary>
    public static ClusterReplicaSet NewSet(ClusterDeployment deployment, string hash, IReadOnlyList<ClusterReplicaSet> sets)
    {
        var template = JsonNode.Parse(deployment.Spec.Template.GetRawText())!.AsObject();
        var labels = Child(Child(template, "metadata"), "labels");
        labels[HashLabel] = hash;
        var total = sets.Sum(set => set.Spec.Replicas ?? 0);
        var desired = deployment.DesiredReplicas();
        return new()
        {
            Metadata = new()
            {
                Name = $"{deployment.Metadata.Name}-{hash}",
                Namespace = deployment.Metadata.Namespace,
                Labels = labels.ToDictionary(pair => pair.Key, pair => pair.Value!.GetValue<string>()),
                Annotations = new Dictionary<string, string> { [Annotation] = Next(sets) },
                OwnerReferences =
                [
                    new(ClusterDeployment.Kind.ApiVersion, ClusterDeployment.Kind.Kind, deployment.Metadata.Name,
                        deployment.Metadata.Uid ?? "", true, true),
                ],
            },
            Spec = new()
            {
                Replicas = deployment.IsRecreate() && total > 0 ? 0 : Math.Clamp(desired + deployment.MaxSurge() - total, 0, desired),
                MinReadySeconds = deployment.Spec.MinReadySeconds,
                Selector = deployment.Spec.Selector with
                {
                    MatchLabels = new Dictionary<string, string>(deployment.Spec.Selector.MatchLabels) { [HashLabel] = hash },
                },
                Template = JsonSerializer.SerializeToElement(template),
            },
        };
    }

    private static JsonObject Child(JsonObject parent, string name)
    {
        if (parent[name] is JsonObject child) return child;
        child = [];
        parent[name] = child;
        return child;
    }
}
