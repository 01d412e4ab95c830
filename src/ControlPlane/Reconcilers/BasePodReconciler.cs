using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Planning;
using ModuleController.Kube;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>The one decider of a base pod: its labels and readiness gate, the statuses and finalizers of its Modules, and its commands.</summary>
/// <remarks>
/// What a plan says is carried out in its order, so that a label is on before a status says Available, and a failure is
/// in the status before the next attempt leaves. Where one step fails, those after it wait for the next reconcile.
/// </remarks>
public sealed partial class BasePodReconciler(
    BasePodObserver observer, IKubeClient client, WriteTracker writes, EventRecorder events, IAgentDirectory agents,
    TimeProvider time, ILogger<BasePodReconciler> logger) : IReconciler<Pod>
{
    public const string FieldManager = "modulecontroller-basepod";

    private static readonly TimeSpan SendAgain = TimeSpan.FromSeconds(1);

    // What is only remembered. A pod that is made anew under its name starts with nothing.
    private readonly ConcurrentDictionary<ObjectKey, (string? PodUid, BasePodMemory Memory)> _memories = new();

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        var pod = observer.Find(key);
        var uid = pod?.Metadata.Uid;
        var remembered = _memories.TryGetValue(key, out var found) && found.PodUid == uid ? found.Memory : BasePodMemory.Empty;
        if (observer.Observe(key, pod, remembered) is not { } state)
        {
            _memories.TryRemove(key, out _);
            return ReconcileResult.Done;
        }

        var now = time.GetUtcNow();
        var plan = BasePodPlanner.Plan(state, now);
        if (plan.Labels.Count > 0) await PatchLabelsAsync(key, pod!, plan.Labels, cancellation);
        foreach (var change in plan.Statuses)
        {
            await WriteStatusAsync(key, change, cancellation);
            // At once: where a later write fails, the next look finds the status as it should be and has nothing to tell.
            foreach (var item in plan.Events.Where(item => ReferenceEquals(item.Module, change.Module))) Record(state, item);
        }

        if (plan.Gate is { } gate) await PatchGateAsync(key, pod!, gate, cancellation);
        foreach (var removal in plan.Finalizers) await RemoveFinalizersAsync(key, removal, cancellation);
        foreach (var item in plan.Events.Where(item => !plan.Statuses.Any(change => ReferenceEquals(change.Module, item.Module)))) Record(state, item);
        var memory = plan.Memory;
        var lookAgain = plan.LookAgainAt;
        if (plan.Command is { } command)
        {
            if (agents.TrySend(key, uid!, command))
            {
                memory = memory.WithSent(command);
                LogSent(key, command.Id, command.Name, command.Version);
            }
            else if (lookAgain is null || lookAgain > now + SendAgain) lookAgain = now + SendAgain;
        }

        if (plan.DeletesPod) await DeletePodAsync(key, pod!, cancellation);
        _memories[key] = (uid, memory);
        return ReconcileResult.At(lookAgain, now);
    }

    private async Task PatchLabelsAsync(
        ObjectKey key, Pod pod, IReadOnlyDictionary<string, string?> labels, CancellationToken cancellation)
    {
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["uid"] = pod.Metadata.Uid,
                ["labels"] = new JsonObject(labels.Select(label => KeyValuePair.Create(label.Key, (JsonNode?)label.Value))),
            },
        };
        if (await TryAsync(() => client.PatchAsync<Pod>(key, patch, new(FieldManager), cancellation)) is { } written)
            writes.Wrote(key, written);
    }

    // A merge patch would replace the whole list, and with it what the kubelet says.
    private async Task PatchGateAsync(ObjectKey key, Pod pod, Condition condition, CancellationToken cancellation)
    {
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid },
            ["status"] = new JsonObject
            {
                ["conditions"] = new JsonArray(new JsonObject
                {
                    ["type"] = condition.Type,
                    ["status"] = condition.Status,
                    ["reason"] = condition.Reason,
                    ["message"] = condition.Message,
                    ["lastTransitionTime"] = RolloutHistory.Text(condition.LastTransitionTime!.Value),
                }),
            },
        };
        var options = new PatchOptions(FieldManager) { Subresource = "status", IsStrategic = true };
        if (await TryAsync(() => client.PatchAsync<Pod>(key, patch, options, cancellation)) is not { } written) return;
        writes.Wrote(key, written);
        LogGate(key, condition.Status, condition.Message!);
    }

    private async Task DeletePodAsync(ObjectKey key, Pod pod, CancellationToken cancellation)
    {
        await client.DeleteAsync<Pod>(key, new() { Uid = pod.Metadata.Uid }, cancellation);
        writes.Deleted(key, pod);
        LogDeleted(key);
    }

    private async Task WriteStatusAsync(ObjectKey key, ModuleStatusChange change, CancellationToken cancellation)
    {
        var meta = change.Module.Metadata;
        if (MergePatch.OfStatus(change.Module, change.Module with { Status = change.Status }, meta.ResourceVersion) is not { } patch) return;
        var options = new PatchOptions(FieldManager) { Subresource = "status" };
        if (await TryAsync(() => client.PatchAsync<Module>(ObjectKey.Of(meta), patch, options, cancellation)) is { } written)
            writes.Wrote(key, written);
    }

    private async Task RemoveFinalizersAsync(ObjectKey key, FinalizerRemoval removal, CancellationToken cancellation)
    {
        var finalizers = removal.Module.Metadata.Finalizers.Except(removal.Remaining).ToList();
        if (await client.RemoveFinalizersAsync(removal.Module, finalizers, FieldManager, cancellation) is { } written)
            writes.Wrote(key, written);
        else writes.NotFound(key, removal.Module);
        LogReleased(key, removal.Module.Metadata.Name);
    }

    private void Record(BasePodState state, BasePodEvent item)
    {
        if (item.Module is not null) events.Record(item.Module, EventRecorder.Warning, item.Reason, item.Message);
        else if (state.Pod is not null) events.Record(state.Pod, EventRecorder.Warning, item.Reason, item.Message);
    }

    // What has gone meanwhile needs no change, and the cache will say so.
    private static async Task<T?> TryAsync<T>(Func<Task<T>> write) where T : class
    {
        try
        {
            return await write();
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            return null;
        }
    }

    [LoggerMessage(LogLevel.Information, "Pod {Pod}: sent {Command} for {Name}:{Version}")]
    private partial void LogSent(ObjectKey pod, string command, string name, string version);

    [LoggerMessage(LogLevel.Information, "Pod {Pod}: readiness gate {Status}: {Message}")]
    private partial void LogGate(ObjectKey pod, string status, string message);

    [LoggerMessage(LogLevel.Information, "Pod {Pod}: deleted, as its label asks")]
    private partial void LogDeleted(ObjectKey pod);

    [LoggerMessage(LogLevel.Information, "Pod {Pod}: let Module {Module} go")]
    private partial void LogReleased(ObjectKey pod, string module);
}
