using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Placement;

namespace ModuleController.Core.Rollouts;

/// <summary>Revisions: which completed, what their ReplicaSets look like, and which are kept.</summary>
public static class RolloutHistory
{
    /// <summary>The one whose release completed last; null: none has.</summary>
    public static PlacementSet? LastCompleted(IEnumerable<PlacementSet> sets) => sets
        .Where(set => !set.ReplicaSet.Metadata.IsDeleting && CompletedAt(set) is not null)
        .MaxBy(set => (CompletedAt(set), set.Revision));

    public static DateTimeOffset? CompletedAt(PlacementSet set) => Time(set, Annotations.CompletedAt);

    public static DateTimeOffset? FirstAvailableAt(PlacementSet set) => Time(set, Annotations.FirstAvailableAt);

    public static string Text(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>The ReplicaSet of the template's revision, still without any Modules: it is scaled when its batch begins.</summary>
    public static ModuleReplicaSet New(ModuleDeployment deployment, long revision)
    {
        var name = Revision.Of(deployment.Spec.Template)
            .ReplicaSetName(deployment.Metadata.Name, deployment.Status.CollisionCount ?? 0);
        var empty = new ModuleReplicaSet { Metadata = new() { Name = name, Namespace = deployment.Metadata.Namespace } };
        return InStep(empty, deployment, revision);
    }

    /// <summary>The ReplicaSet of an older revision, from an orphaned Module of it.</summary>
    public static ModuleReplicaSet Of(ModuleDeployment deployment, Module orphan)
    {
        var revision = long.TryParse(orphan.Metadata.Labels.GetValueOrDefault(Labels.Revision), CultureInfo.InvariantCulture, out var number) ? number : 0;
        return New(deployment with { Spec = deployment.Spec with { Template = OrphanedModules.TemplateOf(orphan) } }, revision);
    }

    /// <summary>What the ReplicaSet of the current template should look like, but for its number of replicas.</summary>
    public static ModuleReplicaSet InStep(ModuleReplicaSet replicaSet, ModuleDeployment deployment, long revision)
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
        if (deployment.Metadata.Annotations.TryGetValue(Annotations.ChangeCause, out var cause)) annotations[Annotations.ChangeCause] = cause;
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
                Template = spec.Template,
                OperationStrategy = spec.OperationStrategy,
                SchedulingStrategy = spec.SchedulingStrategy,
            },
        };
    }

    public static OwnerReference OwnerOf(ModuleDeployment deployment) => new(
        ModuleDeployment.Kind.ApiVersion, ModuleDeployment.Kind.Kind, deployment.Metadata.Name, deployment.Metadata.Uid!, true, true);

    /// <summary>Old, empty ReplicaSets beyond the limit, the oldest first; never the one to fall back to.</summary>
    public static IEnumerable<PlacementSet> Surplus(
        ModuleDeployment deployment, IReadOnlyList<PlacementSet> old, PlacementSet? fallback)
    {
        var empty = old.Where(set => set.Modules.Count == 0 && set.Goal == 0 && !set.ReplicaSet.Metadata.IsDeleting).ToList();
        return empty.Where(set => set != fallback).Reverse().Take(empty.Count - deployment.RevisionHistoryLimit);
    }

    private static DateTimeOffset? Time(PlacementSet set, string annotation) => DateTimeOffset.TryParse(
        set.ReplicaSet.Metadata.Annotations.GetValueOrDefault(annotation), CultureInfo.InvariantCulture,
        DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}
