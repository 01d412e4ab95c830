using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning;

/// <summary>How far a release is, in the words of the status: counts, conditions, and the progress deadline.</summary>
internal sealed class Progress(
    RolloutState state, PlacementSet? updated, IReadOnlyList<PlacementSet> old, RolloutReplicas replicas, RolloutCounts counts,
    DateTimeOffset now)
{
    private readonly ModuleDeployment _deployment = state.Deployment;
    private readonly ReleaseStatus? _before = state.Deployment.Status.ReleaseStatus;

    public bool IsScaling { get; init; }

    public UpgradePolicy? Policy { get; init; }

    public RolloutInspection? Inspection { get; init; }

    /// <summary>All that could be placed has been available for minReadySeconds, and nothing old is left.</summary>
    public bool IsCompleted =>
        updated is not null && !IsScaling && Inspection is not { Policy: null }
        && updated.Goal == replicas.Desired
        && counts.UpdatedAvailable >= replicas.Desired - counts.Unplaced
        && (counts.UpdatedAvailable > 0 || replicas.Desired == 0)
        && old.All(set => set.Modules.All(module => module.Metadata.IsDeleting));

    public DateTimeOffset? DeadlineAt =>
        IsSettled || Waiting() is not null || IsLate() ? null : LastProgress() + _deployment.ProgressDeadline;

    /// <summary>A release that completed stays so: a module that is lost later, or a scale, does not start it anew.</summary>
    private bool IsSettled =>
        IsCompleted || (!IsNewRevision && Started() == _before && _before?.Progress == ReleaseProgress.Completed);

    private bool IsNewRevision => _before?.UpdateRevision != RevisionOf(_deployment);

    public static string RevisionOf(ModuleDeployment deployment) => Revision.Of(deployment.Spec.Template).Hash();

    public static ModuleDeploymentStatus Refused(
        RolloutState state, RolloutCounts counts, string reason, string message, DateTimeOffset now) =>
        Counted(state, counts, state.Deployment.Spec.Replicas ?? 0) with
        {
            Conditions = state.Deployment.Status.Conditions.With(
                Condition(state.Deployment, DeploymentConditions.Progressing, Meta.Condition.False, reason, message), now),
        };

    public static ModuleDeploymentStatus Terminating(RolloutState state, RolloutCounts counts, DateTimeOffset now)
    {
        var left = state.Sets.Sum(set => set.Modules.Count);
        var release = state.Deployment.Status.ReleaseStatus ?? new();
        return Counted(state, counts, 0) with
        {
            Conditions = state.Deployment.Status.Conditions.With(
                Condition(state.Deployment, DeploymentConditions.Progressing, Meta.Condition.True, Reasons.Terminating,
                    $"{Number(left)} modules are left to be uninstalled"), now),
            ReleaseStatus = release.Progress == ReleaseProgress.Terminating
                ? release
                : release with { Progress = ReleaseProgress.Terminating, LastTransitionTime = now },
        };
    }

    public ModuleDeploymentStatus Status()
    {
        var status = Counted(state, counts, replicas.Desired);
        var spec = _deployment.Spec;
        var areGoalsSet = updated is not null && !IsScaling;
        return status with
        {
            ObservedReplicas = areGoalsSet && spec.Replicas == replicas.Replicas && spec.ScaleReplicas == replicas.ScaleReplicas
                ? replicas.Desired
                : status.ObservedReplicas,
            Conditions = ConditionsNow(),
            ReleaseStatus = Release(),
        };
    }

    public IEnumerable<PlannedEvent> Events(IReadOnlyList<RolloutStep> scales)
    {
        var module = _deployment.Spec.Template.Spec.Module;
        if (scales.OfType<RolloutStep.ScaleReplicaSet>().FirstOrDefault(step => step.ReplicaSet == updated?.ReplicaSet) is { } step)
            yield return new(Reasons.BatchStarted,
                $"batch 1 of 1: {module.Name} {module.Version} on {Number(step.Replicas)} base pods, was on {Number(step.ReplicaSet.Spec.Replicas)}");
        if (IsCompleted && _before?.Progress is not null and not ReleaseProgress.Completed)
            yield return new(Reasons.ReleaseCompleted,
                $"{module.Name} {module.Version}: {Number(counts.UpdatedAvailable)} of {Number(replicas.Desired)} modules are available");
        var before = _deployment.Status.Conditions.Find(DeploymentConditions.Progressing)?.Reason;
        if (Progressing() is { Status: not Meta.Condition.True } condition && condition.Reason != before)
            yield return new(condition.Reason!, condition.Message!, IsWarning: true);
    }

    private ReleaseStatus Release()
    {
        var started = Started();
        var progress = IsSettled ? ReleaseProgress.Completed
            : updated is null || Inspection is { Policy: null } ? ReleaseProgress.Init
            : ReleaseProgress.Executing;
        return started with
        {
            Progress = progress,
            BatchProgress = progress,
            UpgradePolicy = Policy?.Text() ?? started.UpgradePolicy,
            LastTransitionTime = started.Progress == progress ? started.LastTransitionTime : now,
            LastProgressTime = LastProgress(),
        };
    }

    /// <summary>Only another revision, or another number by <c>replicas</c>, starts a release.</summary>
    private ReleaseStatus Started()
    {
        var observed = _deployment.Status.ObservedReplicas ?? 0;
        if (!IsNewRevision && (!IsScaling || replicas.IsByScale || _deployment.Spec.IsSymmetric)) return _before!;
        if (!IsNewRevision && _before!.OriginalDeltaReplicas == replicas.Desired - observed && _before.Progress == ReleaseProgress.Executing) return _before;
        return new()
        {
            UpdateRevision = RevisionOf(_deployment),
            CurrentBatch = 1,
            RealBatchCount = 1,
            OriginalDeltaReplicas = IsNewRevision ? replicas.Desired : replicas.Desired - observed,
            IgnoredConfirmBatchNum = _deployment.Spec.ConfirmBatchNum is > 0 and var confirmed ? confirmed : null,
            UpgradePolicy = IsNewRevision ? null : _before!.UpgradePolicy,
            LastTransitionTime = now,
        };
    }

    // What counts as progress: one more that is updated or available, or one old one less.
    private DateTimeOffset? LastProgress()
    {
        var last = _before?.LastProgressTime;
        var status = _deployment.Status;
        var isWaiting = _deployment.Status.Conditions.Find(DeploymentConditions.Progressing)?.Status == Meta.Condition.Unknown;
        var hasMoved = counts.Updated > (status.UpdatedReplicas ?? 0) || counts.UpdatedAvailable > (status.UpdatedAvailableReplicas ?? 0)
            || counts.Old < (status.CurrentReplicas ?? 0) || IsScaling || IsNewRevision || (isWaiting && Waiting() is null);
        return hasMoved || last is null ? now : last;
    }

    private bool IsLate() => now - LastProgress() >= _deployment.ProgressDeadline;

    private IReadOnlyList<Condition> ConditionsNow()
    {
        var conditions = _deployment.Status.Conditions.With(Available(), now).With(Progressing(), now);
        conditions = Failures() is { } failures ? conditions.With(failures, now) : conditions.Without(DeploymentConditions.ReplicaFailure);
        return ModuleRules.FieldsWithoutEffect(_deployment) is [_, ..] fields
            ? conditions.With(Condition(_deployment, DeploymentConditions.FieldsWithoutEffect, Meta.Condition.True, Reasons.FieldsWithoutEffect,
                $"without effect in this version: {string.Join(", ", fields)}"), now)
            : conditions.Without(DeploymentConditions.FieldsWithoutEffect);
    }

    private Condition Available()
    {
        var least = replicas.Desired == 0 ? 0 : replicas.Desired - _deployment.MaxUnavailable(replicas.Desired);
        var isEnough = counts.Available >= least && (counts.Available > 0 || replicas.Desired == 0);
        return Condition(_deployment, DeploymentConditions.Available, isEnough ? Meta.Condition.True : Meta.Condition.False,
            isEnough ? Reasons.MinimumAvailable : Reasons.MinimumUnavailable,
            $"{Number(counts.Available)} of {Number(replicas.Desired)} modules are available");
    }

    private Condition Progressing()
    {
        var module = _deployment.Spec.Template.Spec.Module;
        var share = $"{module.Name} {module.Version}: {Number(counts.UpdatedAvailable)} of {Number(replicas.Desired)} modules are available{FailedShare()}";
        if (state.Base is null)
            return Is(Meta.Condition.False, Reasons.BaseNotFound,
                $"there is no Deployment {_deployment.Spec.BaseDeploymentName} in namespace {_deployment.Metadata.Namespace}");
        if (IsSettled) return Is(Meta.Condition.True, Reasons.ReleaseCompleted, share);
        if (Waiting() is { } wait) return Is(Meta.Condition.Unknown, wait.Reason, wait.Message);
        if (IsLate())
            return Is(Meta.Condition.False, Reasons.ProgressDeadlineExceeded,
                $"no progress for {Number((int)_deployment.ProgressDeadline.TotalSeconds)} s; {share}");
        if (Inspection is { Policy: null, Failure: { } failure }) return Is(Meta.Condition.True, Reasons.InspectionFailed, $"the new jar can't be inspected: {failure}");
        if (Inspection is { Policy: null }) return Is(Meta.Condition.True, Reasons.Inspecting, $"the jar of {module.Name} {module.Version} is inspected to choose the upgrade policy");
        return Is(Meta.Condition.True, Reasons.ReleaseProgressing, share);

        Condition Is(string status, string reason, string message) =>
            Condition(_deployment, DeploymentConditions.Progressing, status, reason, message);
    }

    /// <summary>What stops the clock: nothing that is wanted can be placed now.</summary>
    private (string Reason, string Message)? Waiting()
    {
        if (updated is null || counts.Unplaced == 0) return null;
        var told = updated.Modules.Where(module => !module.IsBound && !module.Metadata.IsDeleting)
            .Select(module => module.Status.Conditions.Find(ModuleConditions.Scheduled)).FirstOrDefault(told => told?.Reason is not null);
        if (told?.Reason == Reasons.WouldInterruptService) return (told.Reason, told.Message ?? "");
        // A Module that Placement has not said anything about yet is no refusal.
        return counts.Updated == 0 && told is not null ? (Reasons.NoEligibleBase, told.Message ?? "") : null;
    }

    // Who looks at the release sees at once why it does not go on.
    private string FailedShare() =>
        updated is not null && Failed([updated]) is [_, ..] failed
            ? $", {Number(failed.Count)} failed ({string.Join(", ", failed.Select(module => module.Status.LastError!.Reason).Distinct().Order(StringComparer.Ordinal))})"
            : "";

    private static List<Module> Failed(IEnumerable<PlacementSet> sets) =>
    [
        .. sets.SelectMany(set => set.Modules)
            .Where(module => module is { Metadata.IsDeleting: false, IsAvailable: false, Status.LastError: not null })
            .OrderBy(module => module.Metadata.Name, StringComparer.Ordinal),
    ];

    private Condition? Failures()
    {
        var failed = Failed(state.Sets);
        if (failed.Count == 0) return null;
        var most = failed.GroupBy(module => module.Status.LastError!.Reason)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal).First();
        var example = most.First();
        return Condition(_deployment, DeploymentConditions.ReplicaFailure, Meta.Condition.True, most.Key,
            $"{Number(failed.Count)} {(failed.Count == 1 ? "module" : "modules")} failed; on base pod {example.Spec.PodName}: {example.Status.LastError!.Message}");
    }

    private static ModuleDeploymentStatus Counted(RolloutState state, RolloutCounts counts, int desired) =>
        state.Deployment.Status with
        {
            Replicas = counts.Replicas,
            ReadyReplicas = counts.Ready,
            AvailableReplicas = counts.Available,
            UnavailableReplicas = Math.Max(0, desired - counts.Available),
            UpdatedReplicas = counts.Updated,
            UpgradingReplicas = counts.Upgrading,
            UpdatedReadyReplicas = counts.UpdatedReady,
            UpdatedAvailableReplicas = counts.UpdatedAvailable,
            CurrentReplicas = counts.Old,
            StaleArtifactReplicas = counts.Stale,
            ObservedGeneration = state.Deployment.Metadata.Generation,
            Selector = $"{Labels.ModuleDeployment}={LabelValues.Of(state.Deployment.Metadata.Name)}",
        };

    private static Condition Condition(ModuleDeployment deployment, string type, string status, string reason, string message) => new()
    {
        Type = type,
        Status = status,
        Reason = reason,
        Message = message,
        ObservedGeneration = deployment.Metadata.Generation,
    };

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
