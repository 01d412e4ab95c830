using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>One look at a ModuleDeployment that is to be rolled out: what the parts of the planner share.</summary>
internal sealed class RolloutLook
{
    private readonly HashSet<string> _updatedPods;

    public RolloutLook(RolloutState state, DateTimeOffset now)
    {
        (State, Now) = (WithoutLost(state, now), now);
        state = State;
        Updated = state.Updated;
        Old = state.Old(Updated);
        _updatedPods = [.. (Updated?.Modules ?? []).Where(module => module is { IsBound: true, Metadata.IsDeleting: false })
            .Select(module => module.Spec.PodUid!)];
        Replicas = DesiredReplicas.Of(state.Deployment, state.BasePods.Count);
        Counts = RolloutCounts.Of(state, Updated, now);
        LastCompleted = RevisionHistory.LastCompleted(state.Sets);
        IsMoving = Updated is null || RevisionHistory.CompletedAt(Updated) is null || Old.Any(set => set.Goal > 0 || IsCarried(set));
    }

    public RolloutState State { get; }

    public DateTimeOffset Now { get; }

    public ModuleDeployment Deployment => State.Deployment;

    /// <summary>The ReplicaSet of the template's revision; null: not made yet.</summary>
    public ReplicaSetWithModules? Updated { get; }

    /// <summary>The others, newest first.</summary>
    public IReadOnlyList<ReplicaSetWithModules> Old { get; }

    public DesiredReplicas Replicas { get; }

    public RolloutCounts Counts { get; }

    public int Desired => Replicas.Desired;

    /// <summary>What the status said before.</summary>
    public ReleaseStatus? Before => Deployment.Status.ReleaseStatus;

    public ReplicaSetWithModules? LastCompleted { get; }

    /// <summary>The template's own revision is the last that completed, as where only the number changes: there is nothing to go back to.</summary>
    public bool GoesToLastCompleted => LastCompleted is not null && LastCompleted == Updated;

    /// <summary>The revision is new here, or older ones are still about: batches are of a revision, not of a number alone.</summary>
    public bool IsMoving { get; }

    public string RevisionHash => Revision.Of(Deployment.Spec.Template).Hash();

    /// <summary>The sum of all goals: what the last batch left.</summary>
    public int Goals => State.Sets.Sum(set => set.Goal);

    /// <summary>The last completed revision but the template's own; null: there is nothing to fall back to.</summary>
    public ReplicaSetWithModules? Fallback => RevisionHistory.LastCompleted(Old);

    /// <summary>Modules of the revision that do not serve for a reason that its author has to act on, since the last retry, also
    /// while they are tried again; what failed with another url or digest says nothing about this one.</summary>
    public IReadOnlyList<Module> UserFailures(DateTimeOffset? retriedAt) => Updated is not { } updated
        ? []
        : [.. updated.Modules.Where(module => module is { Metadata.IsDeleting: false, IsAvailable: false, Status.LastError: { } error }
            && module.Spec.Module == Deployment.Spec.Template.Spec.Module && IsOfTheUser(error) && !(error.Time <= retriedAt)
            && !IsReplay(updated, module))];

    // A death that may have been somebody else's counts none.
    private static bool IsOfTheUser(ModuleError error) => FailureReasons.Parse(error.Reason) is { } reason
        && reason.Class() == FailureClass.User && (reason != FailureReason.BaseDied || Retries.DeathsIn(error) > 0);

    // What has served in a revision that has completed is good: its surroundings fail, and no release is the worse for it.
    private static bool IsReplay(ReplicaSetWithModules updated, Module module) =>
        RevisionHistory.CompletedAt(updated) is not null && ModuleReadiness.WasEverAvailable(module);

    /// <summary>The live Modules of an older revision, without those that a new one on their pod takes over from.</summary>
    public IEnumerable<Module> Staying(ReplicaSetWithModules old) => old.Modules
        .Where(module => !module.Metadata.IsDeleting && !(module.Spec.PodUid is { } pod && _updatedPods.Contains(pod)));

    /// <summary>Modules whose pod is gone are as good as deleted, before Placement has come to it: a release that is stopped
    /// must not make up for them by another revision.</summary>
    public static RolloutState WithoutLost(RolloutState state, DateTimeOffset now)
    {
        bool IsLost(Module module) => module is { IsBound: true, Metadata.IsDeleting: false } && !state.BasePods.Contains(module.Spec.PodUid!);
        return !state.Sets.Any(set => set.Modules.Any(IsLost)) ? state : state with
        {
            Sets =
            [
                .. state.Sets.Select(set => set with
                {
                    Modules = [.. set.Modules.Select(module =>
                        IsLost(module) ? module with { Metadata = module.Metadata with { DeletionTimestamp = now } } : module)],
                }),
            ],
        };
    }

    public static bool IsCarried(ReplicaSetWithModules set) => set.Modules.Any(module => !module.Metadata.IsDeleting);
}
