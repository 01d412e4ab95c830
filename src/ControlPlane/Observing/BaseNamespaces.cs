using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Builtin;
using ModuleController.Core.Injection;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;

namespace ModuleController.ControlPlane.Observing;

/// <summary>Which namespaces have a base, and so agents.</summary>
public static class BaseNamespaces
{
    /// <summary>It has our readiness gate or label, or requests the injection of an agent.</summary>
    public static bool IsMarked(Pod? pod) => pod is not null
        && (ModulesGate.IsOn(pod) || pod.Metadata.Labels.ContainsKey(Labels.ModuleInstanceCount) || RequestsAgent(pod.Metadata));

    /// <summary>Its pods request the injection of an agent. They need the authorities when they start.</summary>
    public static bool IsMarked(Deployment? deployment) => deployment is not null && RequestsAgent(deployment.Spec.Template.Metadata);

    /// <summary>A ModuleDeployment names a base, a Module exists, or a Deployment or a pod is marked as a base's.</summary>
    public static bool HasBase(Caches caches, string ns) =>
        caches.ModuleDeployments.ByIndex(Caches.ByNamespace, ns).Count > 0
        || caches.Modules.ByIndex(Caches.ByNamespace, ns).Count > 0
        || caches.Deployments.ByIndex(Caches.ByNamespace, ns).Count > 0
        || caches.Pods.ByIndex(Caches.ByNamespace, ns).Count > 0;

    private static bool RequestsAgent(ObjectMeta pod) => pod.Labels.GetValueOrDefault(InjectionKeys.Inject) switch
    {
        "true" => true,
        "false" => false,
        _ => pod.Labels.ContainsKey(InjectionKeys.Base),
    };
}
