using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>What holds for a release in one reconcile, whichever state it moves to.</summary>
/// <param name="Status">The status at the beginning of the reconcile, with the verb and an abort applied.</param>
/// <param name="IsNew">It begins in this reconcile.</param>
/// <param name="HadCompleted">It had completed before: neither a lost module nor a scale starts it again.</param>
internal sealed record ReleaseFacts(Context Context, PolicyChoice Policy, ReleaseStatus Status, bool IsNew, bool HadCompleted)
{
    /// <summary>Its batches move modules between revisions. Otherwise they only change the number of modules.</summary>
    public bool IsUpgrade { get; } = Context.IsUpgrade && !HadCompleted;

    /// <summary>What stops an upgrade and can be lifted; null: nothing does.</summary>
    public Wait? Hold { get; } = Context.Hold ?? Policy.Hold;

    public bool AwaitsInspection => Hold?.Reason is Reasons.Inspecting or Reasons.InspectionFailed;

    public ReleaseAbort? Abort => Status.Abort;

    /// <summary>No module moves between revisions. Everything else continues: replacement, scaling, replay, deletion.</summary>
    public bool IsStopped => IsUpgrade && (Abort is not null || Hold is not null);

    /// <summary>The upgrade policy is not chosen yet. Until then, an upgrade that has not started creates no modules of older
    /// revisions.</summary>
    public bool IsUndecided => Abort is null
        && Hold?.Reason is Reasons.Inspecting or Reasons.InspectionFailed or Reasons.WebContextPathConflict;

    /// <summary>This revision was aborted, and the release returns to the last completed one.</summary>
    public bool RollsBack => Abort is { } abort && abort.Reason != Reasons.Aborted
        && Context.Deployment.RollsBackByItself && StableReplicaSet is not null && StableReplicaSet != Context.Updated;

    /// <summary>The ReplicaSet that gets the missing modules beyond the released share; null: they wait for their batch.</summary>
    public ReplicaSetWithModules? StableReplicaSet => Abort?.Reason == Reasons.BaseDied ? Context.RollbackTarget : Context.LastCompleted;

    public int BatchCount => Status.RealBatchCount ?? 1;

    public bool UsesBeta => IsUpgrade && Context.Deployment.UsesBeta && BatchCount > 1;

    /// <summary>By how many the release changes the number of modules. With a module on every pod, a change is never in batches.</summary>
    public int Delta => Context.Deployment.Spec.IsSymmetric ? 0 : Status.OriginalDeltaReplicas ?? 0;

    /// <summary>Begins a release, or continues the one in the status.</summary>
    public static ReleaseFacts Of(Context context, PolicyChoice policy, Verb? verb)
    {
        var (status, isNew) = BeginOrContinue(context);
        if (verb is not null) status = verb.On(context, status);
        var hadCompleted = !isNew && status.Progress == ReleaseProgress.Completed;
        status = status with { Abort = status.Abort ?? AbortCheck.Of(context, status.RetriedAt, hadCompleted, isNew) };
        return new(context, policy, status, isNew, HadCompleted: hadCompleted && status.Abort is null);
    }

    /// <summary>Only another revision, or another <c>spec.replicas</c>, begins a release. It begins with what exists then.</summary>
    private static (ReleaseStatus Status, bool IsNew) BeginOrContinue(Context context)
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
