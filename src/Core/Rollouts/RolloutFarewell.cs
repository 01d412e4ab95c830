using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>How many Modules a ModuleDeployment that is being deleted still has: none, or, with confirmDeletion, fewer with
/// each batch that was confirmed.</summary>
internal sealed class RolloutFarewell
{
    public RolloutFarewell(RolloutState state, RolloutAction? action, DateTimeOffset now)
    {
        State = state = RolloutLook.WithoutLost(state, now);
        var before = state.Deployment.Status.ReleaseStatus;
        IsNew = before?.Progress != ReleaseProgress.Terminating;
        Release = IsNew ? Begin(state, before, now) : before! with { IgnoredConfirmBatchNum = Confirmation.StillIgnored(state.Deployment, before) };
        if (action is not null) Release = action.OnWaits(Release);
        if (!IsInBatches || Release.CurrentBatch >= Release.RealBatchCount || Places(state, isLeavingToo: true) > Left(Release)) return;
        IsWaiting = Release.Promoted != true && Confirmation.Of(state.Deployment, Release) < Release.CurrentBatch;
        Release = IsWaiting
            ? To(Release.CurrentBatch, ReleaseProgress.WaitingForConfirmation, now)
            : To(Release.CurrentBatch + 1, ReleaseProgress.Executing, now);
    }

    public RolloutState State { get; }

    public ReleaseStatus Release { get; }

    /// <summary>It begins in this look.</summary>
    public bool IsNew { get; }

    /// <summary>The batch is gone, and nobody has said yet that the next one may go.</summary>
    public bool IsWaiting { get; }

    public bool IsInBatches => State.Deployment.ConfirmsDeletion && Release.RealBatchCount > 1;

    /// <summary>Goals by ReplicaSet UID. What serves stays longest, and of that the newest revision; what has no pod goes at
    /// once, or the last one that serves could never go for it.</summary>
    public IReadOnlyDictionary<string, int> Goals()
    {
        var left = IsInBatches ? Left(Release) : 0;
        var goals = State.Sets.ToDictionary(set => set.ReplicaSet.Metadata.Uid!, _ => 0);
        var updated = State.Updated;
        foreach (var serves in (ReadOnlySpan<bool>)[true, false])
            foreach (var set in State.Old(updated).Prepend(updated).OfType<ReplicaSetWithModules>())
            {
                var kept = Math.Min(left, set.Modules.Count(module =>
                    module is { IsBound: true, Metadata.IsDeleting: false } && module.IsAvailable == serves));
                goals[set.ReplicaSet.Metadata.Uid!] += kept;
                left -= kept;
            }

        return goals;
    }

    /// <summary>An upgrade that was under way on a pod may never finish now: its two Modules are one.</summary>
    private static int Places(RolloutState state, bool isLeavingToo) => state.Sets.SelectMany(set => set.Modules)
        .Where(module => isLeavingToo || !module.Metadata.IsDeleting)
        .Select(module => module.Spec.PodUid ?? module.Metadata.Uid).Distinct().Count();

    private static ReleaseStatus Begin(RolloutState state, ReleaseStatus? before, DateTimeOffset now)
    {
        var count = Places(state, isLeavingToo: false);
        return (before ?? new()) with
        {
            Progress = ReleaseProgress.Terminating,
            BatchProgress = ReleaseProgress.Executing,
            CurrentBatch = 1,
            RealBatchCount = state.Deployment.ConfirmsDeletion ? Batches.Count(count, state.Deployment.BatchCount, useBeta: false) : 1,
            OriginalDeltaReplicas = -count,
            IgnoredConfirmBatchNum = Confirmation.FoundAtStart(state.Deployment),
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
