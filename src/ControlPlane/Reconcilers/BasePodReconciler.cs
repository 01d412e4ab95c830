using System.Collections.Concurrent;
using ModuleController.ControlPlane.Agents;
using ModuleController.ControlPlane.Observing;
using ModuleController.ControlPlane.Reconcilers.Execution;
using ModuleController.Core.BasePods;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>The one decider of a base pod: its labels and readiness gate, the statuses and finalizers of its Modules, and its
/// commands.</summary>
/// <remarks>What the planner remembers is kept before anything is carried out, so that no failure loses it.</remarks>
public sealed partial class BasePodReconciler(
    BasePodObserver observer, IKubeClient client, WriteTracker tracker, RejectedWrites rejections, EventRecorder events,
    IAgentDirectory agents,
    TimeProvider time, ILogger<BasePodReconciler> logger) : IReconciler<Pod>
{
    public const string FieldManager = "modulecontroller-basepod";

    private static readonly TimeSpan SendAgain = TimeSpan.FromSeconds(1);

    private readonly Executor _executor = new(time, logger);
    private readonly BasePodSteps _steps = new(FieldManager, logger);
    private readonly StandingWarnings<(string? Module, string Reason, string Message)> _warnings = new();

    // State that is kept in memory only, by pod UID: a pod recreated with the same name starts without it.
    private readonly ConcurrentDictionary<ObjectKey, (string? PodUid, BasePodMemory Memory)> _memories = new();

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        var pod = observer.Find(key);
        var uid = pod?.Metadata.Uid;
        var remembered = _memories.TryGetValue(key, out var found) && found.PodUid == uid ? found.Memory : BasePodMemory.Empty;
        if (observer.Observe(key, pod, remembered) is not { } state)
        {
            Forget(key);
            return ReconcileResult.Done;
        }

        var now = time.GetUtcNow();
        var plan = BasePodPlanner.Plan(state, now);
        _memories[key] = (uid, plan.Memory);
        var writes = new Writes(client, tracker, _executor.AnsweredWrites, key, FieldManager, cancellation);
        var live = new LiveReads(new(client, cancellation), new(client, key, cancellation));
        var order = BasePodOrder.Of(state, plan, _executor.IsFailing(key, BasePodOrder.IsOfLabels));
        var outcome = await _executor.ExecuteAsync(key, order, async step =>
        {
            await _steps.CarryOutAsync(key, pod, step, writes, live);
            return null;
        });
        rejections.Report(Source(key), outcome.Rejections);
        Record(state, plan, outcome);
        if (outcome.Failed.Contains(BasePodOrder.Gate))
            _memories[key] = (uid,
                plan.Memory with { GateClosedSince = remembered.GateClosedSince, GateReportedAt = remembered.GateReportedAt });
        var sendAt = Send(key, state, plan, outcome, now);
        outcome.ThrowIfInterrupted();
        return ReconcileResult.At(new[] { plan.RequeueAt, outcome.RetryAt, sendAt }.Min(), now);
    }

    /// <returns>When to try again; null: the command was sent, or there is no command to send.</returns>
    private DateTimeOffset? Send(ObjectKey key, BasePodState state, BasePodPlan plan, Outcome outcome, DateTimeOffset now)
    {
        if (BasePodOrder.Next(state, plan, outcome.Failed) is not { } command) return null;
        var uid = state.Pod?.Metadata.Uid;
        if (!agents.TrySend(key, uid!, command)) return now + SendAgain;
        _memories[key] = (uid, _memories[key].Memory.WithSent(command));
        LogSent(key, command.Id, command.Name, command.Version);
        return null;
    }

    /// <summary>Once per change. What was decided on a stale cache is not recorded.</summary>
    private void Record(BasePodState state, BasePodPlan plan, Outcome outcome)
    {
        var planned = plan.Events.Where(item => item.Module is not { } module
            || !outcome.Failed.Contains(BasePodOrder.UnitOf(module)) || outcome.Rejected.Contains(BasePodOrder.UnitOf(module))).ToList();
        if (state.Pod is { } pod)
            planned.AddRange(outcome.OwnRejections.Select(message => new BasePodEvent(null, Reasons.WriteRejected, message)));
        var begun = _warnings.Begin(
            state.Key, state.Pod?.Metadata.Uid, planned.Select(item => (item.Module?.Metadata.Uid, item.Reason, item.Message))).ToHashSet();
        foreach (var item in planned.Where(item => begun.Remove((item.Module?.Metadata.Uid, item.Reason, item.Message))))
            if (item.Module is not null) events.Record(item.Module, EventRecorder.Warning, item.Reason, item.Message);
            else if (state.Pod is not null) events.Record(state.Pod, EventRecorder.Warning, item.Reason, item.Message);
    }

    private void Forget(ObjectKey key)
    {
        _memories.TryRemove(key, out _);
        _executor.Forget(key);
        _warnings.Forget(key);
        rejections.Report(Source(key), new Dictionary<ObjectKey, string>());
    }

    private static string Source(ObjectKey key) => $"{nameof(Pod)} {key}";

    [LoggerMessage(LogLevel.Information, "Pod {Pod}: sent {Command} for {Name}:{Version}")]
    private partial void LogSent(ObjectKey pod, string command, string name, string version);
}
