using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;

namespace ModuleController.ControlPlane.Observing;

/// <summary>Observes all that decides about one base pod, with indexes only: the cost depends on its Modules, not on the cluster.</summary>
public sealed class BasePodObserver(Caches caches, IAgentDirectory agents, ArtifactPolicies policies, TimeSpan gateTimeout)
{
    public Pod? Find(ObjectKey key) => caches.Pods.Get(key);

    /// <summary>Null: nothing on this pod is or was ours.</summary>
    public BasePodState? Observe(ObjectKey key, Pod? pod, BasePodMemory memory)
    {
        var modules = ModulesOf(key);
        var view = pod?.Metadata.Uid is { } uid ? agents.Find(key, uid) : null;
        if (modules.Count == 0
            && (pod is null || !(view is { Biz.Count: > 0 } || IsMarkedAsOurs(pod)) || !BasePods.IsBasePod(caches, pod))) return null;
        var gate = pod is null ? null : GateOf(pod, view);
        return new()
        {
            Key = key,
            Pod = pod,
            IsNamespaceTerminating = caches.Namespaces.Get(new("", key.Namespace))?.Metadata.IsDeleting == true,
            // Released by its ReplicaSet: somebody removed its labels to inspect it. A pod that was never a base pod gets no traffic
            // either, and its labels delete nothing.
            IsReleased = pod is not null && (pod.Metadata.Controller is not { Kind: "ReplicaSet" }),
            Modules = [.. modules.Select(module => Describe(module, pod, view, gate))],
            View = view,
            AcceptingSince = agents.AcceptingSince,
            Gate = gate,
            Memory = memory,
        };
    }

    /// <summary>Whether a pod has to be reconciled: Modules are bound to it, or it carries labels of ours or our readiness gate.</summary>
    public bool IsOurs(Pod pod) =>
        ModulesOf(ObjectKey.Of(pod.Metadata)).Count > 0 || (IsMarkedAsOurs(pod) && BasePods.IsBasePod(caches, pod));

    /// <summary>The pods of its base that carry labels of ours.</summary>
    public IEnumerable<ObjectKey> MarkedPodsOf(ModuleDeployment deployment) =>
        caches.Deployments.Get(new(deployment.Metadata.Namespace ?? "", deployment.Spec.BaseDeploymentName)) is not { } found
            ? []
            : caches.ReplicaSets.ByIndex(Caches.ByController, found.Metadata.Uid!)
                .SelectMany(replicaSet => caches.Pods.ByIndex(Caches.ByController, replicaSet.Metadata.Uid!))
                .Where(IsMarkedAsOurs).Select(pod => ObjectKey.Of(pod.Metadata));

    /// <summary>The pods that the Modules of a ModuleDeployment are bound to.</summary>
    public IEnumerable<ObjectKey> PodsOf(ModuleDeployment deployment) =>
        caches.ModuleReplicaSets.ByIndex(Caches.ByOwner, deployment.Metadata.Uid ?? "")
            .SelectMany(replicaSet => caches.Modules.ByIndex(Caches.ByOwner, replicaSet.Metadata.Uid ?? ""))
            .SelectMany(KeyOf);

    /// <summary>The pods on which Modules of a ReplicaSet failed.</summary>
    public IEnumerable<ObjectKey> PodsWithFailed(ModuleReplicaSet replicaSet) =>
        caches.Modules.ByIndex(Caches.ByOwner, replicaSet.Metadata.Uid ?? "")
            .Where(module => module is { IsAvailable: false, Status.LastError: not null }).SelectMany(KeyOf);

    /// <summary>The pods that have left a Service: an uninstall may wait for that.</summary>
    public IEnumerable<ObjectKey> PodsRemovedFrom(EndpointSlice? before, EndpointSlice? after)
    {
        if (before is null) return [];
        var left = after?.Endpoints.Select(endpoint => endpoint.TargetRef?.Uid).ToHashSet() ?? [];
        return before.Endpoints.Select(endpoint => endpoint.TargetRef)
            .Where(target => target is { Kind: "Pod", Name.Length: > 0 } && !left.Contains(target.Uid))
            .Select(target => new ObjectKey(before.Metadata.Namespace ?? "", target!.Name!))
            .Where(key => ModulesOf(key).Count > 0);
    }

    /// <summary>The pods of all Modules of a namespace. They are enqueued when the namespace begins to terminate.</summary>
    public IEnumerable<ObjectKey> PodsIn(Namespace ns) =>
        caches.Modules.List().Where(module => module.Metadata.Namespace == ns.Metadata.Name).SelectMany(KeyOf).Distinct();

    public static IEnumerable<ObjectKey> KeyOf(Module module) =>
        module.Spec.PodName is { Length: > 0 } name ? [new(module.Metadata.Namespace ?? "", name)] : [];

    private IReadOnlyCollection<Module> ModulesOf(ObjectKey key) => caches.Modules.ByIndex(Caches.ByPod, key.ToString());

    // Only while it may change: most gates are open, and then nothing has to be computed for them.
    private PodGate? GateOf(Pod pod, BaseView? view)
    {
        if (!ModulesGate.IsOn(pod) || view?.Life is not { } life || BasePods.BaseOf(caches, pod) is not { } key) return null;
        var previous = ModulesGate.ConditionOf(pod);
        if (ModulesGate.IsOpenFor(previous, life) && previous!.Reason != ModulesGate.OpenedAfterTimeout) return null;
        var required = RequiredModule.Of(
            caches.ModuleDeployments.ByIndex(Caches.ByBase, key.ToString()),
            deployment => caches.ModuleReplicaSets.ByIndex(Caches.ByOwner, deployment.Metadata.Uid!),
            completed => !HasModuleOf(completed, pod) && FailsOnOlderPods(completed, pod));
        return new(required, gateTimeout);
    }

    private PodModule Describe(Module module, Pod? pod, BaseView? view, PodGate? gate)
    {
        var replicaSet = Owner(module.Metadata) is { } setKey ? caches.ModuleReplicaSets.Get(setKey) : null;
        var deployment = replicaSet is not null && Owner(replicaSet.Metadata) is { } key ? caches.ModuleDeployments.Get(key) : null;
        return new(module, (deployment is null ? new() : SettingsOf(deployment, replicaSet!)) with
        {
            ArtifactPolicy = policies.Of(module.Metadata.Namespace),
        })
        {
            HasServed = replicaSet?.Metadata.Annotations.ContainsKey(Annotations.FirstAvailableAt) == true,
            // Not computed while it serves. A Module that is Available in a base life that has ended does not serve.
            IsQuarantined = deployment is not null && replicaSet is not null
                && !(module.IsAvailable && (view?.Life is not { } life || module.Status.BaseLife == life.Id))
                && IsQuarantined(deployment, replicaSet, module),
            HasLived = Quarantine.HasLived(replicaSet),
            DeploymentUid = deployment?.Metadata.Uid,
            Deployment = deployment is null ? null : ObjectKey.Of(deployment.Metadata),
            FailsOnOlderPods = gate is not null && module is { IsAvailable: false, Status.LastError: not null } && replicaSet is not null
                && FailsOnOlderPods(replicaSet, pod!),
            IsInEndpoints = pod is not null && !pod.Metadata.Labels.ContainsKey(Labels.Traffic(module.Spec.Module.Name))
                && IsInEndpoints(module, pod),
        };
    }

    private static ModuleSettings SettingsOf(ModuleDeployment deployment, ModuleReplicaSet replicaSet) => new()
    {
        Priority = deployment.Priority,
        DeploymentCreatedAt = deployment.Metadata.CreationTimestamp,
        InstallTimeout = deployment.InstallTimeout,
        TrafficDrain = deployment.TrafficDrain,
        Hooks = deployment.Spec.Hooks,
        // Until the policy is observed, the old version is uninstalled first: two versions in a JVM that cannot hold both fail for good.
        InstallsFirst = UpgradePolicies.Effective(deployment) == UpgradePolicy.InstallThenUninstall
            && ObservedPolicy.IsOf(deployment, replicaSet.Spec.Template),
        RetriedAt = IsReleased(deployment, replicaSet) ? deployment.Status.ReleaseStatus!.RetriedAt : null,
    };

    private static bool IsReleased(ModuleDeployment deployment, ModuleReplicaSet replicaSet) =>
        deployment.Status.ReleaseStatus?.UpdateRevision == Revision.Of(replicaSet.Spec.Template).Hash();

    // Counted here, too: the second JVM exit is in the Modules before the release is aborted for it.
    private bool IsQuarantined(ModuleDeployment deployment, ModuleReplicaSet replicaSet, Module module)
    {
        if (!IsReleased(deployment, replicaSet)) return false;
        var release = deployment.Status.ReleaseStatus!;
        if (Quarantine.IsRecorded(deployment)) return true;
        return module.Status.LastError?.Reason == nameof(FailureReason.BaseDied)
            && Quarantine.IsQuarantined(new(replicaSet, [.. caches.Modules.ByIndex(Caches.ByOwner, replicaSet.Metadata.Uid ?? "")]),
                module.Spec.Module, release.RetriedAt);
    }

    private bool HasModuleOf(ModuleReplicaSet replicaSet, Pod pod) =>
        ModulesOf(ObjectKey.Of(pod.Metadata)).Any(module => module.Metadata.Controller?.Uid == replicaSet.Metadata.Uid);

    // If it serves on one of them, it does not fail there: the base's rolling update would lose it.
    private bool FailsOnOlderPods(ModuleReplicaSet replicaSet, Pod pod)
    {
        if (!BasePods.HasOlder(caches, pod)) return false;
        var older = caches.Modules.ByIndex(Caches.ByOwner, replicaSet.Metadata.Uid!)
            .Where(module => !module.Metadata.IsDeleting && KeyOf(module).Any(key => caches.Pods.Get(key) is { } other
                && other.Metadata.Uid == module.Spec.PodUid && PodAssessment.IsActive(other) && BasePods.IsOlder(caches, other, pod)))
            .ToList();
        return older.Exists(module => module.Status.LastError is not null) && !older.Exists(module => module.IsAvailable);
    }

    private bool IsInEndpoints(Module module, Pod pod) =>
        caches.EndpointSlices.ByIndex(Caches.ByService, $"{pod.Metadata.Namespace}/{ServiceNames.For(module.Spec.Module.Name)}")
            .Any(slice => slice.Endpoints.Any(endpoint => endpoint.TargetRef?.Uid == pod.Metadata.Uid));

    private static ObjectKey? Owner(ObjectMeta meta) =>
        meta.Controller is { } owner ? new ObjectKey(meta.Namespace ?? "", owner.Name) : null;

    private static bool IsMarkedAsOurs(Pod pod) => HasOurLabels(pod) || ModulesGate.IsOn(pod) || PodDeletion.IsRequested(pod);

    private static bool HasOurLabels(Pod pod)
    {
        foreach (var (key, _) in pod.Metadata.Labels)
            if (key == Labels.ModuleInstanceCount || key.StartsWith(Labels.TrafficPrefix, StringComparison.Ordinal)) return true;
        return false;
    }
}
