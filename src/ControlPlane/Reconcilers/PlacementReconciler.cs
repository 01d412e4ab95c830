using System.Collections.Concurrent;
using ModuleController.ControlPlane.Agents;
using ModuleController.ControlPlane.Observing;
using ModuleController.ControlPlane.Reconcilers.Execution;
using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Injection;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>Creates, binds and deletes the Modules of one base, and scales it where a release needs that: one key, so that two
/// never take one place.</summary>
public sealed partial class PlacementReconciler(
    Caches caches, IKubeClient client, IAgentDirectory agents, BaseAgents baseAgents, EventRecorder events, WriteTracker tracker,
    RejectedWrites rejections, ArtifactPolicies policies, InjectionScope injection, TimeSpan podGrace, TimeProvider time,
    ILogger<PlacementReconciler> logger)
        : IReconciler<Deployment>
{
    public const string FieldManager = "modulecontroller-placement";

    private readonly PlacementObserver _observer = new(caches, agents, baseAgents, policies, injection, podGrace);
    private readonly Executor _executor = new(time, logger);
    private readonly PlacementSteps _steps = new(caches, events, time, logger);
    private readonly CountLabels _counts = new(caches);
    private readonly StandingWarnings<string> _warnings = new();
    private readonly WriteInterval _messages = new(TimeSpan.FromSeconds(30));

    // A base is scaled only 2 s after its pods got deletion costs: the cache of Kubernetes' ReplicaSet controller may be behind ours.
    private readonly WriteInterval _marks = new(TimeSpan.FromSeconds(2));

    // Bases with a Warning about disconnected agents.
    private readonly ConcurrentDictionary<ObjectKey, bool> _reportedOutages = new();

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        if (_observer.Observe(key, now, out var requeueAt) is not { } state)
        {
            Forget(key);
            return ReconcileResult.Done;
        }

        ReportOutage(key, state);
        var nextMessages = _messages.NextAt(key, now);
        var marksObservedAt = _marks.NextAt(key, now);
        var plan = PlacementPlanner.Plan(
            state with { MayRefreshMessages = nextMessages is null, AreMarksObserved = marksObservedAt is null }, now);
        // Before the write: its answer may be lost.
        if (plan.Steps.Any(step => step is PlacementStep.Explain)) _messages.Wrote(key, now);
        if (plan.Steps.Any(step => step is PlacementStep.Mark)) _marks.Wrote(key, now);
        var writes = new Writes(client, tracker, _executor.AnsweredWrites, key, FieldManager, cancellation);
        var live = new LivePods(client, cancellation);
        var outcome = await _executor.ExecuteAsync(key, PlacementOrder.Of(state, plan), async step =>
        {
            if (step is PlacementStep.WriteCounts write) return await _counts.WriteAsync(key, write.Counts, now, writes);
            await _steps.CarryOutAsync(key, step, writes, live);
            return null;
        });
        rejections.Report(Source(key), outcome.Rejections);
        if (state.Base?.Deployment is { } deployment)
            foreach (var message in _warnings.Begin(key, deployment.Metadata.Uid, outcome.OwnRejections))
                events.Record(deployment, EventRecorder.Warning, Reasons.WriteRejected, message);
        outcome.ThrowIfInterrupted();
        var isWaiting = state.Groups.SelectMany(group => group.Sets).SelectMany(set => set.Modules).Any(module => !module.IsBound);
        return ReconcileResult.At(
            new[] { outcome.RetryAt, requeueAt, plan.RequeueAt, marksObservedAt, isWaiting ? nextMessages : null }.Min(), now);
    }

    private static string Source(ObjectKey key) => $"Placement {key}";

    private void ReportOutage(ObjectKey key, PlacementState state)
    {
        if (state.Base?.Deployment is not { } deployment || (state.Outage is not null) == _reportedOutages.ContainsKey(key)) return;
        if (state.Outage is { } outage)
        {
            _reportedOutages[key] = true;
            LogHeld(key, outage);
            events.Record(deployment, EventRecorder.Warning, Reasons.AgentsVanished, outage.ToString());
        }
        else
        {
            _reportedOutages.TryRemove(key, out _);
            LogResumed(key);
            events.Record(deployment, EventRecorder.Normal, Reasons.AgentsReturned,
                "the agents of the base are connected again, or the hold has ended");
        }
    }

    private void Forget(ObjectKey key)
    {
        _messages.Forget(key);
        _marks.Forget(key);
        _counts.Forget(key);
        _reportedOutages.TryRemove(key, out _);
        _executor.Forget(key);
        _warnings.Forget(key);
        rejections.Report(Source(key), new Dictionary<ObjectKey, string>());
    }

    [LoggerMessage(LogLevel.Warning, "{Key}: {Outage}")]
    private partial void LogHeld(ObjectKey key, AgentOutage outage);

    [LoggerMessage(LogLevel.Information, "{Key}: the agents are connected again, or the hold has ended")]
    private partial void LogResumed(ObjectKey key);
}
