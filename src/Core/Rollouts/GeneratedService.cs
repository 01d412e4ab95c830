using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>The Service that selects the pods on which the module serves.</summary>
public static class GeneratedService
{
    /// <summary>A Service of the generated name belongs to another owner.</summary>
    public static bool IsConflicting(ModuleDeployment deployment, Service? existing) =>
        deployment.ServiceEnabled && existing is not null && !IsOurs(deployment, existing) && !IsOfVersion1(deployment, existing);

    public static RolloutStep? Plan(ModuleDeployment deployment, Service? existing)
    {
        if (!deployment.ServiceEnabled)
            return existing is { Metadata.IsDeleting: false } && IsOurs(deployment, existing)
                ? new RolloutStep.DeleteService(existing)
                : null;
        if (existing is null) return new RolloutStep.CreateService(Desired(deployment, new()));
        if (existing.Metadata.IsDeleting || IsConflicting(deployment, existing)) return null;
        var desired = Desired(deployment, existing);
        return Same(existing, desired) ? null : new RolloutStep.UpdateService(existing, desired);
    }

    public static bool IsOurs(ModuleDeployment deployment, Service service) =>
        service.Metadata.Controller?.Uid == deployment.Metadata.Uid;

    // v1 selected by the traffic label and set no owner.
    private static bool IsOfVersion1(ModuleDeployment deployment, Service service) =>
        service.Metadata.Controller is null
        && service.Spec.Selector.ContainsKey(Labels.Traffic(deployment.Spec.Template.Spec.Module.Name));

    private static Service Desired(ModuleDeployment deployment, Service existing)
    {
        var module = deployment.Spec.Template.Spec.Module.Name;
        var strategy = deployment.Spec.OperationStrategy.ServiceStrategy!;
        var port = strategy.Port ?? 0;
        var labels = new Dictionary<string, string>(existing.Metadata.Labels)
        {
            [Labels.ModuleName] = module,
            [Labels.ModuleDeployment] = LabelValues.Of(deployment.Metadata.Name),
        };
        return existing with
        {
            Metadata = existing.Metadata with
            {
                Name = ServiceNames.For(module),
                Namespace = deployment.Metadata.Namespace,
                Labels = labels,
                OwnerReferences = IsOurs(deployment, existing)
                    ? existing.Metadata.OwnerReferences
                    : [.. existing.Metadata.OwnerReferences, RevisionReplicaSets.OwnerOf(deployment)],
            },
            Spec = existing.Spec with
            {
                Type = deployment.ServiceType,
                Selector = new Dictionary<string, string> { [Labels.Traffic(module)] = "true" },
                Ports =
                [
                    new()
                    {
                        // The API server does not name a single port, and chose its node port.
                        Name = existing.Spec.Ports is [var only] ? only.Name : null,
                        NodePort = existing.Spec.Ports is [var same] && deployment.ServiceType != "ClusterIP" ? same.NodePort : null,
                        Protocol = "TCP",
                        Port = port,
                        // v1 stored 0 where none was set.
                        TargetPort = strategy.TargetPort is { } target && target != new PortOrName(0) ? target : new PortOrName(port),
                    },
                ],
            },
        };
    }

    private static bool Same(Service one, Service other) =>
        one.Spec.Type == other.Spec.Type
        && one.Metadata.OwnerReferences.SequenceEqual(other.Metadata.OwnerReferences)
        && SameMap(one.Metadata.Labels, other.Metadata.Labels)
        && SameMap(one.Spec.Selector, other.Spec.Selector)
        && one.Spec.Ports.Count == 1
        && one.Spec.Ports[0] == other.Spec.Ports[0];

    private static bool SameMap(IReadOnlyDictionary<string, string> one, IReadOnlyDictionary<string, string> other) =>
        one.Count == other.Count && one.All(pair => other.GetValueOrDefault(pair.Key) == pair.Value);
}
