using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>Begins a release, or continues the one in the status.</summary>
internal static class ReleaseStart
{
    /// <summary>Only another revision, or another <c>spec.replicas</c>, begins a release. It begins with what exists then.</summary>
    public static (ReleaseStatus Release, bool IsNew) Of(Context context)
    {
        var isNewRevision = context.Previous?.UpdateRevision != context.RevisionHash;
        return isNewRevision || IsNewNumber(context, context.Previous!)
            ? (Begin(context, isNewRevision ? null : context.Previous), true)
            : (Continue(context, context.Previous!), false);
    }

    private static bool IsNewNumber(Context context, ReleaseStatus previous) =>
        !context.Deployment.Spec.IsSymmetric && !context.Replicas.IsByScale
        && context.Desired != (previous.PendingReplicas ?? context.Deployment.Status.ObservedReplicas ?? 0);

    private static bool IsObserved(Context context) =>
        context.Deployment.Status.ObservedReplicas == context.Desired && context.Deployment.Spec.ScaleReplicas == context.Desired;

    private static ReleaseStatus Begin(Context context, ReleaseStatus? same)
    {
        var deployment = context.Deployment;
        var isFast = deployment.Metadata.Annotations.GetValueOrDefault(Annotations.FastRevision) == context.RevisionHash;
        // A scale at the same time is applied at once: no batch delays it.
        var isScaled = context.Replicas.IsByScale && deployment.Spec.ScaleReplicas != deployment.Spec.Replicas;
        var delta = (isScaled ? deployment.Status.ObservedReplicas ?? context.Desired : context.Desired) - context.Goals;
        var released = Math.Min(context.Updated?.Goal ?? 0, context.Desired);
        // The status of the release that is under way was lost: nothing is known to be confirmed, so it continues at the same batch.
        var isRebuilt = context.Previous?.UpdateRevision is null && context.IsUpgrade && released > 0;
        var toChange = !context.IsUpgrade ? Math.Abs(delta) : isRebuilt ? context.Desired : context.Desired - released;
        var usesBeta = deployment.UsesBeta && context.IsUpgrade && !isFast;
        var batches = isFast ? 1 : Batches.Count(toChange, deployment.BatchCount, usesBeta);
        var batch = 1;
        if (context.IsUpgrade)
            while (batch < batches && Batches.Aim(batch, context.Desired, batches, usesBeta) is var aim
                && (isRebuilt ? aim < released : aim <= released))
                batch++;
        return new()
        {
            UpdateRevision = context.RevisionHash,
            CurrentBatch = batch,
            RealBatchCount = batches,
            OriginalDeltaReplicas = delta,
            PendingReplicas = deployment.Spec.IsSymmetric || context.Replicas.IsByScale || IsObserved(context) ? null : context.Desired,
            BatchProgress = isRebuilt ? ReleaseProgress.Executing : ReleaseProgress.Init,
            IgnoredConfirmBatchNum = Confirmation.FoundAtStart(deployment),
            UpgradePolicy = same?.UpgradePolicy,
            Promoted = isFast ? true : null,
            RetriedAt = same?.RetriedAt,
            Abort = same is null || IsCorrected(context, same) ? null : same.Abort,
            LastTransitionTime = context.Now,
            LastProgressTime = context.Now,
        };
    }

    /// <summary>Another url or digest than the aborted one.</summary>
    private static bool IsCorrected(Context context, ReleaseStatus previous) =>
        previous.Abort is { } abort && abort.Artifact != context.Module.ArtifactHash();

    private static ReleaseStatus Continue(Context context, ReleaseStatus previous)
    {
        var isCorrected = IsCorrected(context, previous);
        return previous with
        {
            PendingReplicas = IsObserved(context) ? null : previous.PendingReplicas,
            IgnoredConfirmBatchNum = Confirmation.StillIgnored(context.Deployment, previous),
            Abort = isCorrected ? null : previous.Abort,
            LastProgressTime = isCorrected ? context.Now : previous.LastProgressTime,
        };
    }
}
