using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Rollouts;

/// <summary>What the parts of the planner share in one reconcile of a ModuleDeployment.</summary>
internal sealed class Context
{
    private readonly HashSet<string> _updatedPods;

    public Context(RolloutState state, DateTimeOffset now)
    {
        (State, Now) = (WithoutLost(state, now), now);
        state = State;
        Updated = state.Updated;
        Old = state.Old(Updated);
        _updatedPods = [.. (Updated?.Modules ?? []).Where(module => module is { IsBound: true, Metadata.IsDeleting: false })
            .Select(module => module.Spec.PodUid!)];
        Replicas = DesiredReplicas.Of(state.Deployment, state.BasePods.Count);
        Counts = Counts.Of(state, Updated, now);
        LastCompleted = RevisionHistory.LastCompleted(state.Sets);
        IsUpgrade = Updated is null || RevisionHistory.CompletedAt(Updated) is null || Old.Any(set => set.Goal > 0 || set.HasLiveModules);
    }

    public RolloutState State { get; }

    public DateTimeOffset Now { get; }

    /// <summary>Stored values that break a rule, and for which others are used.</summary>
    public IReadOnlyList<RuleBreach> Breaches { get; init; } = [];

    public ModuleDeployment Deployment => State.Deployment;

    public ModuleSource Module => Deployment.Spec.Template.Spec.Module;

    /// <summary>The ReplicaSet of the template's revision; null: it does not exist yet.</summary>
    public ReplicaSetWithModules? Updated { get; }

    /// <summary>The others, newest first.</summary>
    public IReadOnlyList<ReplicaSetWithModules> Old { get; }

    public DesiredReplicas Replicas { get; }

    public Counts Counts { get; }

    public int Desired => Replicas.Desired;

    /// <summary>The release as the status has it.</summary>
    public ReleaseStatus? Previous => Deployment.Status.ReleaseStatus;

    public ReplicaSetWithModules? LastCompleted { get; }

    /// <summary>The template's own revision completed last, as where only the number changes: there is nothing to roll back to.</summary>
    public bool IsLastCompleted => LastCompleted is not null && LastCompleted == Updated;

    /// <summary>The revision has not completed, or older ones still have modules. Otherwise a release only changes the number.</summary>
    public bool IsUpgrade { get; }

    public string RevisionHash => Revision.Of(Deployment.Spec.Template).Hash();

    /// <summary>The sum of all goals: what the last batch left.</summary>
    public int Goals => State.Sets.Sum(set => set.Goal);

    /// <summary>The last completed revision other than the template's; null: there is nothing to roll back to.</summary>
    public ReplicaSetWithModules? RollbackTarget => RevisionHistory.LastCompleted(Old);

    /// <summary>What can be lifted; null: nothing holds the release. It holds a rollback, too.</summary>
    public Wait? Hold =>
        State.Freeze is { Counts: true } freeze ? new(Reasons.Frozen, freeze.ToString())
        : State.Outage is { } outage ? new(Reasons.AgentsVanished, outage.ToString())
        : Deployment.IsPaused ? new(Reasons.Paused, "paused")
        : null;

    /// <summary>One more module is updated or available, or one old module less exists, than in the status.</summary>
    public bool HasProgressed
    {
        get
        {
            var status = Deployment.Status;
            return Counts.Updated > (status.UpdatedReplicas ?? 0) || Counts.UpdatedAvailable > (status.UpdatedAvailableReplicas ?? 0)
                || Counts.Old < (status.CurrentReplicas ?? 0);
        }
    }

    /// <summary>The clock of the progress deadline was stopped.</summary>
    public bool WasWaiting => Deployment.Status.Conditions.Find(DeploymentConditions.Progressing)?.Status == Condition.Unknown;

    /// <summary>Why the first new Module without a pod has none; null: every Module has one, or Placement has not decided yet.</summary>
    public Condition? Refusal => Updated?.Modules.Where(module => !module.IsBound && !module.Metadata.IsDeleting)
        .Select(module => module.Status.Conditions.Find(ModuleConditions.Scheduled))
        .FirstOrDefault(scheduled => scheduled?.Reason is not null);

    /// <summary>Unavailable Modules of the updated revision whose last error has class User and is newer than the last retry. Modules that
    /// are being retried are included. Failures of another url or digest are not.</summary>
    public IReadOnlyList<Module> UserFailures(DateTimeOffset? retriedAt) => Updated is not { } updated
        ? []
        : [.. updated.Modules.Where(module => module is { Metadata.IsDeleting: false, IsAvailable: false, Status.LastError: { } error }
            && module.Spec.Module == Module && IsOfClassUser(error) && !(error.Time <= retriedAt) && !IsReplay(updated, module))];

    // A JVM exit with several suspects does not count.
    private static bool IsOfClassUser(ModuleError error) => FailureReasons.Parse(error.Reason) is { } reason
        && reason.Class() == FailureClass.User && (reason != FailureReason.BaseDied || JvmExits.Of(error).Own > 0);

    // What served in a revision that has completed is good: its surroundings fail.
    private static bool IsReplay(ReplicaSetWithModules updated, Module module) =>
        RevisionHistory.CompletedAt(updated) is not null && ModuleReadiness.WasEverAvailable(module);

    /// <summary>The live Modules of an older revision, without those that a new one on their pod replaces.</summary>
    public IEnumerable<Module> Staying(ReplicaSetWithModules old) => old.Modules
        .Where(module => !module.Metadata.IsDeleting && !(module.Spec.PodUid is { } pod && _updatedPods.Contains(pod)));

    /// <summary>Modules whose pod no longer exists count as deleted before Placement deletes them: a release that is stopped must not
    /// replace them by another revision.</summary>
    public static RolloutState WithoutLost(RolloutState state, DateTimeOffset now)
    {
        bool IsLost(Module module) =>
            module is { IsBound: true, Metadata.IsDeleting: false } && !state.BasePods.Contains(module.Spec.PodUid!);
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
}
