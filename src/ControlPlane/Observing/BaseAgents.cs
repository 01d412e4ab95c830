using System.Collections.Concurrent;
using ModuleController.ControlPlane.Agents;
using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Placement;

namespace ModuleController.ControlPlane.Observing;

/// <summary>Finds outages of the agents of a base: most of them disconnected at once.</summary>
/// <remarks>Everything in memory can be computed again from the caches and the agents' views. While no agent connects or disconnects,
/// an outage is computed at most once a second for each base: each change of a Module requests it.</remarks>
public sealed class BaseAgents(Caches caches, IAgentDirectory agents, ControlPlaneOptions options)
{
    private static readonly TimeSpan KeepFor = TimeSpan.FromSeconds(1);

    private readonly AgentOutageRule _rule = new(
        options.Agents.HeartbeatInterval > AgentOutageRule.Default.AtOnce
            ? options.Agents.HeartbeatInterval : AgentOutageRule.Default.AtOnce,
        options.AgentOutageHold);

    private readonly ConcurrentDictionary<ObjectKey, Observation> _observations = new();

    /// <summary>The end of the time that agents have to connect. It begins now if the controller does not accept agents yet.</summary>
    public DateTimeOffset ReportedAt(DateTimeOffset now) =>
        (agents.AcceptingSince < now ? agents.AcceptingSince : now) + AgentPresence.TimeToReport;

    /// <summary>Null: no outage, or one that has lasted too long.</summary>
    /// <param name="deployment">The base.</param>
    /// <param name="now">The time.</param>
    /// <param name="requeueAt">When the result can be computed again; null: nothing has changed since it was.</param>
    public AgentOutage? OutageOf(Deployment deployment, DateTimeOffset now, out DateTimeOffset? requeueAt)
    {
        var key = ObjectKey.Of(deployment.Metadata);
        // Versions first: a change during the computation makes it outdated.
        var versions = new Versions(
            deployment.Metadata.Uid, agents.Changes, caches.Pods.ResourceVersion, caches.ReplicaSets.ResourceVersion);
        var haveReported = now >= ReportedAt(now);
        requeueAt = null;
        if (_observations.TryGetValue(key, out var last) && last.At <= now && now - last.At < KeepFor
            && last.Versions.BaseUid == versions.BaseUid && last.Versions.Agents == versions.Agents && last.HaveReported == haveReported)
        {
            if (last.Versions != versions) requeueAt = last.At + KeepFor;
            return last.Outage?.Until > now ? last.Outage : null;
        }

        var outage = Find(deployment, now);
        _observations[key] = new(now, versions, haveReported, outage);
        return outage;
    }

    /// <summary>The base has no modules any more.</summary>
    public void Forget(ObjectKey key) => _observations.TryRemove(key, out _);

    /// <summary>The number of bases with an outage.</summary>
    public int CountOutages(DateTimeOffset now) => caches.ModuleDeployments.List()
        .Select(deployment => new ObjectKey(deployment.Metadata.Namespace!, deployment.Spec.BaseDeploymentName)).Distinct()
        .Count(key => caches.Deployments.Get(key) is { } found && Find(found, now) is not null);

    private AgentOutage? Find(Deployment deployment, DateTimeOffset now) => AgentOutage.Of(
        [.. BasePods.In(caches, deployment).Where(PodAssessment.IsReady).SelectMany(pod => PresenceOf(pod, now))], _rule, now);

    // Without a view, a pod has an agent if a module serves there.
    private IEnumerable<AgentPresence> PresenceOf(Pod pod, DateTimeOffset now)
    {
        var key = ObjectKey.Of(pod.Metadata);
        if (agents.Find(key, pod.Metadata.Uid!) is { } view) yield return new(view.IsConnected ? null : view.LastMessageAt);
        else if (caches.Modules.ByIndex(Caches.ByPod, key.ToString())
            .Any(module => module.IsAvailable && module.Spec.PodUid == pod.Metadata.Uid))
            yield return AgentPresence.NeverConnected(agents.AcceptingSince, now);
    }

    private sealed record Versions(string? BaseUid, long Agents, string Pods, string ReplicaSets);

    private sealed record Observation(DateTimeOffset At, Versions Versions, bool HaveReported, AgentOutage? Outage);
}
