using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>Begins a release, or carries on with the one that the status tells of.</summary>
internal static class RolloutStart
{
    /// <summary>Only another revision, or another number by <c>replicas</c>, starts one: from what is there then.</summary>
    public static (ReleaseStatus Release, bool IsNew) Of(RolloutLook look)
    {
        var isNewRevision = look.Before?.UpdateRevision != look.RevisionHash;
        return isNewRevision || IsNewNumber(look, look.Before!)
            ? (Begin(look, isNewRevision ? null : look.Before), true)
            : (Continue(look, look.Before!), false);
    }

    private static bool IsNewNumber(RolloutLook look, ReleaseStatus before) =>
        !look.Deployment.Spec.IsSymmetric && !look.Replicas.IsByScale
        && look.Desired != (before.PendingReplicas ?? look.Deployment.Status.ObservedReplicas ?? 0);

    private static bool IsObserved(RolloutLook look) =>
        look.Deployment.Status.ObservedReplicas == look.Desired && look.Deployment.Spec.ScaleReplicas == look.Desired;

    private static ReleaseStatus Begin(RolloutLook look, ReleaseStatus? same)
    {
        var deployment = look.Deployment;
        var isFast = deployment.Metadata.Annotations.GetValueOrDefault(Annotations.FastRevision) == look.RevisionHash;
        // What was scaled in the same moment is applied at once: no batch holds it up.
        var isScaled = look.Replicas.IsByScale && deployment.Spec.ScaleReplicas != deployment.Spec.Replicas;
        var delta = (isScaled ? deployment.Status.ObservedReplicas ?? look.Desired : look.Desired) - look.Goals;
        var released = Math.Min(look.Updated?.Goal ?? 0, look.Desired);
        // Where no status tells of the release that is under way, nothing is known to be confirmed: it rests where it is.
        var isRebuilt = look.Before?.UpdateRevision is null && look.IsMoving && released > 0;
        var toChange = !look.IsMoving ? Math.Abs(delta) : isRebuilt ? look.Desired : look.Desired - released;
        var usesBeta = deployment.UsesBeta && look.IsMoving && !isFast;
        var batches = isFast ? 1 : Batches.Count(toChange, deployment.BatchCount, usesBeta);
        var batch = 1;
        if (look.IsMoving)
            while (batch < batches && Batches.Aim(batch, look.Desired, batches, usesBeta) is var aim && (isRebuilt ? aim < released : aim <= released))
                batch++;
        return new()
        {
            UpdateRevision = look.RevisionHash,
            CurrentBatch = batch,
            RealBatchCount = batches,
            OriginalDeltaReplicas = delta,
            PendingReplicas = deployment.Spec.IsSymmetric || look.Replicas.IsByScale || IsObserved(look) ? null : look.Desired,
            BatchProgress = isRebuilt ? ReleaseProgress.Executing : ReleaseProgress.Init,
            IgnoredConfirmBatchNum = Confirmation.FoundAtStart(deployment),
            UpgradePolicy = same?.UpgradePolicy,
            Promoted = isFast ? true : null,
            RetriedAt = same?.RetriedAt,
            Abort = same is null || IsMended(look, same) ? null : same.Abort,
            LastTransitionTime = look.Now,
            LastProgressTime = look.Now,
        };
    }

    private static bool IsMended(RolloutLook look, ReleaseStatus before) =>
        before.Abort is { } abort && abort.Artifact != look.Deployment.Spec.Template.Spec.Module.ArtifactHash();

    private static ReleaseStatus Continue(RolloutLook look, ReleaseStatus before)
    {
        var isMended = IsMended(look, before);
        return before with
        {
            PendingReplicas = IsObserved(look) ? null : before.PendingReplicas,
            IgnoredConfirmBatchNum = Confirmation.StillIgnored(look.Deployment, before),
            Abort = isMended ? null : before.Abort,
            LastProgressTime = isMended ? look.Now : before.LastProgressTime,
        };
    }
}
