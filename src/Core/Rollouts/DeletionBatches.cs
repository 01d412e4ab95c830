using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.Rollouts;

/// <summary>The batches of a deletion: all at once without <c>confirmDeletion</c>, else each after a confirmation.</summary>
internal sealed class DeletionBatches
{
    public DeletionBatches(RolloutState state, Verb? verb, DateTimeOffset now)
    {
        State = state = Context.WithoutLost(state, now);
        var previous = state.Deployment.Status.ReleaseStatus;
        IsNew = previous?.Progress != ReleaseProgress.Terminating;
        Release = IsNew
            ? Begin(state, previous, now)
            : previous! with { IgnoredConfirmBatchNum = Confirmation.StillIgnored(state.Deployment, previous) };
        if (verb is not null) Release = verb.OnWaits(Release);
        if (!IsInBatches || Release.CurrentBatch >= Release.RealBatchCount || Count(state, withDeleting: true) > Left(Release)) return;
        IsWaiting = Release.Promoted != true && Confirmation.Of(state.Deployment, Release) < Release.CurrentBatch;
        Release = IsWaiting
            ? To(Release.CurrentBatch, ReleaseProgress.WaitingForConfirmation, now)
            : To(Release.CurrentBatch + 1, ReleaseProgress.Executing, now);
    }

    public RolloutState State { get; }

    public ReleaseStatus Release { get; }

    /// <summary>It begins in this reconcile.</summary>
    public bool IsNew { get; }

    /// <summary>The Modules of the batch are removed, and the next one is not confirmed.</summary>
    public bool IsWaiting { get; }

    public bool IsInBatches => State.Deployment.ConfirmsDeletion && Release.RealBatchCount > 1;

    /// <summary>Goals by ReplicaSet UID. Available Modules are removed last, those of the newest revision at the end. Modules without a
    /// pod are removed at once: they are no part of a batch.</summary>
    public IReadOnlyDictionary<string, int> Goals()
    {
        var left = IsInBatches ? Left(Release) : 0;
        var goals = State.Sets.ToDictionary(set => set.Uid, _ => 0);
        var updated = State.Updated;
        foreach (var serves in (ReadOnlySpan<bool>)[true, false])
            foreach (var set in State.Old(updated).Prepend(updated).OfType<ReplicaSetWithModules>())
            {
                var kept = Math.Min(left, set.Modules.Count(module =>
                    module is { IsBound: true, Metadata.IsDeleting: false } && module.IsAvailable == serves));
                goals[set.Uid] += kept;
                left -= kept;
            }

        return goals;
    }

    /// <summary>Two Modules on one pod count once: their upgrade does not finish any more.</summary>
    private static int Count(RolloutState state, bool withDeleting) => state.Sets.SelectMany(set => set.Modules)
        .Where(module => withDeleting || !module.Metadata.IsDeleting)
        .Select(module => module.Spec.PodUid ?? module.Metadata.Uid).Distinct().Count();

    private static ReleaseStatus Begin(RolloutState state, ReleaseStatus? previous, DateTimeOffset now)
    {
        var count = Count(state, withDeleting: false);
        return (previous ?? new()) with
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
