using ModuleController.Core.Builtin;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>Pods that share the address of their node.</summary>
internal static class HostNetworkPods
{
    public const string Address = "10.0.0.7";

    public static Pod Of(string name, DateTimeOffset startedAt) => Of(
        new Pod
        {
            Metadata = new() { Name = name, Namespace = "shop", Uid = $"uid-{name}", CreationTimestamp = startedAt },
            Status = new() { Phase = "Running" }
        },
        startedAt);

    public static Pod Of(Pod pod, DateTimeOffset startedAt) =>
        With(pod, new() { Name = "base", Ready = true, State = new() { Running = new(startedAt) } });

    /// <summary>The agent's own container started long after: it says nothing.</summary>
    public static Pod With(Pod pod, ContainerStatus container) => pod with
    {
        Spec = pod.Spec with { HostNetwork = true },
        Status = pod.Status with
        {
            PodIp = Address,
            ContainerStatuses =
                [container, new() { Name = "agent", Ready = true, State = new() { Running = new(World.Start.AddHours(1)) } }],
        },
    };
}
