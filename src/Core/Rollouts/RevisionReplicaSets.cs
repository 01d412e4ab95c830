using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Rollouts;

/// <summary>The ReplicaSets of revisions: what they look like, and which are kept.</summary>
public static class RevisionReplicaSets
{
    /// <summary>The ReplicaSet of the template's revision, with goal 0 until its batch begins.</summary>
    public static ModuleReplicaSet New(ModuleDeployment deployment, long revision)
    {
        var name = Revision.Of(deployment.Spec.Template)
            .ReplicaSetName(deployment.Metadata.Name, deployment.Status.CollisionCount ?? 0);
        var empty = new ModuleReplicaSet { Metadata = new() { Name = name, Namespace = deployment.Metadata.Namespace } };
        return Updated(empty, deployment, revision);
    }

    /// <summary>The ReplicaSet of an older revision, from an orphaned Module of it.</summary>
    public static ModuleReplicaSet Of(ModuleDeployment deployment, Module orphan)
    {
        var label = orphan.Metadata.Labels.GetValueOrDefault(Labels.Revision);
        var revision = long.TryParse(label, CultureInfo.InvariantCulture, out var number) ? number : 0;
        return New(deployment with { Spec = deployment.Spec with { Template = OrphanedModules.TemplateOf(orphan) } }, revision);
    }

    /// <summary>The ReplicaSet with labels, owner and spec of the ModuleDeployment, and its own goal.</summary>
    public static ModuleReplicaSet Updated(ModuleReplicaSet replicaSet, ModuleDeployment deployment, long revision)
    {
        var (meta, spec) = (replicaSet.Metadata, deployment.Spec);
        var labels = new Dictionary<string, string>(ChildLabels.OfParent(meta.Labels));
        foreach (var (key, value) in ChildLabels.OfParent(deployment.Metadata.Labels)) labels[key] = value;
        labels[Labels.DeploymentName] = LabelValues.Of(spec.BaseDeploymentName);
        labels[Labels.ModuleDeployment] = LabelValues.Of(deployment.Metadata.Name);
        labels[Labels.ModuleName] = spec.Template.Spec.Module.Name;
        labels[Labels.ModuleVersion] = spec.Template.Spec.Module.Version;
        labels[Labels.SchedulingStrategy] = deployment.SchedulingPolicy == SchedulingPolicy.Stacking ? "stacking" : "scatter";
        labels[Labels.Revision] = revision.ToString(CultureInfo.InvariantCulture);
        var annotations = new Dictionary<string, string>(meta.Annotations);
        if (deployment.Metadata.Annotations.TryGetValue(Annotations.ChangeCause, out var cause))
            annotations[Annotations.ChangeCause] = cause;
        return replicaSet with
        {
            Metadata = meta with
            {
                Labels = labels,
                Annotations = annotations,
                OwnerReferences = meta.Controller is null ? [.. meta.OwnerReferences, OwnerOf(deployment)] : meta.OwnerReferences,
                Finalizers = [.. meta.Finalizers.Where(finalizer => !FinalizerNames.OfVersion1.Contains(finalizer))],
            },
            Spec = replicaSet.Spec with
            {
                MinReadySeconds = spec.MinReadySeconds,
                Template = StoredViolations.Corrected(spec.Template),
                OperationStrategy = StoredViolations.Corrected(spec.OperationStrategy),
                SchedulingStrategy = spec.SchedulingStrategy,
            },
        };
    }

    public static OwnerReference OwnerOf(ModuleDeployment deployment) => new(
        ModuleDeployment.Kind.ApiVersion, ModuleDeployment.Kind.Kind, deployment.Metadata.Name, deployment.Metadata.Uid!, true, true);

    /// <summary>Old, empty ReplicaSets beyond the limit, the oldest first; never the rollback target.</summary>
    public static IEnumerable<ReplicaSetWithModules> Surplus(
        ModuleDeployment deployment, IReadOnlyList<ReplicaSetWithModules> old, ReplicaSetWithModules? rollbackTarget)
    {
        var empty = old.Where(set => set.Modules.Count == 0 && set.Goal == 0 && !set.ReplicaSet.Metadata.IsDeleting).ToList();
        return empty.Where(set => set != rollbackTarget).Reverse().Take(empty.Count - deployment.RevisionHistoryLimit);
    }
}
