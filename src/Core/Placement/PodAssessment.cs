using System.Globalization;
using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>What is observed of one base pod, before it is judged.</summary>
public sealed record ObservedPod(Pod Pod, Node? Node, BaseView? View)
{
    public bool IsNewest { get; init; } = true;

    /// <summary>An install found no Metaspace left in this base life.</summary>
    public bool IsOutOfMetaspace { get; init; }

    /// <summary>Its base is missing, or has not taken its ReplicaSet yet.</summary>
    public bool IsOrphaned { get; init; }

    /// <summary>Since when its containers were observed unready, without the agent's. Kubernetes keeps no such time: the condition
    /// ContainersReady counts the agent, too.</summary>
    public DateTimeOffset? UnreadySince { get; init; }

    /// <summary>Since when agents could have said that they are there.</summary>
    public DateTimeOffset AcceptingSince { get; init; }
}

/// <summary>Judges base pods: who takes new Modules, who comes last, whose Modules have to move.</summary>
public static class PodAssessment
{
    private const string ZoneLabel = "topology.kubernetes.io/zone";
    private const string DisruptionTarget = "DisruptionTarget";

    /// <summary>Neither terminating nor finished, nor asked by label to go.</summary>
    public static bool IsActive(Pod pod) =>
        !pod.Metadata.IsDeleting && pod.Status.Phase is not ("Succeeded" or "Failed") && !PodDeletion.IsRequested(pod);

    public static CandidatePod Of(ObservedPod observed, TimeSpan grace, DateTimeOffset now)
    {
        var (pod, node, view) = (observed.Pod, observed.Node, observed.View);
        // While its base is missing, nothing takes the place of what is taken away.
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
            Staged = view?.Staged.ToHashSet() ?? [],
            IsOutOfMetaspace = IsOutOfMetaspace(observed),
            IsPastGrace = isPastGrace,
            IsOrphaned = observed.IsOrphaned,
            IsStarting = !isPastGrace && !observed.IsOrphaned && (!IsReady(pod) || (SilentSince(observed, now) is { } silence && now - silence < grace)),
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

    /// <summary>When this pod will have been not Ready, or silent, for too long; null: it is neither, or already was so for too long.</summary>
    public static DateTimeOffset? EvictionAt(ObservedPod observed, TimeSpan grace, DateTimeOffset now) =>
        new[] { NotReadySince(observed, now) + grace, SilentSince(observed, now) + grace }.Where(at => at > now).Min();

    private static string? Refusal(ObservedPod observed) => observed switch
    {
        { IsOrphaned: true } => "does not belong to the base for the time being",
        { Pod: var pod } when !IsReady(pod) => "is not Ready",
        { View: null or { IsConnected: false } } => "has no agent connected",
        { View.Shared: { } shared } => shared.Refusal,
        { View: { IsCurrent: false, State: BaseState.WithoutFigures } } => "has an Arklet whose health lacks the JVM's figures",
        { View.IsCurrent: false } => "has an Arklet that does not answer",
        { View.IsFenced: true } => "has an agent that gets no commands (Fenced)",
        { View: { NeedsRestart: true, HasStuck: true } } => "needs a restart: a module is stuck there",
        { View.NeedsRestart: true } => "needs a restart: Arklet rejects the uninstall of a module there",
        _ when IsOutOfMetaspace(observed) => "is out of Metaspace",
        { Pod: var pod } when SurgePodPlanner.IsMark(pod.Metadata.Annotations.GetValueOrDefault(Annotations.PodDeletionCost)) => "is about to be removed",
        _ => null,
    };

    private static bool IsOutOfMetaspace(ObservedPod observed) => observed.IsOutOfMetaspace || observed.View is { IsOutOfMetaspace: true };

    /// <summary>Its containers are Ready; no readiness gate counts, nor the agent.</summary>
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

    // Its containers are Ready, and nobody says what runs there: an agent that is dead or was never there, or an Arklet that is.
    // A leader that begins has heard of nobody yet, so the time begins anew with it.
    private static DateTimeOffset? SilentSince(ObservedPod observed, DateTimeOffset now)
    {
        var (pod, view) = (observed.Pod, observed.View);
        if (!IsReady(pod) || view is { IsCurrent: true } or { Shared: not null }) return null;
        var heard = view switch
        {
            null => observed.AcceptingSince < now ? observed.AcceptingSince : now,
            { IsConnected: true, UnansweredSince: { } since } => since,
            _ => view.LastHeard,
        };
        // Where the agent's container is not Ready either, the condition tells of that one.
        var ready = pod.Status.Conditions.Find("ContainersReady") is { Status: Condition.True, LastTransitionTime: { } at } ? at : pod.Metadata.CreationTimestamp;
        return ready > heard ? ready : heard;
    }

    private static DateTimeOffset? NodeNotReadySince(Node? node) =>
        node?.Status.Conditions.Find("Ready") is { Status: not Condition.True } condition ? condition.LastTransitionTime : null;
}
