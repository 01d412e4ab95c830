using System.Globalization;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Agents;

/// <summary>Why the Arklet that a pod's agent reaches is not, or not surely, that of the pod's own base.</summary>
/// <remarks>
/// Pods on the host network of a node share its ports. A base whose port is taken listens on another one or not at all, and its
/// agent reaches the base that has the port.
/// </remarks>
public sealed record SharedArklet
{
    /// <summary>A container this much later than the JVM may still be its own: the agent measures the start, the kubelet notes it
    /// afterwards.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(1);

    /// <summary>Containers that started this close together don't show whose JVM has the port: Kubernetes keeps whole seconds, and a
    /// JVM starts some time after its container.</summary>
    public static readonly TimeSpan Apart = TimeSpan.FromSeconds(2);

    /// <summary>So long after a base container's end its agent may still report the life that it had.</summary>
    public static readonly TimeSpan Settles = TimeSpan.FromSeconds(10);

    /// <summary>The pod whose base has the port, or may have it; null: none that is known.</summary>
    public ObjectKey? Other { get; init; }

    /// <summary>From when on the base life counts as another's; null: it can't be decided whose it is.</summary>
    public DateTimeOffset? HoldsFrom { get; init; }

    /// <summary>What happened and what to do.</summary>
    public required string Message { get; init; }

    /// <summary>Why the pod takes no new Module.</summary>
    public string Refusal => (Other, HoldsFrom) switch
    {
        (null, _) => "reaches the Arklet of another base on the host network",
        (_, null) => $"may reach the Arklet of pod {Other} on the host network",
        _ => $"reaches the Arklet of pod {Other} on the host network",
    };

    /// <summary>The node's address, which all its pods on the host network share; null: the pod has an address of its own, or none
    /// yet.</summary>
    public static string? AddressOf(Pod pod) => pod.Spec.HostNetwork && pod.Status.PodIp is { Length: > 0 } address ? address : null;

    /// <summary>
    /// A base JVM starts with its container, so a container that started after it is not its own, and of several the last one before
    /// it is. Nothing follows from a pod whose containers the kubelet has not reported.
    /// </summary>
    /// <param name="pod">A pod on the host network.</param>
    /// <param name="view">What its agent reports.</param>
    /// <param name="neighbors">The other pods of the same address that have an agent.</param>
    /// <returns>Null: the base life is the pod's own as far as is known, or there is none.</returns>
    public static SharedArklet? Of(Pod pod, BaseView view, IEnumerable<(Pod Pod, BaseView View)> neighbors)
    {
        if (view is not { IsConnected: true, State: BaseState.Up, Life: { } life } || AddressOf(pod) is not { } address) return null;
        var containers = pod.Status.ContainerStatuses.Where(BaseContainers.Includes).ToList();
        if (containers.Count == 0) return null;
        var rivals = neighbors
            .Where(item => AddressOf(item.Pod) == address && ReachSameArklet(view, item.View))
            .Select(item => (Key: ObjectKey.Of(item.Pod.Metadata), Start: LastStart(item.Pod, life)))
            .Where(item => item.Start is not null)
            .OrderByDescending(item => item.Start).ThenBy(item => item.Key)
            .ToList();
        ObjectKey? other = rivals.Count == 0 ? null : rivals[0].Key;
        var self = ObjectKey.Of(pod.Metadata);
        if (LastStart(pod, life) is not { } start)
        {
            var why = containers.Exists(container => container.State?.Running is not null)
                ? string.Create(CultureInfo.InvariantCulture,
                    $", whose JVM started at {life.StartedAt:HH:mm:ss} UTC, before the base container of this pod")
                : ", since no base container of this pod is running";
            return Foreign(self, view, other, other is null ? why : "", containers.Max(container => ForeignFrom(pod, container, life)));
        }

        if (rivals.Count == 0 || start - rivals[0].Start > Apart) return null;
        return rivals[0].Start - start > Apart
            ? Foreign(self, view, other, "", rivals[0].Start + Settles)
            : new()
            {
                Other = other,
                Message = $"pods {self} and {other} reach the same Arklet (host network{Port(view)}), and its owner is unknown: their base "
                    + "containers started at nearly the same time. No module is changed on either pod. "
                    + "Give one of them a free port of the node: koupleless.arklet.http.port (base) and ARKLET_PORT (agent)",
            };
    }

    private static SharedArklet Foreign(ObjectKey self, BaseView view, ObjectKey? other, string why, DateTimeOffset? holdsFrom) => new()
    {
        Other = other,
        HoldsFrom = holdsFrom,
        Message = $"the agent of pod {self} reaches the Arklet of {(other is null ? "another base" : $"pod {other}")} "
            + $"(host network{Port(view)}){why}, so nothing is installed. "
            + "Give this pod a free port of its node: koupleless.arklet.http.port (base) and ARKLET_PORT (agent)",
    };

    private static string Port(BaseView view) =>
        view.ArkletPort is { } port ? string.Create(CultureInfo.InvariantCulture, $", port {port}") : "";

    // Two agents of one address and port reach one listener. Agents that don't report a port are compared by the life.
    private static bool ReachSameArklet(BaseView one, BaseView other) => one.ArkletPort is { } port && other.ArkletPort is { } second
        ? port == second
        : other.Life is { } life && life.Id == one.Life!.Id;

    /// <summary>The last start of a base container that may be the JVM's own; null: none may.</summary>
    private static DateTimeOffset? LastStart(Pod pod, BaseLife life) => pod.Status.ContainerStatuses
        .Where(BaseContainers.Includes).Select(container => container.State?.Running?.StartedAt)
        .Where(start => start <= life.StartedAt + Tolerance).Max();

    // A container's own life before this one may still be reported for a while; one that started after this life as well had none of it.
    private static DateTimeOffset? ForeignFrom(Pod pod, ContainerStatus container, BaseLife life)
    {
        if ((container.State?.Terminated ?? container.LastState?.Terminated) is { } ended)
            return ended.StartedAt > life.StartedAt + Tolerance ? life.StartedAt : ended.FinishedAt + Settles;
        // The agent may observe that a base answers before the kubelet has reported its first start.
        return container.State?.Running is null ? pod.Metadata.CreationTimestamp + Settles : life.StartedAt;
    }
}
