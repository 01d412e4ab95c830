using System.Collections.Concurrent;
using ModuleController.ControlPlane.Observing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Controllers;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>What triggers the reconcilers of ModuleDeployments, ModuleReplicaSets and placement.</summary>
public static class ModuleReconcilers
{
    public static void Add(Manager manager, ReconcilerParts parts, RejectedWrites rejections)
    {
        var baseAgents = new BaseAgents(parts.Caches, parts.Agents, parts.Options);
        AddDeployments(manager, parts, baseAgents, rejections);
        AddReplicaSets(manager, parts, rejections);
        AddPlacement(manager, parts, baseAgents, rejections);
    }

    private static void AddDeployments(Manager manager, ReconcilerParts parts, BaseAgents baseAgents, RejectedWrites rejections)
    {
        var (caches, tracker) = (parts.Caches, new WriteTracker(parts.Informers, parts.Time));
        var reconciler = new ModuleDeploymentReconciler(
            caches, parts.Client, parts.Agents, baseAgents, parts.Events, tracker, rejections, parts.Options.ArtifactPolicies,
            parts.OwnNamespace, hasWebhooks: parts.Options.WebhookPort is not null, parts.Time,
            parts.Loggers.CreateLogger<ModuleDeploymentReconciler>());
        manager.Reconcile(reconciler)
            .Owns<ModuleReplicaSet>()
            .Owns<Service>()
            .Reads<Node>()
            .Watches<Module>(module => DeploymentOf(caches, module))
            .WatchesChanges<Deployment>(change => IsOnlyUpdate(change) ? [] : OnBase(caches, change.Key).Select(Key))
            .WatchesChanges<Pod>(change => SymmetricOn(caches, change))
            // A recreated base adopts its pods with their ReplicaSet.
            .WatchesChanges<ReplicaSet>(change => SymmetricOn(caches, change))
            // An older one of the same module may have made room, or taken it.
            .WatchesChanges<ModuleDeployment>(change => IsOnlyUpdate(change) ? [] : Siblings(caches, (change.After ?? change.Before)!))
            .WatchesChanges<Namespace>(change => OfNamespace(caches, change, parts.OwnNamespace))
            .Watches(trigger => parts.Agents.Subscribe(_ =>
            {
                foreach (var key in reconciler.AwaitingAgents) trigger(key);
            }))
            .Watches(trigger => rejections.Subscribe((key, message) =>
            {
                if (message is not null && caches.ModuleDeployments.Get(key) is { } rejected)
                    parts.Events.Record(rejected, EventRecorder.Warning, Reasons.WriteRejected, message);
                trigger(key);
            }))
            .Tracks(tracker).Workers(8);
    }

    private static void AddReplicaSets(Manager manager, ReconcilerParts parts, RejectedWrites rejections)
    {
        var tracker = new WriteTracker(parts.Informers, parts.Time);
        manager.Reconcile(new ModuleReplicaSetReconciler(
                parts.Caches, parts.Client, tracker, rejections, parts.Time, parts.Loggers.CreateLogger<ModuleReplicaSetReconciler>()))
            .Owns<Module>().Tracks(tracker).Workers(4);
    }

    private static void AddPlacement(Manager manager, ReconcilerParts parts, BaseAgents baseAgents, RejectedWrites rejections)
    {
        var (caches, tracker) = (parts.Caches, new WriteTracker(parts.Informers, parts.Time));
        var reconciler = new PlacementReconciler(
            caches, parts.Client, parts.Agents, baseAgents, parts.Events, tracker, rejections, parts.Options.ArtifactPolicies,
            parts.Injection, parts.Options.PodGrace, parts.Time, parts.Loggers.CreateLogger<PlacementReconciler>());
        var offers = new ConcurrentDictionary<ObjectKey, (bool, bool, bool, bool, bool, string?, string)>();
        manager.Reconcile(reconciler).Named("placement")
            .Watches<ModuleDeployment>(deployment => [BaseOf(deployment)])
            .Watches<ModuleReplicaSet>(replicaSet => BaseOf(caches, replicaSet.Metadata))
            .WatchesChanges<Module>(change => MattersToPlacement(change.Before) == MattersToPlacement(change.After)
                ? []
                : BaseOf(caches, (change.After ?? change.Before)!.Metadata))
            .WatchesChanges<Pod>(change =>
            {
                if (change.After is null) offers.TryRemove(change.Key, out _);
                return MattersToPlacement(change.Before) == MattersToPlacement(change.After)
                    ? [] : BaseOf(caches, (change.After ?? change.Before)!);
            })
            .Watches<HorizontalPodAutoscaler>(autoscaler => autoscaler.Spec.ScaleTargetRef
                is { Kind: "Deployment", Name: { Length: > 0 } name }
                ? [new(autoscaler.Metadata.Namespace!, name)]
                : [])
            .Watches<ReplicaSet>(replicaSet => BasePods.BaseOf(replicaSet) is { } key ? [key] : [])
            .WatchesChanges<Node>(change => MattersToPlacement(change.Before) == MattersToPlacement(change.After)
                ? []
                : caches.Pods.List().Where(pod => pod.Spec.NodeName == change.Key.Name).SelectMany(pod => BaseOf(caches, pod)).Distinct())
            .WatchesChanges<Namespace>(change => change.After is { Metadata.IsDeleting: true } ending
                ? caches.ModuleDeployments.List().Where(item => item.Metadata.Namespace == ending.Metadata.Name).Select(BaseOf).Distinct()
                : [])
            .Watches(trigger => parts.Agents.Subscribe(pod =>
            {
                if (caches.Pods.Get(pod) is not { } found)
                {
                    offers.TryRemove(pod, out _);
                    return;
                }

                var view = parts.Agents.Find(pod, found.Metadata.Uid!);
                var offer = (view is { IsCurrent: true }, view is { IsFenced: true }, view is { NeedsRestart: true },
                    view is { IsOutOfMetaspace: true }, view is { EnforcesPolicy: true }, view?.Shared?.Refusal,
                    string.Join(',', view?.Staged ?? []));
                // Only changes of eligibility and staged jars trigger Placement, not each install.
                if (offers.TryGetValue(pod, out var before) && before == offer) return;
                offers[pod] = offer;
                foreach (var key in BaseOf(caches, found)) trigger(key);
            }))
            .Tracks(tracker).Workers(4);
    }

    private static ObjectKey Key(ModuleDeployment deployment) => ObjectKey.Of(deployment.Metadata);

    private static ObjectKey BaseOf(ModuleDeployment deployment) => new(deployment.Metadata.Namespace!, deployment.Spec.BaseDeploymentName);

    /// <summary>If no Deployment has its ReplicaSet: the bases of its Modules.</summary>
    private static IEnumerable<ObjectKey> BaseOf(Caches caches, Pod pod) => BasePods.BaseOf(caches, pod) is { } key
        ? [key]
        : caches.Modules.ByIndex(Caches.ByPod, ObjectKey.Of(pod.Metadata).ToString()).SelectMany(module => BaseOf(caches, module.Metadata))
            .Distinct();

    /// <summary>From the label; where that is a hash, from the ModuleDeployments of the namespace.</summary>
    private static IEnumerable<ObjectKey> BaseOf(Caches caches, ObjectMeta meta)
    {
        if (meta.Labels.GetValueOrDefault(Labels.DeploymentName) is not { Length: > 0 } label) return [];
        return label.Length < 63
            ? [new(meta.Namespace!, label)]
            : caches.ModuleDeployments.List().Where(item => item.Metadata.Namespace == meta.Namespace
                && LabelValues.Of(item.Spec.BaseDeploymentName) == label).Select(BaseOf).Distinct();
    }

    private static IEnumerable<ObjectKey> DeploymentOf(Caches caches, Module module) => module.Metadata.Controller is null
        ? OnBase(caches, module)
            .Where(deployment =>
            LabelValues.Of(deployment.Metadata.Name) == module.Metadata.Labels.GetValueOrDefault(Labels.ModuleDeployment))
            .Select(Key)
        : OwnerOf(caches, module);

    private static IEnumerable<ModuleDeployment> OnBase(Caches caches, Module module) =>
        BaseOf(caches, module.Metadata).SelectMany(key => OnBase(caches, key));

    private static IEnumerable<ObjectKey> OwnerOf(Caches caches, Module module) =>
        module.Metadata.Controller is { } owner
        && caches.ModuleReplicaSets.Get(new(module.Metadata.Namespace!, owner.Name))?.Metadata.Controller is { } deployment
            ? [new(module.Metadata.Namespace!, deployment.Name)]
            : [];

    private static IReadOnlyCollection<ModuleDeployment> OnBase(Caches caches, ObjectKey key) =>
        caches.ModuleDeployments.ByIndex(Caches.ByBase, key.ToString());

    private static IEnumerable<ObjectKey> Siblings(Caches caches, ModuleDeployment deployment) =>
        OnBase(caches, BaseOf(deployment)).Select(Key);

    /// <summary>The ModuleDeployments of a namespace that terminates, is frozen or thawed. For our own namespace all of them: it can freeze
    /// everything.</summary>
    private static IEnumerable<ObjectKey> OfNamespace(Caches caches, ObjectChange<Namespace> change, string own)
    {
        if (MattersToReleases(change.Before) == MattersToReleases(change.After)) return [];
        return caches.ModuleDeployments.List()
            .Where(item => item.Metadata.Namespace == change.Key.Name || change.Key.Name == own).Select(Key);
    }

    private static (bool, string?, string?, string?)? MattersToReleases(Namespace? ns) => ns is null
        ? null
        : (ns.Metadata.IsDeleting, ns.Metadata.Annotations.GetValueOrDefault(Annotations.Freeze),
            ns.Metadata.Annotations.GetValueOrDefault(Annotations.FreezeAll),
            ns.Metadata.Annotations.GetValueOrDefault(Annotations.FreezeBy));

    private static IEnumerable<ObjectKey> SymmetricOn(Caches caches, ObjectChange<Pod> change)
    {
        if ((change.Before is { } before && PodAssessment.IsActive(before)) == (change.After is { } after && PodAssessment.IsActive(after)))
            return [];
        return BaseOf(caches, (change.After ?? change.Before)!).SelectMany(key => OnBase(caches, key))
            .Where(deployment => deployment.Spec.IsSymmetric).Select(Key);
    }

    private static IEnumerable<ObjectKey> SymmetricOn(Caches caches, ObjectChange<ReplicaSet> change)
    {
        if (change is { Before: { } before, After: { } after }
            && before.Metadata.Controller?.Uid == after.Metadata.Controller?.Uid) return [];
        return new[] { change.Before, change.After }.OfType<ReplicaSet>().Select(BasePods.BaseOf).OfType<ObjectKey>().Distinct()
            .SelectMany(key => OnBase(caches, key)).Where(deployment => deployment.Spec.IsSymmetric).Select(Key);
    }

    private static bool IsOnlyUpdate<T>(ObjectChange<T> change) where T : class, IResource =>
        change.Before is { } before && change.After is { } after && before.Metadata.Uid == after.Metadata.Uid
        && before.Metadata.IsDeleting == after.Metadata.IsDeleting;

    private static (string?, string?, bool, bool, bool, bool, string?, bool, string?, ModuleSource?)? MattersToPlacement(Module? module) =>
        module is null
        ? null
        : (module.Metadata.Uid, module.Metadata.Controller?.Uid, module.Metadata.IsDeleting, DeletionRequests.IsRequested(module),
            module.IsAvailable,
            module.Status.Status == ModulePhase.Failed, module.Spec.PodUid, module.Status.InstalledAt is not null,
            module.Status.LastError?.Reason, module.Spec.Module);

    private static (string?, bool, string?, string?, string?, string?, string, string)? MattersToPlacement(Pod? pod) => pod is null
        ? null
        : (pod.Metadata.Uid, PodAssessment.IsActive(pod), pod.Spec.NodeName, pod.Status.PodIp,
            pod.Metadata.Labels.GetValueOrDefault(Labels.MaxModuleCount),
            pod.Metadata.Annotations.GetValueOrDefault(Annotations.PodDeletionCost),
            string.Join(',', pod.Status.Conditions.Select(condition => $"{condition.Type}={condition.Status}")),
            string.Join(',', pod.Status.ContainerStatuses.Select(container => $"{container.Name}={container.Ready}")));

    private static (bool, string?, string?)? MattersToPlacement(Node? node) => node is null
        ? null
        : (node.Spec.Unschedulable == true, node.Status.Conditions.Find("Ready")?.Status,
            node.Metadata.Labels.GetValueOrDefault("topology.kubernetes.io/zone"));
}
