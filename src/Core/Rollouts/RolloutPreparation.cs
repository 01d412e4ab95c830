using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>What a release needs before it can move: finalizer and owner, the ReplicaSet of its revision, the Service.</summary>
internal static class RolloutPreparation
{
    public static IEnumerable<RolloutStep> Steps(RolloutLook look, ReleaseStatus release)
    {
        if (Deployment(look) is { } own) yield return own;
        foreach (var step in ReplicaSets(look, release)) yield return step;
        if (RolloutService.Plan(look.Deployment, look.State.Service) is { } service) yield return service;
    }

    /// <summary>How often the name of a new ReplicaSet was a stranger's.</summary>
    public static int? Collisions(RolloutLook look)
    {
        var collisions = look.Deployment.Status.CollisionCount;
        var isTaken = (look.Updated is null && Orphan(look) is null && look.State.IsNameTaken)
            || OfOldRevisions(look).Any(replicaSet => look.State.TakenNames.Contains(replicaSet.Metadata.Name));
        return isTaken ? (collisions ?? 0) + 1 : collisions;
    }

    private static RolloutStep.UpdateDeployment? Deployment(RolloutLook look)
    {
        var (deployment, meta) = (look.Deployment, look.Deployment.Metadata);
        IReadOnlyList<string> finalizers = [.. meta.Finalizers.Where(name => !FinalizerNames.OfVersion1.Contains(name))];
        if (!finalizers.Contains(FinalizerNames.ModuleDeployment)) finalizers = [.. finalizers, FinalizerNames.ModuleDeployment];
        var owners = meta.OwnerReferences;
        if (meta.Annotations.ContainsKey(Annotations.DeleteWithBase) && look.State.Base is { Metadata: { IsDeleting: false, Uid: { } uid } }
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

    /// <summary>Makes, adopts and keeps in step the ReplicaSet of the template; lets old ones go.</summary>
    private static IEnumerable<RolloutStep> ReplicaSets(RolloutLook look, ReleaseStatus release)
    {
        var newest = look.Old.Select(set => set.Revision).Prepend(0).Max();
        if (look.Updated is { } updated)
        {
            // Going back: the old ReplicaSet gets the newest number.
            var revision = updated.Revision > newest ? updated.Revision : newest + 1;
            var wanted = RevisionReplicaSets.InStep(updated.ReplicaSet, look.Deployment, revision);
            if (Differs(updated.ReplicaSet, wanted)) yield return new RolloutStep.UpdateReplicaSet(updated.ReplicaSet, wanted);
        }
        else if (Orphan(look) is { } orphan)
            yield return new RolloutStep.UpdateReplicaSet(orphan, RevisionReplicaSets.InStep(orphan, look.Deployment, newest + 1));
        else if (!look.State.IsNameTaken && !look.State.Sets.Any(set => set.ReplicaSet.Metadata.IsDeleting && IsOfTemplate(look, set.ReplicaSet)))
            yield return new RolloutStep.CreateReplicaSet(
                For(RevisionReplicaSets.New(look.Deployment, newest + 1), look.State.OrphanedModules.Where(module => IsOfTemplate(look, module))));
        foreach (var old in OfOldRevisions(look).Where(old => !look.State.TakenNames.Contains(old.Metadata.Name)))
            yield return new RolloutStep.CreateReplicaSet(old);
        foreach (var set in look.Old.Where(set => set.ReplicaSet.Metadata.Finalizers.Any(FinalizerNames.OfVersion1.Contains)))
            yield return new RolloutStep.UpdateReplicaSet(set.ReplicaSet, RolloutDeletion.WithoutVersion1(set.ReplicaSet));
        var kept = look.Updated is not null && look.LastCompleted == look.Updated && release.Abort is null ? null : look.Fallback;
        foreach (var set in RevisionReplicaSets.Surplus(look.Deployment, look.Old, kept))
            yield return new RolloutStep.DeleteReplicaSet(set.ReplicaSet);
    }

    /// <summary>The ReplicaSets of older revisions that orphaned Modules need.</summary>
    private static IEnumerable<ModuleReplicaSet> OfOldRevisions(RolloutLook look) => look.State.OrphanedModules
        .Where(module => !IsOfTemplate(look, module)).GroupBy(OrphanedModules.RevisionOf)
        .Where(orphans => !look.State.Sets.Any(set => Revision.Of(set.ReplicaSet.Spec.Template) == orphans.Key))
        .Select(orphans => For(RevisionReplicaSets.Of(look.Deployment, orphans.First()), orphans));

    /// <summary>With a goal that keeps what it is to adopt.</summary>
    private static ModuleReplicaSet For(ModuleReplicaSet replicaSet, IEnumerable<Module> orphans) =>
        replicaSet with { Spec = replicaSet.Spec with { Replicas = orphans.Count() } };

    private static bool IsOfTemplate(RolloutLook look, Module orphan) =>
        OrphanedModules.RevisionOf(orphan) == Revision.Of(look.Deployment.Spec.Template);

    private static ModuleReplicaSet? Orphan(RolloutLook look) => look.State.Orphans.FirstOrDefault(orphan => IsOfTemplate(look, orphan));

    private static bool IsOfTemplate(RolloutLook look, ModuleReplicaSet replicaSet) =>
        Revision.Of(replicaSet.Spec.Template) == Revision.Of(look.Deployment.Spec.Template);

    private static bool Differs(ModuleReplicaSet one, ModuleReplicaSet other) =>
        !SameMap(one.Metadata.Labels, other.Metadata.Labels) || !SameMap(one.Metadata.Annotations, other.Metadata.Annotations)
        || !one.Metadata.Finalizers.SequenceEqual(other.Metadata.Finalizers)
        || !one.Metadata.OwnerReferences.SequenceEqual(other.Metadata.OwnerReferences)
        || ResourceText.Of(one.Spec) != ResourceText.Of(other.Spec);

    private static bool SameMap(IReadOnlyDictionary<string, string> one, IReadOnlyDictionary<string, string> other) =>
        one.Count == other.Count && one.All(pair => other.GetValueOrDefault(pair.Key) == pair.Value);
}
