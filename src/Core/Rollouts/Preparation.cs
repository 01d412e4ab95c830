using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Records;

namespace ModuleController.Core.Rollouts;

/// <summary>What a release needs before its batches: finalizer and owner, the ReplicaSet of its revision, the Service.</summary>
internal static class Preparation
{
    public static IEnumerable<RolloutStep> Steps(Context context, Release release)
    {
        if (Deployment(context) is { } own) yield return own;
        foreach (var step in ReplicaSets(context, release)) yield return step;
        if (GeneratedService.Plan(context.Deployment, context.State.Service) is { } service) yield return service;
    }

    /// <summary>How often the name of a new ReplicaSet belonged to a foreign object.</summary>
    public static int? Collisions(Context context)
    {
        var collisions = context.Deployment.Status.CollisionCount;
        var isTaken = (context.Updated is null && Orphan(context) is null && context.State.IsNameTaken)
            || OfOldRevisions(context).Any(replicaSet => context.State.TakenNames.Contains(replicaSet.Metadata.Name));
        return isTaken ? (collisions ?? 0) + 1 : collisions;
    }

    private static RolloutStep.UpdateDeployment? Deployment(Context context)
    {
        var (deployment, meta) = (context.Deployment, context.Deployment.Metadata);
        IReadOnlyList<string> finalizers = [.. meta.Finalizers.Where(name => !FinalizerNames.OfVersion1.Contains(name))];
        if (!finalizers.Contains(FinalizerNames.ModuleDeployment)) finalizers = [.. finalizers, FinalizerNames.ModuleDeployment];
        var owners = meta.OwnerReferences;
        if (meta.Annotations.ContainsKey(Annotations.DeleteWithBase)
            && context.State.Base is { Metadata: { IsDeleting: false, Uid: { } uid } }
            && !owners.Any(owner => owner.Uid == uid))
        {
            var kind = Builtin.Deployment.Kind;
            owners = [.. owners.Where(owner => owner.Kind != kind.Kind || owner.Name != deployment.Spec.BaseDeploymentName),
                new(kind.ApiVersion, kind.Kind, deployment.Spec.BaseDeploymentName, uid)];
        }

        return finalizers.SequenceEqual(meta.Finalizers) && owners.SequenceEqual(meta.OwnerReferences)
            ? null
            : new(deployment, deployment with { Metadata = meta with { Finalizers = finalizers, OwnerReferences = owners } });
    }

    private static ModuleReplicaSet Begin(Context context, ModuleReplicaSet replicaSet, ModuleReplicaSet? previous) => ReleaseRecord.Begin(
        replicaSet, context.Deployment, context.State.Change, context.State.Sets.Select(set => set.ReplicaSet), previous, context.Now);

    /// <summary>Creates, adopts and updates the ReplicaSet of the template; prunes old ones.</summary>
    private static IEnumerable<RolloutStep> ReplicaSets(Context context, Release release)
    {
        var newest = context.Old.Select(set => set.Revision).Prepend(0).Max();
        if (context.Updated is { } updated)
        {
            // An undo: the old ReplicaSet gets the newest number.
            var revision = updated.Revision > newest ? updated.Revision : newest + 1;
            var desired = RevisionReplicaSets.Updated(updated.ReplicaSet, context.Deployment, revision);
            // Not again when only the status of the release that begins was not written.
            if (release is { IsNew: true, IsUpgrade: true } && (revision != updated.Revision || !ReleaseRecord.IsOpen(updated.ReplicaSet)))
                desired = Begin(context, desired, updated.ReplicaSet);
            if (Differs(updated.ReplicaSet, desired)) yield return new RolloutStep.UpdateReplicaSet(updated.ReplicaSet, desired);
        }
        else if (Orphan(context) is { } orphan)
            yield return new RolloutStep.UpdateReplicaSet(orphan, RevisionReplicaSets.Updated(orphan, context.Deployment, newest + 1));
        else if (!context.State.IsNameTaken
            && !context.State.Sets.Any(set => set.ReplicaSet.Metadata.IsDeleting && IsOfTemplate(context, set.ReplicaSet)))
            yield return new RolloutStep.CreateReplicaSet(
                For(Begin(context, RevisionReplicaSets.New(context.Deployment, newest + 1), null),
                    context.State.OrphanedModules.Where(module => IsOfTemplate(context, module))));
        foreach (var old in OfOldRevisions(context).Where(old => !context.State.TakenNames.Contains(old.Metadata.Name)))
            yield return new RolloutStep.CreateReplicaSet(old);
        foreach (var set in context.Old.Where(set => set.ReplicaSet.Metadata.Finalizers.Any(FinalizerNames.OfVersion1.Contains)))
            yield return new RolloutStep.UpdateReplicaSet(set.ReplicaSet, Deletion.WithoutVersion1(set.ReplicaSet));
        var kept = context.Updated is not null && context.LastCompleted == context.Updated && release.Status.Abort is null
            ? null
            : context.RollbackTarget;
        foreach (var set in RevisionReplicaSets.Surplus(context.Deployment, context.Old, kept))
            yield return new RolloutStep.DeleteReplicaSet(set.ReplicaSet);
    }

    /// <summary>The missing ReplicaSets of older revisions, to recreate so that they adopt orphaned Modules.</summary>
    private static IEnumerable<ModuleReplicaSet> OfOldRevisions(Context context) => context.State.OrphanedModules
        .Where(module => !IsOfTemplate(context, module)).GroupBy(OrphanedModules.RevisionOf)
        .Where(orphans => !context.State.Sets.Any(set => Revision.Of(set.ReplicaSet.Spec.Template) == orphans.Key))
        .Select(orphans => For(RevisionReplicaSets.Of(context.Deployment, orphans.First()), orphans));

    /// <summary>With a goal that keeps the Modules that it adopts.</summary>
    private static ModuleReplicaSet For(ModuleReplicaSet replicaSet, IEnumerable<Module> orphans) =>
        replicaSet with { Spec = replicaSet.Spec with { Replicas = orphans.Count() } };

    private static bool IsOfTemplate(Context context, Module orphan) =>
        OrphanedModules.RevisionOf(orphan) == Revision.Of(context.Deployment.Spec.Template);

    private static ModuleReplicaSet? Orphan(Context context) =>
        context.State.Orphans.FirstOrDefault(orphan => IsOfTemplate(context, orphan));

    private static bool IsOfTemplate(Context context, ModuleReplicaSet replicaSet) =>
        Revision.Of(replicaSet.Spec.Template) == Revision.Of(context.Deployment.Spec.Template);

    private static bool Differs(ModuleReplicaSet one, ModuleReplicaSet other) =>
        !SameMap(one.Metadata.Labels, other.Metadata.Labels) || !SameMap(one.Metadata.Annotations, other.Metadata.Annotations)
        || !one.Metadata.Finalizers.SequenceEqual(other.Metadata.Finalizers)
        || !one.Metadata.OwnerReferences.SequenceEqual(other.Metadata.OwnerReferences)
        || ResourceText.Of(one.Spec) != ResourceText.Of(other.Spec);

    private static bool SameMap(IReadOnlyDictionary<string, string> one, IReadOnlyDictionary<string, string> other) =>
        one.Count == other.Count && one.All(pair => other.GetValueOrDefault(pair.Key) == pair.Value);
}
