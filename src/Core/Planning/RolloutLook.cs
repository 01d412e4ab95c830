using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning;

/// <summary>One look at a ModuleDeployment that is to be rolled out: what the parts of the planner share.</summary>
internal sealed class RolloutLook
{
    public RolloutLook(RolloutState state, DateTimeOffset now)
    {
        (State, Now) = (state, now);
        Updated = state.Updated;
        Old = state.Old(Updated);
        Replicas = RolloutReplicas.Of(state.Deployment, state.BasePods);
        Counts = RolloutCounts.Of(state, Updated, now);
        LastCompleted = RolloutHistory.LastCompleted(state.Sets);
        IsMoving = Updated is null || RolloutHistory.CompletedAt(Updated) is null || Old.Any(set => set.Goal > 0 || IsCarried(set));
    }

    public RolloutState State { get; }

    public DateTimeOffset Now { get; }

    public ModuleDeployment Deployment => State.Deployment;

    /// <summary>The ReplicaSet of the template's revision; null: not made yet.</summary>
    public PlacementSet? Updated { get; }

    /// <summary>The others, newest first.</summary>
    public IReadOnlyList<PlacementSet> Old { get; }

    public RolloutReplicas Replicas { get; }

    public RolloutCounts Counts { get; }

    public int Desired => Replicas.Desired;

    /// <summary>What the status said before.</summary>
    public ReleaseStatus? Before => Deployment.Status.ReleaseStatus;

    public PlacementSet? LastCompleted { get; }

    /// <summary>The revision is new here, or older ones are still about: batches are of a revision, not of a number alone.</summary>
    public bool IsMoving { get; }

    public string RevisionHash => Revision.Of(Deployment.Spec.Template).Hash();

    /// <summary>The sum of all goals: what the last batch left.</summary>
    public int Goals => State.Sets.Sum(set => set.Goal);

    /// <summary>The last completed revision but the template's own; null: there is nothing to fall back to.</summary>
    public PlacementSet? Fallback => RolloutHistory.LastCompleted(Old);

    /// <summary>Modules of the revision that failed for a reason that its author has to act on, since the last retry.</summary>
    public IReadOnlyList<Module> UserFailures => Updated is null
        ? []
        : [.. Updated.Modules.Where(module => module is { Metadata.IsDeleting: false, Status: { Status: ModulePhase.Failed, LastError: { } error } }
            && FailureReasons.Parse(error.Reason)?.Class() == FailureClass.User && !IsForgiven(error))];

    public bool IsForgiven(ModuleError error) => Before?.RetriedAt is { } retried && error.Time <= retried;

    public static bool IsCarried(PlacementSet set) => set.Modules.Any(module => !module.Metadata.IsDeleting);
}
