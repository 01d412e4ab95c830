using ModuleController.Core.Agents;
using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Caches;

namespace ModuleController.ControlPlane.Observing;

/// <summary>All that reconcilers read of the API server, and the indexes by which they find it.</summary>
public sealed class Caches
{
    /// <summary>Modules: <c>namespace/pod</c> that they are bound to.</summary>
    public const string ByPod = "pod";

    /// <summary>Modules and ModuleReplicaSets: the controlling owner's UID.</summary>
    public const string ByOwner = "owner";

    /// <summary>Modules, ModuleReplicaSets, ModuleDeployments and HorizontalPodAutoscalers: <c>namespace/base Deployment</c>.</summary>
    public const string ByBase = "base";

    /// <summary>Pods and apps/v1 ReplicaSets: the controlling owner's UID.</summary>
    public const string ByController = "controller";

    /// <summary>Pods whose readiness gate is closed: their namespace.</summary>
    public const string ByClosedGate = "closed-gate";

    /// <summary>Pods on the host network: their node's address.</summary>
    public const string ByHostAddress = "host-address";

    /// <summary>Modules without a controlling owner: <c>namespace/label of their ModuleDeployment</c>.</summary>
    public const string ByOrphan = "orphan";

    /// <summary>EndpointSlices: <c>namespace/service</c>.</summary>
    public const string ByService = "service";

    /// <summary>ModuleDeployments, Modules, and Deployments and pods that are marked as a base's: their namespace.</summary>
    public const string ByNamespace = "namespace";

    private const string ServiceNameLabel = "kubernetes.io/service-name";

    /// <param name="ns">The one namespace to watch; null: all of them.</param>
    public Caches(InformerFactory informers, string? ns = null)
    {
        Deployments = informers.Of<Deployment>(new() { Namespace = ns })
            .Indexed(ByNamespace, deployment => BaseNamespaces.IsMarked(deployment) ? deployment.Metadata.Namespace : null);
        ReplicaSets = informers.Of<ReplicaSet>(new() { Namespace = ns }).Indexed(ByController, Controller);
        Pods = informers.Of<Pod>(new() { Namespace = ns })
            .Indexed(ByController, Controller)
            .Indexed(ByClosedGate, pod => ModulesGate.IsClosed(pod) ? pod.Metadata.Namespace : null)
            .Indexed(ByHostAddress, SharedArklet.AddressOf)
            .Indexed(ByNamespace, pod => BaseNamespaces.IsMarked(pod) ? pod.Metadata.Namespace : null);
        Autoscalers = informers.Of<HorizontalPodAutoscaler>(new() { Namespace = ns })
            .Indexed(ByBase, autoscaler => autoscaler.Spec.ScaleTargetRef is { Kind: "Deployment" } target
                ? InNamespace(autoscaler, target.Name) : null);
        Nodes = informers.Of<Node>();
        Namespaces = informers.Of<Namespace>();
        Services = informers.Of<Service>(new() { Namespace = ns });
        EndpointSlices = informers.Of<EndpointSlice>(new() { Namespace = ns })
            .Indexed(ByService, slice => InNamespace(slice, slice.Metadata.Labels.GetValueOrDefault(ServiceNameLabel)));
        ModuleDeployments = informers.Of<ModuleDeployment>(new() { Namespace = ns })
            .Indexed(ByBase, deployment => InNamespace(deployment, deployment.Spec.BaseDeploymentName))
            .Indexed(ByNamespace, deployment => deployment.Metadata.Namespace);
        ModuleReplicaSets = informers.Of<ModuleReplicaSet>(new() { Namespace = ns })
            .Indexed(ByOwner, Controller)
            .Indexed(ByBase, replicaSet => InNamespace(replicaSet, BaseLabel(replicaSet)));
        Modules = informers.Of<Module>(new() { Namespace = ns })
            .Indexed(ByPod, module => InNamespace(module, module.Spec.PodName))
            .Indexed(ByOwner, Controller)
            .Indexed(ByBase, module => InNamespace(module, BaseLabel(module)))
            .Indexed(ByNamespace, module => module.Metadata.Namespace)
            .Indexed(ByOrphan, module => OrphanedModules.IsOrphaned(module)
                ? InNamespace(module, module.Metadata.Labels.GetValueOrDefault(Labels.ModuleDeployment))
                : null);
    }

    public Informer<Deployment> Deployments { get; }

    public Informer<ReplicaSet> ReplicaSets { get; }

    public Informer<Pod> Pods { get; }

    public Informer<HorizontalPodAutoscaler> Autoscalers { get; }

    public Informer<Node> Nodes { get; }

    public Informer<Namespace> Namespaces { get; }

    public Informer<Service> Services { get; }

    public Informer<EndpointSlice> EndpointSlices { get; }

    public Informer<ModuleDeployment> ModuleDeployments { get; }

    public Informer<ModuleReplicaSet> ModuleReplicaSets { get; }

    public Informer<Module> Modules { get; }

    private static string? Controller<T>(T resource) where T : IResource => resource.Metadata.Controller?.Uid;

    private static string? BaseLabel<T>(T resource) where T : IResource =>
        resource.Metadata.Labels.GetValueOrDefault(Labels.DeploymentName);

    private static string? InNamespace<T>(T resource, string? name) where T : IResource =>
        string.IsNullOrEmpty(name) ? null : $"{resource.Metadata.Namespace}/{name}";
}
