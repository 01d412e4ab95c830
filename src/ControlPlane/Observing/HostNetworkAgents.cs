using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Observing;

/// <summary>The agents, with whose base each of them reaches. Only pods on the host network can reach another pod's.</summary>
/// <remarks>A change of a pod on the host network, or of its agent, is also one of the other pods of its node that have an agent.</remarks>
public sealed class HostNetworkAgents(Caches caches, IAgentDirectory agents) : IAgentDirectory
{
    public DateTimeOffset AcceptingSince => agents.AcceptingSince;

    public int Connected => agents.Connected;

    public long Changes => agents.Changes;

    public BaseView? Find(ObjectKey pod, string podUid)
    {
        if (agents.Find(pod, podUid) is not { } view) return null;
        if (caches.Pods.Get(pod) is not { } found || found.Metadata.Uid != podUid
            || SharedArklet.AddressOf(found) is not { } address) return view;
        return SharedArklet.Of(found, view, Neighbors(pod, address)) is { } shared ? view with { Shared = shared } : view;
    }

    public bool TrySend(ObjectKey pod, string podUid, ModuleCommand command) => agents.TrySend(pod, podUid, command);

    public IDisposable Subscribe(Action<ObjectKey> changed)
    {
        var ofAgents = agents.Subscribe(key =>
        {
            changed(key);
            if (caches.Pods.Get(key) is { } pod && SharedArklet.AddressOf(pod) is { } address) NotifyOthers(key, address, changed);
        });
        var ofPods = caches.Pods.Subscribe(change =>
        {
            if (AreSame(change.Before, change.After)) return;
            if (change.After is not null) changed(change.Key);
            foreach (var address in new[] { change.Before, change.After }.Select(pod => pod is null ? null : SharedArklet.AddressOf(pod))
                .Distinct())
                if (address is not null) NotifyOthers(change.Key, address, changed);
        });
        return new Subscriptions(ofAgents, ofPods);
    }

    private void NotifyOthers(ObjectKey key, string address, Action<ObjectKey> changed)
    {
        foreach (var (pod, _) in Neighbors(key, address)) changed(ObjectKey.Of(pod.Metadata));
    }

    private IEnumerable<(Pod Pod, BaseView View)> Neighbors(ObjectKey key, string address)
    {
        foreach (var pod in caches.Pods.ByIndex(Caches.ByHostAddress, address))
            if (ObjectKey.Of(pod.Metadata) is var other && other != key
                && agents.Find(other, pod.Metadata.Uid!) is { } view) yield return (pod, view);
    }

    // Pods with an address of their own have no neighbors: only that is compared.
    private static bool AreSame(Pod? before, Pod? after)
    {
        var (old, current) = (before is null ? null : SharedArklet.AddressOf(before), after is null ? null : SharedArklet.AddressOf(after));
        if (old is null && current is null) return true;
        return old == current && before!.Metadata.Uid == after!.Metadata.Uid
            && before.Status.ContainerStatuses.Select(Life).SequenceEqual(after.Status.ContainerStatuses.Select(Life));
    }

    private static (string Name, ContainerState? State, ContainerState? LastState) Life(ContainerStatus container) =>
        (container.Name, container.State, container.LastState);

    private sealed class Subscriptions(IDisposable first, IDisposable second) : IDisposable
    {
        public void Dispose()
        {
            first.Dispose();
            second.Dispose();
        }
    }
}
