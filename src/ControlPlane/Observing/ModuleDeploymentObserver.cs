using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Records;
using ModuleController.Core.Rollouts;

namespace ModuleController.ControlPlane.Observing;

/// <summary>Observes all that decides about one ModuleDeployment.</summary>
/// <param name="hasWebhooks">The webhook for authors may be called; null authors otherwise.</param>
internal sealed class ModuleDeploymentObserver(
    Caches caches, IAgentDirectory agents, BaseAgents baseAgents, ArtifactPolicies policies, string ownNamespace, bool hasWebhooks)
{
    /// <param name="deployment">The ModuleDeployment.</param>
    /// <param name="now">The time.</param>
    /// <param name="observeAgentsAt">When the agents have to be observed again, although no agent triggers it.</param>
    public RolloutState Observe(ModuleDeployment deployment, DateTimeOffset now, out DateTimeOffset? observeAgentsAt)
    {
        var (meta, spec) = (deployment.Metadata, deployment.Spec);
        var ns = meta.Namespace!;
        List<Module> modules =
        [
            .. caches.Modules.ByIndex(Caches.ByOrphan, $"{ns}/{LabelValues.Of(meta.Name)}")
                .Where(module => OrphanedModules.IsOf(deployment, module)),
        ];
        List<ReplicaSetWithModules> sets =
        [
            .. caches.ModuleReplicaSets.ByIndex(Caches.ByOwner, meta.Uid!)
                .Select(set => new ReplicaSetWithModules(set, [.. caches.Modules.ByIndex(Caches.ByOwner, set.Metadata.Uid!)])),
        ];
        var orphans = caches.ModuleReplicaSets.ByIndex(Caches.ByBase, $"{ns}/{LabelValues.Of(spec.BaseDeploymentName)}")
            .Where(set => set.Metadata is { Controller: null, IsDeleting: false }
                && set.Metadata.Labels.GetValueOrDefault(Labels.ModuleDeployment) == LabelValues.Of(meta.Name)).ToList();
        var found = caches.Deployments.Get(new(ns, spec.BaseDeploymentName));
        HashSet<string> pods = found is null ? [] : [.. BasePods.In(caches, found).Select(pod => pod.Metadata.Uid!)];
        pods.UnionWith(BasePods.Orphaned(caches, new(ns, spec.BaseDeploymentName), pods, sets.SelectMany(set => set.Modules))
            .Select(pod => pod.Metadata.Uid!));
        observeAgentsAt = null;
        var outage = found is null ? null : baseAgents.OutageOf(found, now, out observeAgentsAt);
        var reportedAt = baseAgents.ReportedAt(now);
        // Without an outage, a result that is a second old is enough. Its end has to be observed at once.
        observeAgentsAt = now < reportedAt ? reportedAt : outage is null ? null : observeAgentsAt;
        List<Module> unadopted = [.. modules.Where(module => OrphanedModules.SetOf(module, sets) is null)];
        var state = new RolloutState
        {
            Deployment = deployment,
            Sets = OrphanedModules.Adopted(sets, modules),
            OrphanedModules = unadopted,
            TakenNames =
            [
                .. unadopted.Select(module => RevisionReplicaSets.Of(deployment, module).Metadata.Name).Distinct()
                    .Where(name => caches.ModuleReplicaSets.Get(new(ns, name)) is not null),
            ],
            Orphans = orphans,
            IsNameTaken = IsNameTaken(deployment, sets, orphans),
            Base = found,
            BasePods = pods,
            ConflictsWith = ModuleConflicts.Of(
                deployment, caches.ModuleDeployments.ByIndex(Caches.ByBase, $"{ns}/{spec.BaseDeploymentName}"))?.Metadata.Name,
            IsNamespaceTerminating = caches.Namespaces.Get(new("", ns)) is { Metadata.IsDeleting: true },
            ArtifactPolicy = policies.Of(ns),
            // Where no webhook overwrites it, anybody may have written it.
            Change = hasWebhooks ? LastChange.Of(deployment) : null,
            Freeze = FreezeOf(ns),
            Outage = outage,
            Observed = Observed(ns, sets),
            FullPods =
            [
                .. sets.SelectMany(set => set.Modules)
                    .Where(module => module is { IsBound: true, IsAvailable: false, Spec.Replaces: not null })
                    .Where(module => agents.Find(new(ns, module.Spec.PodName!), module.Spec.PodUid!)
                        is { IsCurrent: true, IsOutOfMetaspace: true })
                    .Select(module => module.Spec.PodUid!),
            ],
            Service = caches.Services.Get(new(ns, ServiceNames.For(spec.Template.Spec.Module.Name))),
        };
        return UpgradePolicies.Requested(deployment) is UpgradePolicy.UninstallThenInstall or UpgradePolicy.ScaleUpThenScaleDown
            ? state
            : state with { Carriers = Carriers(ns, state) };
    }

    /// <summary>A freeze of everything comes before that of the namespace, but one with a reason before one without.</summary>
    private Freeze? FreezeOf(string ns)
    {
        var everything = FreezeOf(ownNamespace, Annotations.FreezeAll, "everything");
        var one = FreezeOf(ns, Annotations.Freeze, $"namespace {ns}");
        return everything is { Counts: true } || one is null ? everything : one;
    }

    private Freeze? FreezeOf(string ns, string annotation, string scope) =>
        caches.Namespaces.Get(new("", ns))?.Metadata.Annotations is { } annotations && annotations.TryGetValue(annotation, out var reason)
            ? new(scope, reason, annotations.GetValueOrDefault(Annotations.FreezeBy))
            : null;

    private bool IsNameTaken(ModuleDeployment deployment, List<ReplicaSetWithModules> sets, List<ModuleReplicaSet> orphans)
    {
        var name = RevisionReplicaSets.New(deployment, 0).Metadata.Name;
        return caches.ModuleReplicaSets.Get(new(deployment.Metadata.Namespace!, name)) is { } found
            && !orphans.Contains(found)
            && sets.TrueForAll(set => set.ReplicaSet.Metadata.Uid != found.Metadata.Uid || IsOfOtherTemplate(found, deployment));
    }

    private static bool IsOfOtherTemplate(ModuleReplicaSet replicaSet, ModuleDeployment deployment) =>
        Revision.Of(replicaSet.Spec.Template) != Revision.Of(deployment.Spec.Template);

    // Only until it is recorded that the revision lived.
    private HashSet<string> Observed(string ns, IEnumerable<ReplicaSetWithModules> sets) =>
    [
        .. sets.Where(set => !Quarantine.HasLived(set.ReplicaSet)).SelectMany(set => set.Modules)
            .Where(module => module is { IsBound: true, IsAvailable: true, Metadata.IsDeleting: false }
                && agents.Find(new(ns, module.Spec.PodName!), module.Spec.PodUid!) is { IsCurrent: true, Life.Id: var life }
                && life == module.Status.BaseLife)
            .Select(module => module.Metadata.Uid!),
    ];

    private List<(ObjectKey Pod, string Uid, BaseView View)> Carriers(string ns, RolloutState state) =>
    [
        .. state.Old(state.Updated).SelectMany(set => set.Modules)
            .Where(module => module.IsBound && !module.Metadata.IsDeleting)
            .Select(module => (Key: new ObjectKey(ns, module.Spec.PodName!), Uid: module.Spec.PodUid!))
            .Distinct().OrderBy(pod => pod.Key)
            .Select(pod => (pod.Key, pod.Uid, View: agents.Find(pod.Key, pod.Uid)))
            .Where(carrier => carrier.View is not null).Select(carrier => (carrier.Key, carrier.Uid, carrier.View!)),
    ];
}
