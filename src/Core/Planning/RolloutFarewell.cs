using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning;

/// <summary>How many Modules a ModuleDeployment that is being deleted still has: none, or, with confirmDeletion, fewer with
/// each batch that was confirmed.</summary>
internal sealed class RolloutFarewell
{
    public RolloutFarewell(RolloutState state, DateTimeOffset now)
    {
        State = state = RolloutLook.WithoutLost(state, now);
        var before = state.Deployment.Status.ReleaseStatus;
        Release = before?.Progress == ReleaseProgress.Terminating ? before : Begin(state, before, now);
        var confirmed = state.Deployment.Spec.ConfirmBatchNum is { } number && number != Release.IgnoredConfirmBatchNum ? number : 0;
        if (RolloutAction.Of(state.Deployment)?.Verb == "promote") Release = Release with { Promoted = true };
        if (!IsInBatches || Release.CurrentBatch >= Release.RealBatchCount || state.Sets.Sum(set => set.Modules.Count) > Left(Release)) return;
        IsWaiting = Release.Promoted != true && confirmed < Release.CurrentBatch;
        Release = IsWaiting
            ? To(Release.CurrentBatch, ReleaseProgress.WaitingForConfirmation, now)
            : To(Release.CurrentBatch + 1, ReleaseProgress.Executing, now);
    }

    public RolloutState State { get; }

    public ReleaseStatus Release { get; }

    /// <summary>The batch is gone, and nobody has said yet that the next one may go.</summary>
    public bool IsWaiting { get; }

    public bool IsInBatches => State.Deployment.ConfirmsDeletion && Release.RealBatchCount > 1;

    /// <summary>Older revisions go first.</summary>
    public IEnumerable<(PlacementSet Set, int Goal)> Goals()
    {
        var left = IsInBatches ? Left(Release) : 0;
        var updated = State.Updated;
        foreach (var set in State.Old(updated).Prepend(updated).OfType<PlacementSet>())
        {
            var goal = Math.Min(left, set.Modules.Count(module => !module.Metadata.IsDeleting));
            left -= goal;
            yield return (set, goal);
        }
    }

    private static ReleaseStatus Begin(RolloutState state, ReleaseStatus? before, DateTimeOffset now)
    {
        var count = state.Sets.Sum(set => set.Modules.Count(module => !module.Metadata.IsDeleting));
        return (before ?? new()) with
        {
            Progress = ReleaseProgress.Terminating,
            BatchProgress = ReleaseProgress.Executing,
            CurrentBatch = 1,
            RealBatchCount = state.Deployment.ConfirmsDeletion ? Batches.Count(count, state.Deployment.BatchCount, useBeta: false) : 1,
            OriginalDeltaReplicas = -count,
            IgnoredConfirmBatchNum = state.Deployment.Spec.ConfirmBatchNum is > 0 and var confirmed ? confirmed : null,
            PendingReplicas = null,
            Promoted = null,
            NextReconcileTime = null,
            LastTransitionTime = now,
        };
    }

    private static int Left(ReleaseStatus release)
    {
        var count = -(release.OriginalDeltaReplicas ?? 0);
        return Math.Max(0, count - Batches.Aim(release.CurrentBatch ?? 1, count, release.RealBatchCount ?? 1, useBeta: false));
    }

    private ReleaseStatus To(int? batch, string batchProgress, DateTimeOffset now) =>
        Release.CurrentBatch == batch && Release.BatchProgress == batchProgress
            ? Release
            : Release with { CurrentBatch = batch, BatchProgress = batchProgress, LastTransitionTime = now };
}
