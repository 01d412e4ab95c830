using ModuleController.Core.Builtin;

namespace ModuleController.Core.Agents;

/// <summary>The containers of a base pod without the agent's, whose readiness follows the modules.</summary>
public static class BaseContainers
{
    private const string AgentContainer = "agent";

    /// <summary>Any container but the agent's may be the base's.</summary>
    public static bool Includes(ContainerStatus container) => container.Name != AgentContainer;

    /// <summary>The pod has an agent, as a native sidecar or as a container beside the base.</summary>
    public static bool HasAgent(Pod pod) =>
        pod.Spec.InitContainers.Concat(pod.Spec.Containers).Any(container => container.Name == AgentContainer);

    /// <summary>False also before the kubelet has reported the containers.</summary>
    public static bool IsAnyUnready(Pod pod) => pod.Status.ContainerStatuses.Any(container => Includes(container) && !container.Ready);
}
