using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules.Facts;

/// <summary>Modules without an owner, as <c>kubectl delete mdrs --cascade=orphan</c> leaves them. Those whose labels name a
/// ModuleDeployment belong to the ReplicaSet of their revision. They are not reinstalled.</summary>
public static class OrphanedModules
{
    private const string OrphanFinalizer = "orphan";

    /// <summary>It is being deleted, and its Modules stay as orphans.</summary>
    public static bool AreLeftBy(ModuleReplicaSet replicaSet) =>
        replicaSet.Metadata.IsDeleting && replicaSet.Metadata.Finalizers.Contains(OrphanFinalizer);

    public static bool IsOrphaned(Module module) => module.Metadata is { Controller: null, IsDeleting: false };

    public static bool IsOf(ModuleDeployment deployment, Module module) => IsOrphaned(module)
        && module.Metadata.Labels.GetValueOrDefault(Labels.ModuleDeployment) == LabelValues.Of(deployment.Metadata.Name)
        && module.Metadata.Labels.GetValueOrDefault(Labels.DeploymentName) == LabelValues.Of(deployment.Spec.BaseDeploymentName);

    /// <summary>A Module whose owner is gone, of this ReplicaSet's revision: either it is orphaned or it is being deleted, and that is not
    /// observed yet, because each kind has its own watch.</summary>
    public static bool IsAwaitedBy(ModuleReplicaSet replicaSet, Module stray) =>
        stray.Metadata is { Controller: not null, IsDeleting: false }
        && stray.Metadata.Labels.GetValueOrDefault(Labels.ModuleDeployment)
            == replicaSet.Metadata.Labels.GetValueOrDefault(Labels.ModuleDeployment)
        && RevisionOf(stray) == Revision.Of(replicaSet.Spec.Template);

    public static Revision RevisionOf(Module module) => Revision.Of(TemplateOf(module));

    /// <summary>The template that the Module was created from, without labels.</summary>
    public static ModuleTemplateSpec TemplateOf(Module module) => new()
    {
        Metadata = new() { Annotations = module.Metadata.Annotations },
        Spec = new() { Module = module.Spec.Module },
    };

    /// <summary>The ReplicaSet that an orphaned Module belongs to; null: there is none of its revision.</summary>
    public static ReplicaSetWithModules? SetOf(Module module, IEnumerable<ReplicaSetWithModules> sets) => sets
        .Where(set => !set.ReplicaSet.Metadata.IsDeleting && Revision.Of(set.ReplicaSet.Spec.Template) == RevisionOf(module))
        .MaxBy(set => set.Revision);

    /// <summary>The ReplicaSets together with the orphans that they will adopt.</summary>
    public static IReadOnlyList<ReplicaSetWithModules> Adopted(
        IReadOnlyList<ReplicaSetWithModules> sets, IReadOnlyCollection<Module> orphans)
    {
        if (orphans.Count == 0) return sets;
        var adopted = orphans.Select(module => (Module: module, Set: SetOf(module, sets))).ToLookup(item => item.Set, item => item.Module);
        return [.. sets.Select(set => adopted.Contains(set) ? set with { Modules = [.. set.Modules, .. adopted[set]] } : set)];
    }
}
