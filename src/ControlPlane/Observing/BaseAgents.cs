using System.Collections.Concurrent;
using ModuleController.ControlPlane.Agents;
using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Placement;

namespace ModuleController.ControlPlane.Observing;

/// <summary>Whether the agents of a base are there. What it keeps is in what each of them said last, too.</summary>
/// <remarks>While no agent comes or goes, a base is looked at once a second at most, for all its ModuleDeployments: each change
/// of a Module asks.</remarks>
public sealed class BaseAgents(Caches caches, IAgentDirectory agents, ControlPlaneOptions options)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly AgentOutageRule _rule = new(
        options.Agents.HeartbeatInterval > AgentOutageRule.Default.AtOnce
            ? options.Agents.HeartbeatInterval : AgentOutageRule.Default.AtOnce,
        options.AgentOutageHold);

    private readonly ConcurrentDictionary<ObjectKey, Look> _looks = new();

    /// <summary>When agents that are there have had the time to say so. A gate that is not open yet counts as opening now.</summary>
    public DateTimeOffset ReportedAt(DateTimeOffset now) =>
        (agents.AcceptingSince < now ? agents.AcceptingSince : now) + AgentPresence.TimeToReport;

    /// <summary>Null: no more than a few of them are gone, or they are for long.</summary>
    /// <param name="deployment">The base.</param>
    /// <param name="now">The time.</param>
    /// <param name="requeueAt">When a newer answer may be had, where something has changed since this one was found.</param>
    public AgentOutage? OutageOf(Deployment deployment, DateTimeOffset now, out DateTimeOffset? requeueAt)
    {
        var key = ObjectKey.Of(deployment.Metadata);
        // Versions first: what changes in between shows as a change.
        var seen = new Seen(deployment.Metadata.Uid, agents.Changes, caches.Pods.ResourceVersion, caches.ReplicaSets.ResourceVersion);
        requeueAt = null;
        if (_looks.TryGetValue(key, out var last) && last.At <= now && now - last.At < Fresh && last.Seen.Uid == seen.Uid
            && last.Seen.Agents == seen.Agents && last.HadReported == (now >= ReportedAt(now)))
        {
            if (last.Seen != seen) requeueAt = last.At + Fresh;
            return last.Outage?.Until > now ? last.Outage : null;
        }

        var outage = Find(deployment, now);
        _looks[key] = new(now, seen, now >= ReportedAt(now), outage);
        return outage;
    }

    /// <summary>No module asks about this base any more.</summary>
    public void Forget(ObjectKey key) => _looks.TryRemove(key, out _);

    /// <summary>How many bases have their modules left alone for that.</summary>
    public int Held(DateTimeOffset now) => caches.ModuleDeployments.List()
        .Select(deployment => new ObjectKey(deployment.Metadata.Namespace!, deployment.Spec.BaseDeploymentName)).Distinct()
        .Count(key => caches.Deployments.Get(key) is { } found && Find(found, now) is not null);

    private AgentOutage? Find(Deployment deployment, DateTimeOffset now) => AgentOutage.Of(
        [.. BasePods.In(caches, deployment).Where(PodAssessment.IsReady).SelectMany(pod => PresenceOf(pod, now))], _rule, now);

    // One that was never heard since this process leads had an agent if a module serves there.
    private IEnumerable<AgentPresence> PresenceOf(Pod pod, DateTimeOffset now)
    {
        var key = ObjectKey.Of(pod.Metadata);
        if (agents.Find(key, pod.Metadata.Uid!) is { } view) yield return new(view.IsConnected ? null : view.LastHeard);
        else if (caches.Modules.ByIndex(Caches.ByPod, key.ToString())
            .Any(module => module.IsAvailable && module.Spec.PodUid == pod.Metadata.Uid))
            yield return AgentPresence.NeverHeard(agents.AcceptingSince, now);
    }

    private sealed record Seen(string? Uid, long Agents, string Pods, string ReplicaSets);

    private sealed record Look(DateTimeOffset At, Seen Seen, bool HadReported, AgentOutage? Outage);
}
