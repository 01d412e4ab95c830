using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning;

/// <summary>The next step of a release: revisions, goals, and what the status says about them.</summary>
public static class RolloutPlanner
{
    public static RolloutPlan Plan(RolloutState state, DateTimeOffset now)
    {
        var deployment = state.Deployment;
        if (deployment.Metadata.IsDeleting) return RolloutDeletion.Plan(state, now);
        if (state.IsNamespaceTerminating) return new();
        if (ModuleRules.Check(deployment) is [_, ..] breaches)
            return Refuse(state, Reasons.InvalidSpec, string.Join("; ", breaches), now);
        if (state.ConflictsWith is { } other)
            return Refuse(state, Reasons.ModuleNameConflict,
                $"module {deployment.Spec.Template.Spec.Module.Name} on base {deployment.Spec.BaseDeploymentName} belongs to the older "
                + $"ModuleDeployment {other}", now);
        return DeletionByLabel.Plan(state) ?? new Release(state, now).Plan();
    }

    /// <summary>An object that breaks a rule is left alone, and told so.</summary>
    private static RolloutPlan Refuse(RolloutState state, string reason, string message, DateTimeOffset now)
    {
        var counts = RolloutCounts.Of(state, state.Updated, now);
        var told = state.Deployment.Status.Conditions.Find(DeploymentConditions.Progressing);
        return new()
        {
            Status = Progress.Refused(state, counts, reason, message, now),
            Events = told?.Reason == reason ? [] : [new(reason, message, IsWarning: true)],
        };
    }

    private sealed class Release(RolloutState state, DateTimeOffset now)
    {
        // More than one batch comes with confirmations and gray time; the goals below hold for any number.
        private const int BatchesInEffect = 1;

        private readonly ModuleDeployment _deployment = state.Deployment;
        private readonly RolloutReplicas _replicas = RolloutReplicas.Of(state.Deployment, state.BasePods);
        private readonly List<RolloutStep> _steps = [];
        private readonly List<PlannedEvent> _events = [];
        private readonly PlacementSet? _updated = state.Updated;
        private readonly IReadOnlyList<PlacementSet> _old = state.Old(state.Updated);
        private RolloutInspection? _inspection;
        private UpgradePolicy? _policy;

        public RolloutPlan Plan()
        {
            PrepareDeployment();
            var collisions = PrepareReplicaSets();
            PrepareService();
            var counts = RolloutCounts.Of(state, _updated, now);
            var scales = _updated is null ? [] : Scales(_updated);
            var progress = new Progress(state, _updated, _old, _replicas, counts, now)
            {
                IsScaling = scales.Count > 0,
                Policy = _policy,
                Inspection = _inspection,
            };
            var status = progress.Status() with { CollisionCount = collisions };
            MirrorReplicas(scales);
            if (progress.IsCompleted) Complete();
            TellFirstAvailable(counts);
            _events.AddRange(progress.Events(scales));
            Warn(status);
            return new()
            {
                Steps = _steps,
                Status = status,
                StepsAfterStatus = scales,
                Events = _events,
                AwaitsInspection = _inspection is { Policy: null },
                LookAgainAt = Earliest(counts.NextAvailableAt, progress.DeadlineAt, _inspection?.LookAgainAt),
            };
        }

        private void PrepareDeployment()
        {
            var meta = _deployment.Metadata;
            IReadOnlyList<string> finalizers = [.. meta.Finalizers.Where(name => !FinalizerNames.OfVersion1.Contains(name))];
            if (!finalizers.Contains(FinalizerNames.ModuleDeployment)) finalizers = [.. finalizers, FinalizerNames.ModuleDeployment];
            var owners = meta.OwnerReferences;
            if (meta.Annotations.ContainsKey(Annotations.DeleteWithBase) && state.Base is { Metadata: { IsDeleting: false, Uid: { } uid } }
                && !owners.Any(owner => owner.Uid == uid))
            {
                var kind = Builtin.Deployment.Kind;
                owners = [.. owners.Where(owner => owner.Kind != kind.Kind || owner.Name != _deployment.Spec.BaseDeploymentName),
                    new(kind.ApiVersion, kind.Kind, _deployment.Spec.BaseDeploymentName, uid)];
            }

            if (!finalizers.SequenceEqual(meta.Finalizers) || !owners.SequenceEqual(meta.OwnerReferences))
                _steps.Add(new RolloutStep.UpdateDeployment(
                    _deployment, _deployment with { Metadata = meta with { Finalizers = finalizers, OwnerReferences = owners } }));
        }

        /// <summary>Makes, adopts and keeps in step the ReplicaSet of the template; lets old ones go. Returns collisionCount.</summary>
        private int? PrepareReplicaSets()
        {
            var collisions = _deployment.Status.CollisionCount;
            var newest = _old.Select(set => set.Revision).Prepend(0).Max();
            if (_updated is { } updated)
            {
                // Going back: the old ReplicaSet gets the newest number.
                var revision = updated.Revision > newest ? updated.Revision : newest + 1;
                var wanted = RolloutHistory.InStep(updated.ReplicaSet, _deployment, revision);
                if (Differs(updated.ReplicaSet, wanted)) _steps.Add(new RolloutStep.UpdateReplicaSet(updated.ReplicaSet, wanted));
            }
            else if (Orphan() is { } orphan)
                _steps.Add(new RolloutStep.UpdateReplicaSet(orphan, RolloutHistory.InStep(orphan, _deployment, newest + 1)));
            else if (state.IsNameTaken) collisions = (collisions ?? 0) + 1;
            else if (!state.Sets.Any(set => set.ReplicaSet.Metadata.IsDeleting && IsOfTemplate(set.ReplicaSet)))
                _steps.Add(new RolloutStep.CreateReplicaSet(RolloutHistory.New(_deployment, newest + 1)));
            foreach (var set in _old.Where(set => set.ReplicaSet.Metadata.Finalizers.Any(FinalizerNames.OfVersion1.Contains)))
                _steps.Add(new RolloutStep.UpdateReplicaSet(set.ReplicaSet, RolloutDeletion.WithoutVersion1(set.ReplicaSet)));
            var fallback = _updated is not null && RolloutHistory.LastCompleted(state.Sets) == _updated
                ? null
                : RolloutHistory.LastCompleted(_old);
            foreach (var set in RolloutHistory.Surplus(_deployment, _old, fallback))
                _steps.Add(new RolloutStep.DeleteReplicaSet(set.ReplicaSet));
            return collisions;
        }

        private ModuleReplicaSet? Orphan() => state.Orphans.FirstOrDefault(IsOfTemplate);

        private bool IsOfTemplate(ModuleReplicaSet replicaSet) =>
            Revision.Of(replicaSet.Spec.Template) == Revision.Of(_deployment.Spec.Template);

        private static bool Differs(ModuleReplicaSet one, ModuleReplicaSet other) =>
            !SameMap(one.Metadata.Labels, other.Metadata.Labels) || !SameMap(one.Metadata.Annotations, other.Metadata.Annotations)
            || !one.Metadata.Finalizers.SequenceEqual(other.Metadata.Finalizers)
            || !one.Metadata.OwnerReferences.SequenceEqual(other.Metadata.OwnerReferences)
            || ResourceText.Of(one.Spec) != ResourceText.Of(other.Spec);

        private static bool SameMap(IReadOnlyDictionary<string, string> one, IReadOnlyDictionary<string, string> other) =>
            one.Count == other.Count && one.All(pair => other.GetValueOrDefault(pair.Key) == pair.Value);

        private void PrepareService()
        {
            if (RolloutService.Plan(_deployment, state.Service) is { } step) _steps.Add(step);
        }

        private List<RolloutStep> Scales(PlacementSet updated)
        {
            _policy = Policy(updated);
            var isHeld = _policy is null && _old.Any(HasModules);
            var share = isHeld
                ? Math.Min(updated.Goal, _replicas.Desired)
                : Batches.Goal(BatchesInEffect, _replicas.Desired, BatchesInEffect, useBeta: false);
            var goals = RolloutGoals.Of(updated, share, _old, _replicas.Desired);

            // The new one first: Placement then sees what takes the places that the old one gives up.
            return [.. _old.Prepend(updated)
                .Where(set => !set.ReplicaSet.Metadata.IsDeleting && set.Goal != goals[set.ReplicaSet.Metadata.Uid!])
                .Select(set => new RolloutStep.ScaleReplicaSet(set.ReplicaSet, goals[set.ReplicaSet.Metadata.Uid!]))];
        }

        private static bool HasModules(PlacementSet set) => set.Modules.Any(module => !module.Metadata.IsDeleting);

        /// <summary>What the user asked for, or what was found out for this revision; null: not known yet, or no matter.</summary>
        private UpgradePolicy? Policy(PlacementSet updated)
        {
            var requested = UpgradePolicies.Requested(_deployment);
            if (requested is not null) return requested;
            var release = _deployment.Status.ReleaseStatus;
            if (release?.UpdateRevision == Progress.RevisionOf(_deployment) && UpgradePolicies.Parse(release.UpgradePolicy) is { } chosen)
                return chosen;
            var old = _old.Where(HasModules).ToList();
            if (old.Count == 0) return null;
            var version = _deployment.Spec.Template.Spec.Module.Version;
            if (old.TrueForAll(set => set.ReplicaSet.Spec.Template.Spec.Module.Version == version)) return UpgradePolicy.UninstallThenInstall;
            if (_replicas.Desired == 0) return UpgradePolicy.UninstallThenInstall;
            _inspection = RolloutInspection.Of(state, updated, now);
            if (_inspection.Command is { } command) _steps.Add(command);
            return _inspection.Policy;
        }

        /// <summary>After the goals are set, the other field follows.</summary>
        private void MirrorReplicas(List<RolloutStep> scales)
        {
            if (_updated is null || scales.Count > 0) return;
            var spec = _deployment.Spec;
            if (spec.Replicas == _replicas.Replicas && spec.ScaleReplicas == _replicas.ScaleReplicas) return;
            _steps.Add(new RolloutStep.UpdateDeployment(_deployment, _deployment with
            {
                Spec = spec with { Replicas = _replicas.Replicas, ScaleReplicas = _replicas.ScaleReplicas },
            }));
        }

        private void Complete()
        {
            if (RolloutHistory.LastCompleted(state.Sets) != _updated) Annotate(Annotations.CompletedAt);
            if (_deployment.Spec.ConfirmBatchNum is > 0)
                _steps.Add(new RolloutStep.UpdateDeployment(
                    _deployment, _deployment with { Spec = _deployment.Spec with { ConfirmBatchNum = 0 } }));
        }

        private void TellFirstAvailable(RolloutCounts counts)
        {
            if (_updated is { } set && counts.UpdatedReady > 0 && RolloutHistory.FirstAvailableAt(set) is null)
                Annotate(Annotations.FirstAvailableAt);
        }

        private void Annotate(string annotation)
        {
            var meta = _updated!.ReplicaSet.Metadata;
            var annotations = new Dictionary<string, string>(meta.Annotations) { [annotation] = RolloutHistory.Text(now) };
            _steps.Add(new RolloutStep.UpdateReplicaSet(
                _updated.ReplicaSet, _updated.ReplicaSet with { Metadata = meta with { Annotations = annotations } }));
        }

        private void Warn(ModuleDeploymentStatus status)
        {
            var before = _deployment.Status.Conditions.Find(DeploymentConditions.FieldsWithoutEffect)?.Message;
            if (status.Conditions.Find(DeploymentConditions.FieldsWithoutEffect)?.Message is { } message && message != before)
                _events.Add(new(Reasons.FieldsWithoutEffect, message, IsWarning: true));
            if (_replicas.IsUnset)
                _events.Add(new(Reasons.ReplicasUnset, "spec.replicas is not set and counts as 0", IsWarning: true));
            if (_replicas.IsScaleIgnored)
                _events.Add(new(Reasons.ScaleIgnored, string.Create(CultureInfo.InvariantCulture,
                    $"scaling to {_deployment.Spec.ScaleReplicas} is ignored: replicas is -1, one on every base pod"), IsWarning: true));
            _events.AddRange(DeletionByLabel.Refusals(state));
            if (RolloutService.IsConflicting(_deployment, state.Service))
                _events.Add(new(Reasons.ModuleNameConflict,
                    $"service {state.Service!.Metadata.Name} belongs to another owner and is left alone", IsWarning: true));
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
}
