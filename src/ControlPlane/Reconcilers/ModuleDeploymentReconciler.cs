using System.Collections.Concurrent;
using ModuleController.ControlPlane.Agents;
using ModuleController.ControlPlane.Observing;
using ModuleController.ControlPlane.Reconcilers.Execution;
using ModuleController.Core.Commands;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Rollouts;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>Carries a release out: ReplicaSets and their goals, the Service, the status.</summary>
public sealed class ModuleDeploymentReconciler(
    Caches caches, IKubeClient client, IAgentDirectory agents, BaseAgents baseAgents, EventRecorder events, WriteTracker tracker,
    RejectedWrites rejections, ArtifactPolicies policies, string ownNamespace, bool hasWebhooks, TimeProvider time,
    ILogger<ModuleDeploymentReconciler> logger)
        : IReconciler<ModuleDeployment>
{
    public const string FieldManager = "modulecontroller-deployment";

    private readonly ModuleDeploymentObserver _observer = new(caches, agents, baseAgents, policies, ownNamespace, hasWebhooks);
    private readonly Executor _executor = new(time, logger);
    private readonly RolloutSteps _steps = new(agents, logger);
    private readonly StandingWarnings<PlannedEvent> _warnings = new();
    private readonly WriteInterval _interval = new(TimeSpan.FromSeconds(1));
    private readonly ConcurrentDictionary<ObjectKey, bool> _awaitingAgents = new();

    /// <summary>The ModuleDeployments that wait for an inspection, or for agents to reconnect. Agents trigger no
    /// others.</summary>
    public IEnumerable<ObjectKey> AwaitingAgents => _awaitingAgents.Keys;

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (caches.ModuleDeployments.Get(key) is not { } deployment)
        {
            Forget(key);
            return ReconcileResult.Done;
        }

        var now = time.GetUtcNow();
        var state = _observer.Observe(deployment, now, out var observeAgentsAt) with { RejectedWrite = rejections.Find(key) };
        var plan = WithRejection(RolloutPlanner.Plan(state, now), state, now);
        if (plan.AwaitsAgents) _awaitingAgents[key] = true;
        else _awaitingAgents.TryRemove(key, out _);
        var writes = new Writes(client, tracker, _executor.AnsweredWrites, key, FieldManager, cancellation);
        var outcome = await _executor.ExecuteAsync(key, RolloutOrder.Of(state, plan), async step =>
        {
            if (step is RolloutStep.WriteStatus write && NextStatusAt(key, deployment, write.Status, plan, now) is { } later) return later;
            await _steps.CarryOutAsync(key, step, writes);
            return null;
        });
        if (!state.IsNamespaceTerminating)
        {
            rejections.Report($"{nameof(ModuleDeployment)} {key}", outcome.Rejections);
            Record(key, deployment, plan, outcome);
        }

        outcome.ThrowIfInterrupted();
        return ReconcileResult.At(new[] { plan.RequeueAt, observeAgentsAt, outcome.RetryAt }.Min(), now);
    }

    /// <summary>Where the plan has no status, as while an object is only prepared or removed, a rejection still is its readiness.</summary>
    private static RolloutPlan WithRejection(RolloutPlan plan, RolloutState state, DateTimeOffset now) =>
        plan.Status is null && state is { RejectedWrite: { } message, IsNamespaceTerminating: false }
            ? plan with { Status = Readiness.Rejected(state.Deployment, message, now) }
            : plan;

    /// <summary>At most once a second, but at once before a batch begins and when a condition changes.</summary>
    private DateTimeOffset? NextStatusAt(ObjectKey key, ModuleDeployment deployment, ModuleDeploymentStatus status, RolloutPlan plan,
        DateTimeOffset now)
    {
        if (MergePatch.OfStatus(deployment, deployment with { Status = status }, null) is null) return null;
        var isUrgent = plan.StepsAfterStatus.Count > 0 || IsTurn(deployment.Status, status);
        if (!isUrgent && _interval.NextAt(key, now) is { } later) return later;
        _interval.Wrote(key, now);
        return null;
    }

    private static bool IsTurn(ModuleDeploymentStatus before, ModuleDeploymentStatus after) =>
        before.ReleaseStatus?.Progress != after.ReleaseStatus?.Progress
        || before.ObservedReplicas != after.ObservedReplicas
        || !before.Conditions.Select(Kept).SequenceEqual(after.Conditions.Select(Kept));

    private static (string, string, string?) Kept(Condition condition) => (condition.Type, condition.Status, condition.Reason);

    private void Record(ObjectKey key, ModuleDeployment deployment, RolloutPlan plan, Outcome outcome)
    {
        var isStatusWritten = !outcome.Failed.Contains(RolloutOrder.Status);
        var isDone = isStatusWritten && !outcome.Failed.Contains(RolloutOrder.Release);
        var begun = _warnings.Begin(key, deployment.Metadata.Uid, plan.Events.Where(planned => planned.Time == EventTime.Begins));
        foreach (var planned in plan.Events.Where(planned => planned.Time switch
        {
            EventTime.StatusWritten => isStatusWritten,
            EventTime.StepsDone => isDone,
            _ => begun.Contains(planned),
        }))
            events.Record(deployment, planned.IsWarning ? EventRecorder.Warning : EventRecorder.Normal, planned.Reason, planned.Message);
    }

    private void Forget(ObjectKey key)
    {
        _interval.Forget(key);
        _awaitingAgents.TryRemove(key, out _);
        _executor.Forget(key);
        _warnings.Forget(key);
        rejections.Report($"{nameof(ModuleDeployment)} {key}", new Dictionary<ObjectKey, string>());
    }
}
