using System.Globalization;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Records;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Rollouts;

/// <summary>Plans the next step of a ModuleDeployment: its release, its deletion, or why neither is possible.</summary>
public static class RolloutPlanner
{
    public static RolloutPlan Plan(RolloutState state, DateTimeOffset now)
    {
        var deployment = state.Deployment;
        if (state.IsNamespaceTerminating && !deployment.Metadata.IsDeleting) return new();
        if (Verb.Of(state) is { } verb && !state.IsNamespaceTerminating && verb.Plan(state, now) is { IsDone: true } done)
            return Only(done.Step, done.Event);
        if (deployment.Metadata.IsDeleting) return Deletion.Plan(state, now);
        if (StaySymmetric(deployment) is { } symmetric) return symmetric;
        var breaches = ModuleRules.Check(deployment);
        if (breaches.Any(breach => breach.Instead is null))
            return DeletionByLabel.Plan(state) ?? Refusal.OfInvalidSpec(state, breaches, now);
        var notAllowed = PolicyRules.Check(state.ArtifactPolicy, deployment.Spec.Template.Spec.Module, ModuleRules.ModulePath);
        if (notAllowed.Count > 0) return DeletionByLabel.Plan(state) ?? Refusal.OfArtifact(state, notAllowed, now);
        if (state.ConflictsWith is { } other)
            return Refusal.Plan(state, Reasons.ModuleNameConflict,
                $"module {deployment.Spec.Template.Spec.Module.Name} on base {deployment.Spec.BaseDeploymentName} belongs to the older "
                + $"ModuleDeployment {other}", now);
        return DeletionByLabel.Plan(state) ?? PlanRelease(new(state, now) { Breaches = breaches });
    }

    /// <summary>Confirm and promote apply only to the release or deletion for which they were issued. A release or deletion that would
    /// begin now begins in the next reconcile instead, when the verb is done and no longer applies.</summary>
    internal static RolloutPlan DeferUntilStarted(Verb verb, RolloutState state, DateTimeOffset now)
    {
        var (step, issued, _) = verb.Plan(state, now, isBeforeStart: true);
        return Only(step, issued);
    }

    /// <summary>A manifest without <c>replicas</c> keeps a module on every base pod.</summary>
    private static RolloutPlan? StaySymmetric(ModuleDeployment deployment) =>
        deployment.Spec.Replicas is null && deployment.Status.ObservedReplicas == DesiredReplicas.Symmetric
            ? Only(new RolloutStep.UpdateDeployment(deployment, deployment with
            {
                Spec = deployment.Spec with { Replicas = DesiredReplicas.Symmetric },
            }), null)
            : null;

    private static RolloutPlan Only(RolloutStep step, PlannedEvent? planned) =>
        new() { Steps = [step], Events = planned is null ? [] : [planned with { Time = EventTime.StepsDone }] };

    private static RolloutPlan PlanRelease(Context context)
    {
        var verb = Verb.Of(context.State);
        var policy = PolicyChoice.Of(context);
        var release = Release.Of(ReleaseFacts.Of(context, policy, verb));
        if (release.IsNew && verb is { EndsWaits: true }) return DeferUntilStarted(verb, context.State, context.Now);
        var report = new ReleaseReport(context, release, policy);
        var issued = verb?.Plan(release.IsLastBatchDone && verb.IsConfirmation ? AsCompleted(context.State) : context.State, context.Now);
        return new()
        {
            Steps =
            [
                .. RecordPreviousCompletion(context),
                .. Preparation.Steps(context, release),
                .. Inspect(policy),
                .. ResetConfirmation(context, release),
                .. RecordAvailability(context),
                .. RecordLife(context),
            ],
            Status = report.Status(),
            StepsAfterStatus =
            [
                .. release.Scales,
                .. Complete(context, release),
                .. RecordStop(context, release),
                .. Mirror(context, release),
                .. issued is { Step: var update } ? [update] : (IEnumerable<RolloutStep>)[],
                .. ClearFastRevision(context),
            ],
            Events =
            [
                .. report.Events(),
                .. Warnings(context).Select(warning => warning with { Time = EventTime.Begins }),
                .. issued is { Event: { } planned } ? [planned with { Time = EventTime.StepsDone }] : (IEnumerable<PlannedEvent>)[],
            ],
            AwaitsAgents = policy.AwaitsInspection || context.State.Outage is not null,
            RequeueAt = new[]
            {
                context.Counts.NextAvailableAt, report.DeadlineAt, policy.RequeueAt, release.Wait?.Until, context.State.Outage?.Until,
                NextLifeAt(context), AwaitsSnapshot(context) ? context.Now + BasePodTimes.Suspicious : null,
            }.Min(),
        };
    }

    private static IEnumerable<RolloutStep> Inspect(PolicyChoice policy)
    {
        if (policy.Command is { } command) yield return command;
    }

    private static IEnumerable<RolloutStep> ResetConfirmation(Context context, Release release)
    {
        var deployment = context.Deployment;
        if (release.IsLastBatchDone && deployment.Spec.ConfirmBatchNum is > 0)
            yield return new RolloutStep.UpdateDeployment(
                deployment, deployment with { Spec = deployment.Spec with { ConfirmBatchNum = 0 } });
    }

    private static IEnumerable<RolloutStep> RecordAvailability(Context context)
    {
        if (context.Updated is { } updated && context.Counts.UpdatedReady > 0 && RevisionHistory.FirstAvailableAt(updated) is null)
            yield return Annotated(updated, Annotations.FirstAvailableAt, context.Now);
    }

    // Of old revisions, too: they may be rolled back to, and those of an older controller have no such record.
    private static IEnumerable<RolloutStep> RecordLife(Context context) =>
        LivesAt(context).Where(item => item.At <= context.Now).Select(item => Annotated(item.Set, Annotations.LivedAt, context.Now));

    private static DateTimeOffset? NextLifeAt(Context context) => LivesAt(context).Min(item => item.At > context.Now ? item.At : null);

    private static IEnumerable<(ReplicaSetWithModules Set, DateTimeOffset? At)> LivesAt(Context context) => context.State.Sets
        .Where(set => !set.ReplicaSet.Metadata.IsDeleting).Select(set => (set, Quarantine.LivesAt(set, context.State.Observed)));

    // The return of an agent triggers no reconcile where nothing else changed.
    private static bool AwaitsSnapshot(Context context) => context.State.Sets.Any(set => !Quarantine.HasLived(set.ReplicaSet)
        && set.Modules.Any(module => module is { IsAvailable: true, Metadata.IsDeleting: false }
            && !context.State.Observed.Contains(module.Metadata.Uid!)));

    // After the status: a revision that is completed while its release is not would continue as a mere change of the number.
    private static IEnumerable<RolloutStep> Complete(Context context, Release release)
    {
        if (release.State == ReleaseState.Completed && context.Updated is { } updated
            && (context.LastCompleted != updated || ReleaseRecord.IsOpen(updated.ReplicaSet)))
            yield return Completed(context, updated);
    }

    private static IEnumerable<RolloutStep> RecordStop(Context context, Release release)
    {
        var result = release.State switch
        {
            ReleaseState.Aborted => ReleaseProgress.Aborted,
            ReleaseState.RolledBack => ReleaseRecord.RolledBack,
            _ => null,
        };
        if (result is null || context.Updated is not { ReplicaSet: var before } set
            || ReleaseRecord.HasEnded(before, result, release.Status.RetriedAt))
            yield break;
        yield return new RolloutStep.UpdateReplicaSet(before, ReleaseRecord.End(before, set.Modules, result, context.Now));
    }

    // The template may change between the status and the record of a completed release.
    private static IEnumerable<RolloutStep> RecordPreviousCompletion(Context context) =>
        context.Previous is not { Progress: ReleaseProgress.Completed, UpdateRevision: { } revision }
            ? []
            : context.Old.Where(set => !set.ReplicaSet.Metadata.IsDeleting && RevisionHistory.CompletedAt(set) is null
                    && Revision.Of(set.ReplicaSet.Spec.Template).Hash() == revision)
                .Select(set => Completed(context, set));

    private static RolloutStep.UpdateReplicaSet Completed(Context context, ReplicaSetWithModules revision)
    {
        // Not before the last completed one, whatever the clock of this process is.
        var last = context.LastCompleted is { } set ? RevisionHistory.CompletedAt(set) : null;
        var completed = Annotated(revision, Annotations.CompletedAt, last > context.Now ? last.Value : context.Now);
        return completed with
        {
            After = ReleaseRecord.End(completed.After, revision.Modules, ReleaseProgress.Completed, context.Now),
        };
    }

    /// <summary>Copies the desired number into <c>replicas</c> and <c>scaleReplicas</c>.</summary>
    /// <remarks>After the goals are set and the status has the number that began a release: once copied, it looks like a scale.
    /// With a module on every pod there is no such number.</remarks>
    private static IEnumerable<RolloutStep> Mirror(Context context, Release release)
    {
        var (deployment, spec, replicas) = (context.Deployment, context.Deployment.Spec, context.Replicas);
        if (!spec.IsSymmetric && (context.Updated is null || release.Scales.Count > 0)) yield break;
        if (spec.Replicas == replicas.Replicas && spec.ScaleReplicas == replicas.ScaleReplicas) yield break;
        yield return new RolloutStep.UpdateDeployment(
            deployment, deployment with { Spec = spec with { Replicas = replicas.Replicas, ScaleReplicas = replicas.ScaleReplicas } });
    }

    // The number is set back to 0 in this reconcile: a late confirm is refused, and does not set it again.
    private static RolloutState AsCompleted(RolloutState state) => state with
    {
        Deployment = state.Deployment with
        {
            Status = state.Deployment.Status with
            {
                ReleaseStatus = (state.Deployment.Status.ReleaseStatus ?? new()) with { Progress = ReleaseProgress.Completed },
            },
        },
    };

    // The status has recorded that this release has no batches. Another release of the same revision may have some.
    private static IEnumerable<RolloutStep> ClearFastRevision(Context context)
    {
        var deployment = context.Deployment;
        if (!deployment.Metadata.Annotations.ContainsKey(Annotations.FastRevision)) yield break;
        var annotations = deployment.Metadata.Annotations.Where(pair => pair.Key != Annotations.FastRevision).ToDictionary();
        yield return new RolloutStep.UpdateDeployment(
            deployment, deployment with { Metadata = deployment.Metadata with { Annotations = annotations } });
    }

    private static RolloutStep.UpdateReplicaSet Annotated(ReplicaSetWithModules set, string annotation, DateTimeOffset time)
    {
        var replicaSet = set.ReplicaSet;
        var annotations = new Dictionary<string, string>(replicaSet.Metadata.Annotations) { [annotation] = KubeTime.Text(time) };
        return new(replicaSet, replicaSet with { Metadata = replicaSet.Metadata with { Annotations = annotations } });
    }

    private static IEnumerable<PlannedEvent> Warnings(Context context)
    {
        var (deployment, replicas, state) = (context.Deployment, context.Replicas, context.State);
        if (replicas.IsUnset)
            yield return new(Reasons.ReplicasUnset, "spec.replicas is not set and counts as 0: set it to the number of base pods that "
                + "should have the module, or to -1 for all", IsWarning: true);
        if (replicas.IsScaleIgnored)
            yield return new(Reasons.ScaleIgnored, string.Create(CultureInfo.InvariantCulture,
                $"scaling to {deployment.Spec.ScaleReplicas} is ignored: replicas is -1, one on every base pod"), IsWarning: true);
        if (ScaleSelector.Unsupported(deployment) is { } selector)
            yield return new(Reasons.UnknownScaleSelector,
                $"annotation {Annotations.ScaleSelector} is '{OperatorText.Within(OperatorText.MaxName, selector)}', which is not "
                + $"{ScaleSelector.BasePods}; the default {ScaleSelector.Of(deployment)} is used", IsWarning: true);
        if (state.Freeze is { Counts: false } freeze)
            yield return new(Reasons.FreezeWithoutReason,
                $"the freeze of {freeze.Scope} gives no reason and does not count", IsWarning: true);
        foreach (var refusal in DeletionByLabel.Refusals(state)) yield return refusal;
        if (GeneratedService.IsConflicting(deployment, state.Service))
            yield return new(Reasons.ModuleNameConflict,
                $"service {state.Service!.Metadata.Name} belongs to another owner and is left alone", IsWarning: true);
    }
}
