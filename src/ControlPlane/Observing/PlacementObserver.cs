using System.Collections.Concurrent;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Injection;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;

namespace ModuleController.ControlPlane.Observing;

/// <summary>Observes all that decides about the Modules of one base.</summary>
internal sealed class PlacementObserver(
    Caches caches, IAgentDirectory agents, BaseAgents baseAgents, ArtifactPolicies policies, InjectionScope injection, TimeSpan podGrace)
{
    // By base and pod UID: base lives in which an install failed with MetaspaceFull. The failed Module itself is placed elsewhere.
    private readonly ConcurrentDictionary<ObjectKey, Dictionary<string, string>> _fullLives = new();
    private readonly UnreadyPods _unready = new();

    /// <summary>Null: no ModuleDeployment names the base, and it has no Modules.</summary>
    public PlacementState? Observe(ObjectKey key, DateTimeOffset now, out DateTimeOffset? requeueAt)
    {
        requeueAt = null;
        var label = $"{key.Namespace}/{LabelValues.Of(key.Name)}";
        var deployments = caches.ModuleDeployments.ByIndex(Caches.ByBase, key.ToString());
        var modules = caches.Modules.ByIndex(Caches.ByBase, label);
        if (deployments.Count == 0 && modules.Count == 0)
        {
            _fullLives.TryRemove(key, out _);
            _unready.Forget(key);
            baseAgents.Forget(key);
            return null;
        }

        var found = caches.Deployments.Get(key);
        var groups = Groups(deployments, label);
        var known = groups.SelectMany(group => group.Sets).Select(set => set.ReplicaSet.Metadata.Uid).ToHashSet();
        var pods = Pods(key, found, modules);
        var unready = _unready.Observe(key, pods.Select(pod => pod.Pod), now);
        pods = [.. pods.Select(pod =>
            pod with { UnreadySince = unready.TryGetValue(pod.Pod.Metadata.Uid!, out var since) ? since : null })];
        foreach (var pod in pods)
            if (PodAssessment.EvictionAt(pod, podGrace, now) is { } at && (requeueAt is null || at < requeueAt))
                requeueAt = at;
        var reportedAt = baseAgents.ReportedAt(now);
        if (now < reportedAt && (requeueAt is null || reportedAt < requeueAt)) requeueAt = reportedAt;
        DateTimeOffset? observeAgentsAt = null;
        var outage = found is null ? null : baseAgents.OutageOf(found, now, out observeAgentsAt);
        requeueAt = new[] { requeueAt, outage?.Until, observeAgentsAt }.Min();
        return new()
        {
            Pods = [.. pods.Select(pod => PodAssessment.Of(pod, podGrace, now))],
            Groups = groups,
            Base = found is null
                ? null
                : new(found, caches.Autoscalers.ByIndex(Caches.ByBase, key.ToString()).Select(item => item.Metadata.Name)
                    .Order(StringComparer.Ordinal).FirstOrDefault()),
            HasPodsBeingRemoved = found is not null && BasePods.HasBeingRemoved(caches, found),
            Strays = [.. modules.Where(module => !known.Contains(module.Metadata.Controller?.Uid))],
            IsCreationBlocked = found is null or { Metadata.IsDeleting: true }
                || caches.Namespaces.Get(new("", key.Namespace)) is { Metadata.IsDeleting: true },
            ArtifactPolicy = policies.Of(key.Namespace),
            HaveAgentsReported = now >= reportedAt,
            Outage = outage,
        };
    }

    private List<DeploymentGroup> Groups(IReadOnlyCollection<ModuleDeployment> deployments, string label)
    {
        List<DeploymentGroup> groups =
        [
            .. deployments.Select(deployment => new DeploymentGroup(deployment,
                [.. caches.ModuleReplicaSets.ByIndex(Caches.ByOwner, deployment.Metadata.Uid!).Select(Set)])
            {
                IsConflicting = ModuleConflicts.Of(deployment, deployments) is not null,
            }),
        ];
        // Orphaned on purpose (--cascade=orphan): each continues alone, as an apps/v1 ReplicaSet would.
        groups.AddRange(caches.ModuleReplicaSets.ByIndex(Caches.ByBase, label)
            .Where(replicaSet => replicaSet.Metadata.Controller is null)
            .Select(replicaSet => new DeploymentGroup(StandIn(replicaSet), [Set(replicaSet)])));
        return groups;
    }

    private ReplicaSetWithModules Set(ModuleReplicaSet replicaSet) =>
        new(replicaSet, [.. caches.Modules.ByIndex(Caches.ByOwner, replicaSet.Metadata.Uid!)]);

    private static ModuleDeployment StandIn(ModuleReplicaSet replicaSet) => new()
    {
        Metadata = new()
        {
            Name = replicaSet.Metadata.Name,
            Namespace = replicaSet.Metadata.Namespace,
            Uid = replicaSet.Metadata.Uid,
            CreationTimestamp = replicaSet.Metadata.CreationTimestamp,
        },
        Spec = new()
        {
            Replicas = replicaSet.Spec.Replicas,
            MinReadySeconds = replicaSet.Spec.MinReadySeconds,
            Template = replicaSet.Spec.Template,
            OperationStrategy = replicaSet.Spec.OperationStrategy ?? new(),
            SchedulingStrategy = replicaSet.Spec.SchedulingStrategy ?? new(),
        },
    };

    private List<ObservedPod> Pods(ObjectKey key, Deployment? found, IReadOnlyCollection<Module> modules)
    {
        var pods = found is null ? [] : BasePods.Of(caches, found);
        var own = pods.Select(item => item.Pod.Metadata.Uid!).ToHashSet();
        var orphaned = BasePods.Orphaned(caches, key, own, modules);
        own.UnionWith(orphaned.Select(pod => pod.Metadata.Uid!));
        var full = FullLives(key, own, modules);
        return
        [
            .. pods.Select(item => Observe(item.Pod, item.IsNewest, full)),
            .. orphaned.Select(pod => Observe(pod, isNewest: false, full) with { IsOrphaned = true }),
        ];
    }

    private Dictionary<string, string> FullLives(ObjectKey key, HashSet<string> pods, IReadOnlyCollection<Module> modules)
    {
        var full = _fullLives.GetValueOrDefault(key)?.Where(item => pods.Contains(item.Key)).ToDictionary() ?? [];
        foreach (var module in modules)
            if (module.Status is { LastError.Reason: nameof(FailureReason.MetaspaceFull), BaseLife: { } life }
                && module.Spec.PodUid is { } pod && pods.Contains(pod)) full[pod] = life;
        if (full.Count > 0) _fullLives[key] = full;
        else _fullLives.TryRemove(key, out _);
        return full;
    }

    private ObservedPod Observe(Pod pod, bool isNewest, Dictionary<string, string> fullLives)
    {
        var node = pod.Spec.NodeName is { } name ? caches.Nodes.Get(new("", name)) : null;
        var view = agents.Find(ObjectKey.Of(pod.Metadata), pod.Metadata.Uid!);
        var isFull = fullLives.TryGetValue(pod.Metadata.Uid!, out var life) && view?.Life?.Id is { } current && current == life;
        return new(pod, node, view)
        {
            IsNewest = isNewest,
            IsOutOfMetaspace = isFull,
            MissingAgent = MissingAgent.ReasonOf(pod, injection.Exclusion(pod.Metadata.Namespace!)),
            HasArtifactPolicy = !policies.Of(pod.Metadata.Namespace).IsNone,
            AcceptingSince = agents.AcceptingSince,
        };
    }
}
