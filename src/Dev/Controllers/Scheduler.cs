using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Controllers;

namespace ModuleController.Dev.Controllers;

/// <summary>Binds each pod to the first node that its selector allows, regardless of resources.</summary>
internal sealed class Scheduler(IInformer<ClusterPod> pods, IInformer<Node> nodes, RawClient raw) : IReconciler<ClusterPod>
{
    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (pods.Get(key) is not { Metadata.IsDeleting: false } pod || pod.Spec.TryGetProperty("nodeName", out _))
            return ReconcileResult.Done;
        if (pod.Spec.TryGetProperty("schedulerName", out var scheduler) && scheduler.GetString() != "default-scheduler")
            return ReconcileResult.Done;       // another scheduler's pod
        var selector = pod.Spec.TryGetProperty("nodeSelector", out var desired)
            ? desired.EnumerateObject().ToDictionary(pair => pair.Name, pair => pair.Value.GetString() ?? "") : [];
        var node = nodes.List()
            .Where(node => node.Spec.Unschedulable != true
                && selector.All(pair => node.Metadata.Labels.GetValueOrDefault(pair.Key) == pair.Value))
            .MinBy(node => node.Metadata.Name, StringComparer.Ordinal);
        if (node is null) return ReconcileResult.After(TimeSpan.FromSeconds(1)); // a node may be added
        await raw.PostAsync(
            $"/api/v1/namespaces/{key.Namespace}/pods/{key.Name}/binding",
            new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Binding",
                ["metadata"] = new JsonObject { ["name"] = key.Name, ["namespace"] = key.Namespace },
                ["target"] = new JsonObject { ["kind"] = "Node", ["name"] = node.Metadata.Name },
            },
            cancellation);
        return ReconcileResult.Done;
    }
}
