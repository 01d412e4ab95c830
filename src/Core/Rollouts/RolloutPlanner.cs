using System.Globalization;
using ModuleController.Core.BasePods;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Rollouts;

/// <summary>The next step of a release: revisions, goals, and what the status says about them.</summary>
public static class RolloutPlanner
{
    private const int MaxBreaches = 5;

    public static RolloutPlan Plan(RolloutState state, DateTimeOffset now)
    {
        var deployment = state.Deployment;
        if (state.IsNamespaceTerminating && !deployment.Metadata.IsDeleting) return new();
        if (RolloutAction.Of(deployment) is { } action && !state.IsNamespaceTerminating
            && action.Plan(state, now) is { IsDone: true } done) return Only(done.Step, done.Event);
        if (deployment.Metadata.IsDeleting) return RolloutDeletion.Plan(state, now);
        if (StaySymmetric(deployment) is { } symmetric) return symmetric;
        if (ModuleRules.Check(deployment) is [_, ..] breaches)
            return DeletionByLabel.Plan(state)
                ?? Refuse(state, Reasons.InvalidSpec, InvalidSpecText(breaches), now) with { StepsAfterStatus = InvalidSpecScaling.Plan(state) };
        if (state.ConflictsWith is { } other)
            return Refuse(state, Reasons.ModuleNameConflict,
                $"module {deployment.Spec.Template.Spec.Module.Name} on base {deployment.Spec.BaseDeploymentName} belongs to the older "
                + $"ModuleDeployment {other}", now);
        return DeletionByLabel.Plan(state) ?? Release(new(state, now));
    }

    /// <summary>A manifest without <c>replicas</c> does not end that there is one on every base pod.</summary>
    private static RolloutPlan? StaySymmetric(ModuleDeployment deployment) =>
        deployment.Spec.Replicas is null && deployment.Status.ObservedReplicas == DesiredReplicas.Symmetric
            ? Only(new RolloutStep.UpdateDeployment(deployment, deployment with
            {
                Spec = deployment.Spec with { Replicas = DesiredReplicas.Symmetric },
            }), null)
            : null;

    /// <summary>Who confirmed or promoted may not have known of what begins in this look: it begins in the next one, finds the number
    /// that was confirmed, and is not promoted.</summary>
    internal static RolloutPlan BeforeBeginning(RolloutAction action, RolloutState state, DateTimeOffset now)
    {
        var (step, told, _) = action.Plan(state, now, isBeforeBeginning: true);
        return Only(step, told);
    }

    private static RolloutPlan Only(RolloutStep step, PlannedEvent? told) => new() { Steps = [step], Events = told is null ? [] : [told with { Time = EventTime.StepsDone }] };

    // A spec can break thousands of rules; a condition has to stay small.
    private static string InvalidSpecText(IReadOnlyList<RuleBreach> breaches) =>
        string.Join("; ", breaches.Take(MaxBreaches))
        + (breaches.Count > MaxBreaches ? string.Create(CultureInfo.InvariantCulture, $"; and {breaches.Count - MaxBreaches} more") : "");

    /// <summary>An object that breaks a rule is left alone, and told so.</summary>
    private static RolloutPlan Refuse(RolloutState state, string reason, string message, DateTimeOffset now)
    {
        var counts = RolloutCounts.Of(state, state.Updated, now);
        var told = state.Deployment.Status.Conditions.Find(DeploymentConditions.Progressing);
        return new()
        {
            Status = RolloutStatus.Refused(state, counts, reason, message, now),
            Events = told?.Reason == reason && told.Message == message ? [] : [new(reason, message, IsWarning: true)],
        };
    }

    private static RolloutPlan Release(RolloutLook look)
    {
        var action = RolloutAction.Of(look.Deployment);
        var policy = RolloutPolicy.Of(look);
        var stage = new RolloutStage(look, policy, action);
        if (stage.IsNew && action is { EndsWaits: true }) return BeforeBeginning(action, look.State, look.Now);
        var scales = look.Updated is null ? [] : Scales(look, stage);
        var progress = new Progress(look, stage, policy, isScaling: scales.Count > 0);
        List<RolloutStep> steps = [.. RolloutPreparation.Steps(look, stage.Release)];
        if (policy.Command is { } command) steps.Add(command);
        if (stage.IsCompleted && look.Deployment.Spec.ConfirmBatchNum is > 0)
            steps.Add(new RolloutStep.UpdateDeployment(
                look.Deployment, look.Deployment with { Spec = look.Deployment.Spec with { ConfirmBatchNum = 0 } }));
        if (look.Updated is { } set && look.Counts.UpdatedReady > 0 && RevisionHistory.FirstAvailableAt(set) is null)
            steps.Add(Annotated(set, Annotations.FirstAvailableAt, look.Now));
        // Of the old ones, too: they may be gone back to, and who upgraded this controller has revisions that nobody noted it of.
        var lives = look.State.Sets.Where(item => !item.ReplicaSet.Metadata.IsDeleting)
            .Select(item => (Set: item, At: Quarantine.LivesAt(item, look.State.Seen))).Where(item => item.At is not null).ToList();
        steps.AddRange(lives.Where(item => item.At <= look.Now).Select(item => Annotated(item.Set, Annotations.LivedAt, look.Now)));
        List<RolloutStep> afterStatus = [.. scales];
        // The status says so first: a revision that has completed while its release has not would go on as a mere change of number.
        if ((stage.IsCompleted && scales.Count == 0) || stage.IsSettled)
            if (look.Updated is not null && look.LastCompleted != look.Updated) afterStatus.Add(Completed(look));
        // After the status has told which number began a release: once copied, it looks like one that was scaled.
        // One that follows its base has no such number, and shows its pods at once.
        if (look.Deployment.Spec.IsSymmetric || (look.Updated is not null && scales.Count == 0)) Mirror(look, afterStatus);
        List<PlannedEvent> events = [.. progress.Events(scales), .. Warnings(look).Select(warning => warning with { Time = EventTime.Begins })];
        if (action?.Plan(stage.IsCompleted && action.IsConfirmation ? WhenCompleted(look.State) : look.State, look.Now) is { } asked)
        {
            afterStatus.Add(asked.Step);
            events.Add(asked.Event! with { Time = EventTime.StepsDone });
        }

        if (FastRevisionTaken(look) is { } taken) afterStatus.Add(taken);
        return new()
        {
            Steps = steps,
            Status = progress.Status() with { CollisionCount = RolloutPreparation.Collisions(look) },
            StepsAfterStatus = afterStatus,
            Events = events,
            AwaitsAgents = policy.AwaitsInspection || look.State.Outage is not null,
            RequeueAt = Earliest(look.Counts.NextAvailableAt, progress.DeadlineAt, policy.RequeueAt, stage.NextBatchAt, look.State.Outage?.Until,
                lives.Min(item => item.At > look.Now ? item.At : null), AwaitsSight(look) ? look.Now + BasePodTimes.Suspicious : null),
        };
    }

    // Of an agent that is back nobody hears where nothing has changed.
    private static bool AwaitsSight(RolloutLook look) => look.State.Sets.Any(set => !Quarantine.HasLived(set.ReplicaSet)
        && set.Modules.Any(module => module is { IsAvailable: true, Metadata.IsDeleting: false } && !look.State.Seen.Contains(module.Metadata.Uid!)));

    // The number is set back to 0 in this look: what comes too late to confirm anything is told so, and sets it to nothing else.
    private static RolloutState WhenCompleted(RolloutState state) => state with
    {
        Deployment = state.Deployment with
        {
            Status = state.Deployment.Status with
            {
                ReleaseStatus = (state.Deployment.Status.ReleaseStatus ?? new()) with { Progress = ReleaseProgress.Completed },
            },
        },
    };

    // Those that rise first: Placement, which looks in between, never sees fewer wanted than before and after. Among equals the new
    // one's, so that it sees what takes the places that an old one gives up.
    private static List<RolloutStep> Scales(RolloutLook look, RolloutStage stage)
    {
        var goals = RolloutGoals.Of(look, stage);
        return [.. look.Old.Prepend(look.Updated!)
            .Where(set => !set.ReplicaSet.Metadata.IsDeleting && set.Goal != goals[set.ReplicaSet.Metadata.Uid!])
            .OrderBy(set => goals[set.ReplicaSet.Metadata.Uid!] < set.Goal)
            .Select(set => new RolloutStep.ScaleReplicaSet(set.ReplicaSet, goals[set.ReplicaSet.Metadata.Uid!]))];
    }

    /// <summary>After the goals are set, the other field follows.</summary>
    private static void Mirror(RolloutLook look, List<RolloutStep> steps)
    {
        var spec = look.Deployment.Spec;
        if (spec.Replicas == look.Replicas.Replicas && spec.ScaleReplicas == look.Replicas.ScaleReplicas) return;
        steps.Add(new RolloutStep.UpdateDeployment(look.Deployment, look.Deployment with
        {
            Spec = spec with { Replicas = look.Replicas.Replicas, ScaleReplicas = look.Replicas.ScaleReplicas },
        }));
    }

    // Not before the last one that completed, whatever the clock of this process says.
    private static RolloutStep.UpdateReplicaSet Completed(RolloutLook look)
    {
        var last = look.LastCompleted is { } set ? RevisionHistory.CompletedAt(set) : null;
        return Annotated(look.Updated!, Annotations.CompletedAt, last > look.Now ? last.Value : look.Now);
    }

    private static RolloutStep.UpdateReplicaSet Annotated(ReplicaSetWithModules set, string annotation, DateTimeOffset time)
    {
        var replicaSet = set.ReplicaSet;
        var annotations = new Dictionary<string, string>(replicaSet.Metadata.Annotations) { [annotation] = KubeTime.Text(time) };
        return new(replicaSet, replicaSet with { Metadata = replicaSet.Metadata with { Annotations = annotations } });
    }

    // The status says now that this release has no batches: the same revision may have some another time.
    private static RolloutStep.UpdateDeployment? FastRevisionTaken(RolloutLook look)
    {
        if (!look.Deployment.Metadata.Annotations.ContainsKey(Annotations.FastRevision)) return null;
        var annotations = look.Deployment.Metadata.Annotations.Where(pair => pair.Key != Annotations.FastRevision).ToDictionary();
        return new(look.Deployment, look.Deployment with { Metadata = look.Deployment.Metadata with { Annotations = annotations } });
    }

    private static IEnumerable<PlannedEvent> Warnings(RolloutLook look)
    {
        if (look.Replicas.IsUnset) yield return new(Reasons.ReplicasUnset, "spec.replicas is not set and counts as 0: set it to the number of base pods that should have the module, or to -1 for all", IsWarning: true);
        if (look.Replicas.IsScaleIgnored)
            yield return new(Reasons.ScaleIgnored, string.Create(CultureInfo.InvariantCulture,
                $"scaling to {look.Deployment.Spec.ScaleReplicas} is ignored: replicas is -1, one on every base pod"), IsWarning: true);
        if (ScaleSelector.Unsupported(look.Deployment) is { } selector)
            yield return new(Reasons.UnknownScaleSelector,
                $"annotation {Annotations.ScaleSelector} is '{OperatorText.Within(OperatorText.MaxName, selector)}', which is not "
                + $"{ScaleSelector.BasePods}; the default {ScaleSelector.Of(look.Deployment)} is used", IsWarning: true);
        if (look.State.Freeze is { Counts: false } freeze)
            yield return new(Reasons.FreezeWithoutReason, $"the freeze of {freeze.Scope} gives no reason and does not count", IsWarning: true);
        foreach (var refusal in DeletionByLabel.Refusals(look.State)) yield return refusal;
        if (RolloutService.IsConflicting(look.Deployment, look.State.Service))
            yield return new(Reasons.ModuleNameConflict,
                $"service {look.State.Service!.Metadata.Name} belongs to another owner and is left alone", IsWarning: true);
    }

    private static DateTimeOffset? Earliest(params ReadOnlySpan<DateTimeOffset?> times)
    {
        DateTimeOffset? earliest = null;
        foreach (var time in times)
            if (time is not null && (earliest is null || time < earliest))
                earliest = time;
        return earliest;
    }
}
