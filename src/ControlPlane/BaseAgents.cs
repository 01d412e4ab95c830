using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Planning;

namespace ModuleController.ControlPlane;

/// <summary>Whether the agents of a base are there. Remembers nothing: it is in what each of them said last.</summary>
public sealed class BaseAgents(Caches caches, IAgentDirectory agents, ControlPlaneOptions options)
{
    private readonly AgentOutageRule _rule = new(
        options.Agents.HeartbeatInterval > AgentOutageRule.Default.AtOnce ? options.Agents.HeartbeatInterval : AgentOutageRule.Default.AtOnce,
        options.AgentOutageHold);

    /// <summary>Null: no more than a few of them are gone, or they are for long.</summary>
    public AgentOutage? OutageOf(Deployment deployment, DateTimeOffset now) =>
        AgentOutage.Of([.. BasePods.Of(caches, deployment).Select(item => item.Pod).Where(PlacementPods.IsReady).SelectMany(PresenceOf)], _rule, now);

    /// <summary>How many bases have their modules left alone for that.</summary>
    public int Held(DateTimeOffset now) => caches.ModuleDeployments.List()
        .Select(deployment => new ObjectKey(deployment.Metadata.Namespace!, deployment.Spec.BaseDeploymentName)).Distinct()
        .Count(key => caches.Deployments.Get(key) is { } found && OutageOf(found, now) is not null);

    // One that was never heard since this process leads had an agent if a module serves there: it is gone since it could have come.
    private IEnumerable<AgentPresence> PresenceOf(Pod pod)
    {
        var key = ObjectKey.Of(pod.Metadata);
        if (agents.Find(key, pod.Metadata.Uid!) is { } view) yield return new(view.IsConnected ? null : view.LastHeard);
        else if (caches.Modules.ByIndex(Caches.ByPod, key.ToString()).Any(module => module.IsAvailable && module.Spec.PodUid == pod.Metadata.Uid))
            yield return new(agents.AcceptingSince);
    }
}
