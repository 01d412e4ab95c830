using System.Globalization;
using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Placement;

/// <summary>What is observed of one base pod.</summary>
public sealed record ObservedPod(Pod Pod, Node? Node, BaseView? View)
{
    public bool IsNewest { get; init; } = true;

    /// <summary>An install found no Metaspace left in this base life.</summary>
    public bool IsOutOfMetaspace { get; init; }

    /// <summary>Its base is missing, or has not adopted its ReplicaSet yet.</summary>
    public bool IsOrphaned { get; init; }

    /// <summary>Why it has no agent; null: it has one.</summary>
    public string? MissingAgent { get; init; }

    /// <summary>When the base's containers were first observed unready. Kubernetes keeps no such time: the condition ContainersReady
    /// includes the agent.</summary>
    public DateTimeOffset? UnreadySince { get; init; }

    /// <summary>Its namespace has an artifact policy.</summary>
    public bool HasArtifactPolicy { get; init; }

    /// <summary>Since when agents can connect to this controller.</summary>
    public DateTimeOffset AcceptingSince { get; init; }
}

/// <summary>Assesses base pods: which take new Modules, which are the last choice, and whose Modules are evicted.</summary>
public static class PodAssessment
{
    private const string ZoneLabel = "topology.kubernetes.io/zone";
    private const string DisruptionTarget = "DisruptionTarget";

    /// <summary>Neither terminating nor finished, and without the label <c>delete-pod</c>.</summary>
    public static bool IsActive(Pod pod) =>
        !pod.Metadata.IsDeleting && pod.Status.Phase is not ("Succeeded" or "Failed") && !PodDeletion.IsRequested(pod);

    public static CandidatePod Of(ObservedPod observed, TimeSpan grace, DateTimeOffset now)
    {
        var (pod, node, view) = (observed.Pod, observed.Node, observed.View);
        // Without its base no other pod would replace it.
        var isPastGrace = !observed.IsOrphaned && NotReadySince(observed, now) is { } since && now - since >= grace;
        var cost = pod.Metadata.Annotations.GetValueOrDefault(Annotations.PodDeletionCost);
        return new()
        {
            Name = pod.Metadata.Name,
            Uid = pod.Metadata.Uid!,
            Ip = pod.Status.PodIp,
            Refusal = Refusal(observed),
            IsCurrent = view is { IsCurrent: true },
            CanFetch = view is { CanFetch: true },
            EnforcesPolicy = EnforcesPolicy(observed),
            Staged = view?.Staged.ToHashSet() ?? [],
            IsOutOfMetaspace = IsOutOfMetaspace(observed),
            IsPastGrace = isPastGrace,
            IsOrphaned = observed.IsOrphaned,
            IsStarting = !isPastGrace && !observed.IsOrphaned
                && (!IsReady(pod) || (SilentSince(observed, now) is { } silence && now - silence < grace)),
            IsMarked = SurgePodPlanner.IsMark(cost),
            CreatedAt = pod.Metadata.CreationTimestamp,
            IsReady = pod.Status.Conditions.IsTrue("Ready"),
            HasUserCost = cost is not null && !SurgePodPlanner.IsMark(cost),
            IsDisrupted = node is { Spec.Unschedulable: true } || NodeNotReadySince(node) is not null
                || pod.Status.Conditions.IsTrue(DisruptionTarget),
            IsNewest = observed.IsNewest,
            Domain = node?.Metadata.Labels.GetValueOrDefault(ZoneLabel) ?? "",
            Headroom = view?.Jvm is { MaxMetaspace: > 0 } jvm ? Math.Max(0, jvm.MaxMetaspace - jvm.CommittedMetaspace) : 0,
            MaxModules = int.TryParse(pod.Metadata.Labels.GetValueOrDefault(Labels.MaxModuleCount), NumberStyles.None,
                CultureInfo.InvariantCulture, out var max) ? max : null,
        };
    }

    /// <summary>The next time at which the grace time of an unready or silent pod ends.</summary>
    public static DateTimeOffset? EvictionAt(ObservedPod observed, TimeSpan grace, DateTimeOffset now) =>
        new[] { NotReadySince(observed, now) + grace, SilentSince(observed, now) + grace }.Where(at => at > now).Min();

    private static string? Refusal(ObservedPod observed) => observed switch
    {
        { IsOrphaned: true } => "is orphaned: its base Deployment does not exist or has not adopted its ReplicaSet",
        { Pod: var pod } when !IsReady(pod) => "is not Ready",
        { View: null, MissingAgent: { } reason } => $"has no agent: {reason}",
        { View: null or { IsConnected: false } } => "has no agent connected",
        { View.Shared: { } shared } => shared.Refusal,
        { View: { IsCurrent: false, State: BaseState.WithoutFigures } } => "has an Arklet whose health says nothing about the JVM",
        { View.IsCurrent: false } => "has an Arklet that does not answer",
        _ when !EnforcesPolicy(observed) => "has an agent of an older version that does not enforce the artifact policy",
        { View.IsFenced: true } => "has an agent that gets no commands (Fenced)",
        { View: { NeedsRestart: true, HasStuck: true } } => "needs a restart: a module is stuck there",
        { View.NeedsRestart: true } => "needs a restart: Arklet rejects the uninstall of a module there",
        _ when IsOutOfMetaspace(observed) => "is out of Metaspace",
        { Pod.Metadata.Annotations: var annotations }
            when SurgePodPlanner.IsMark(annotations.GetValueOrDefault(Annotations.PodDeletionCost)) => "is about to be removed",
        _ => null,
    };

    private static bool EnforcesPolicy(ObservedPod observed) =>
        !observed.HasArtifactPolicy || observed.View is null or { EnforcesPolicy: true };

    private static bool IsOutOfMetaspace(ObservedPod observed) => observed.IsOutOfMetaspace || observed.View is { IsOutOfMetaspace: true };

    /// <summary>The base's containers are Ready. Readiness gates and the agent do not count.</summary>
    public static bool IsReady(Pod pod)
    {
        var containers = pod.Status.ContainerStatuses.Where(BaseContainers.Includes).ToList();
        return containers.Count > 0 ? containers.TrueForAll(container => container.Ready) : pod.Status.Conditions.IsTrue("ContainersReady");
    }

    private static DateTimeOffset? NotReadySince(ObservedPod observed, DateTimeOffset now)
    {
        DateTimeOffset? ofPod = IsReady(observed.Pod) ? null : observed.UnreadySince ?? now;
        var ofNode = NodeNotReadySince(observed.Node);
        return ofPod is null || ofNode < ofPod ? ofNode ?? ofPod : ofPod;
    }

    // Its containers are Ready, but it is unknown what runs there: the agent or Arklet does not answer. A new leader has not heard
    // of any agent yet, so the time starts again.
    private static DateTimeOffset? SilentSince(ObservedPod observed, DateTimeOffset now)
    {
        var (pod, view) = (observed.Pod, observed.View);
        if (!IsReady(pod) || view is { IsCurrent: true } or { Shared: not null }) return null;
        var heard = view switch
        {
            null => observed.AcceptingSince < now ? observed.AcceptingSince : now,
            { IsConnected: true, UnansweredSince: { } since } => since,
            _ => view.LastMessageAt,
        };
        // While the agent's container is unready, the condition says nothing about the base.
        var ready = pod.Status.Conditions.Find("ContainersReady") is { Status: Condition.True, LastTransitionTime: { } at }
            ? at
            : pod.Metadata.CreationTimestamp;
        return ready > heard ? ready : heard;
    }

    private static DateTimeOffset? NodeNotReadySince(Node? node) =>
        node?.Status.Conditions.Find("Ready") is { Status: not Condition.True } condition ? condition.LastTransitionTime : null;
}
