using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Planning;
using ModuleController.Kube;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>Carries a release out: ReplicaSets and their goals, the Service, the status.</summary>
public sealed partial class ModuleDeploymentReconciler(
    Caches caches, IKubeClient client, IAgentDirectory agents, BaseAgents baseAgents, EventRecorder events, WriteTracker tracker,
    RejectedWrites modules, string ownNamespace, TimeProvider time, ILogger<ModuleDeploymentReconciler> logger) : IReconciler<ModuleDeployment>
{
    public const string FieldManager = "modulecontroller-deployment";

    private readonly ModuleDeploymentObserver _observer = new(caches, agents, baseAgents, ownNamespace);
    private readonly WriteInterval _interval = new(TimeSpan.FromSeconds(1));
    private readonly ConcurrentDictionary<ObjectKey, bool> _awaitingAgents = new();
    private readonly RejectedWrites _rejections = new();

    /// <summary>The ModuleDeployments that wait for an agent's word about a jar, or for agents at all; all others don't care what
    /// agents say.</summary>
    public IEnumerable<ObjectKey> AwaitingAgents => _awaitingAgents.Keys;

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (caches.ModuleDeployments.Get(key) is not { } deployment)
        {
            _interval.Forget(key);
            _awaitingAgents.TryRemove(key, out _);
            _rejections.Forget(key);
            modules.Forget(key);
            return ReconcileResult.Done;
        }

        var now = time.GetUtcNow();
        var state = _observer.Observe(deployment, now, out var agentsAgainAt) with { RejectedWrite = _rejections.Find(key) ?? modules.Find(key) };
        var plan = RolloutPlanner.Plan(state, now);
        if (plan.AwaitsAgents) _awaitingAgents[key] = true;
        else _awaitingAgents.TryRemove(key, out _);
        var current = deployment;
        DateTimeOffset? again;
        try
        {
            foreach (var step in plan.Steps) current = await CarryOutAsync(key, current, step, cancellation);
            (current, again) = await WriteStatusAsync(key, deployment, current, plan, now, cancellation);
            foreach (var step in plan.StepsAfterStatus) current = await CarryOutAsync(key, current, step, cancellation);
        }
        catch (KubeException exception) when (exception.Error.IsRejected && !state.IsNamespaceTerminating)
        {
            if (_rejections.Add(key, exception.Error, now) is { } message) await WriteRejectionAsync(key, current, message, now, cancellation);
            throw;
        }

        foreach (var planned in plan.Events)
            events.Record(deployment, planned.IsWarning ? EventRecorder.Warning : EventRecorder.Normal, planned.Reason, planned.Message);
        // Nothing was rejected this time, which the status does not say yet.
        if (_rejections.Forget(key)) again = now;
        return ReconcileResult.At(new[] { again, plan.LookAgainAt, agentsAgainAt }.Min(), now);
    }

    /// <summary>Written with the caller's view of the object, which may be out of date: then the next reconcile writes it.</summary>
    private async Task WriteRejectionAsync(
        ObjectKey key, ModuleDeployment current, string message, DateTimeOffset now, CancellationToken cancellation)
    {
        events.Record(current, EventRecorder.Warning, Reasons.WriteRejected, message);
        var rejected = current with { Status = RolloutReadiness.Rejected(current, message, now) };
        if (MergePatch.OfStatus(current, rejected, current.Metadata.ResourceVersion) is not { } patch) return;
        tracker.Wrote(key, await client.PatchAsync<ModuleDeployment>(key, patch, new(FieldManager) { Subresource = "status" }, cancellation));
        _interval.Wrote(key, now);
    }

    /// <summary>At most once a second, but at once before a batch begins and when a condition changes.</summary>
    /// <returns>The ModuleDeployment as it is afterwards, and when a status that was held back is due.</returns>
    private async Task<(ModuleDeployment, DateTimeOffset?)> WriteStatusAsync(
        ObjectKey key, ModuleDeployment deployment, ModuleDeployment current, RolloutPlan plan, DateTimeOffset now, CancellationToken cancellation)
    {
        if (plan.Status is not { } status) return (current, null);
        if (MergePatch.OfStatus(deployment, deployment with { Status = status }, current.Metadata.ResourceVersion) is not { } patch)
            return (current, null);
        var isUrgent = plan.StepsAfterStatus.Count > 0 || IsTurn(deployment.Status, status);
        if (!isUrgent && _interval.NextAt(key, now) is { } later) return (current, later);
        var written = await client.PatchAsync<ModuleDeployment>(key, patch, new(FieldManager) { Subresource = "status" }, cancellation);
        tracker.Wrote(key, written);
        _interval.Wrote(key, now);
        return (written, null);
    }

    private static bool IsTurn(ModuleDeploymentStatus before, ModuleDeploymentStatus after) =>
        before.ReleaseStatus?.Progress != after.ReleaseStatus?.Progress
        || before.ObservedReplicas != after.ObservedReplicas
        || !before.Conditions.Select(Kept).SequenceEqual(after.Conditions.Select(Kept));

    private static (string, string, string?) Kept(Condition condition) => (condition.Type, condition.Status, condition.Reason);

    /// <summary>One call. Returns the ModuleDeployment as it is afterwards.</summary>
    private async Task<ModuleDeployment> CarryOutAsync(
        ObjectKey key, ModuleDeployment current, RolloutStep step, CancellationToken cancellation)
    {
        switch (step)
        {
            case RolloutStep.UpdateDeployment update:
                return await UpdateAsync(key, update.Before, update.After, cancellation, current.Metadata.ResourceVersion) ?? current;
            case RolloutStep.CreateReplicaSet create:
                await CreateAsync(key, create.ReplicaSet, cancellation);
                break;
            case RolloutStep.UpdateReplicaSet update:
                await UpdateAsync(key, update.Before, update.After, cancellation);
                break;
            case RolloutStep.ScaleReplicaSet scale:
                await ScaleAsync(key, scale, cancellation);
                break;
            case RolloutStep.DeleteReplicaSet delete:
                await DeleteAsync(key, delete.ReplicaSet, cancellation);
                break;
            case RolloutStep.CreateService create:
                await CreateAsync(key, create.Service, cancellation);
                break;
            case RolloutStep.UpdateService update:
                await UpdateAsync(key, update.Before, update.After, cancellation);
                break;
            case RolloutStep.DeleteService delete:
                await DeleteAsync(key, delete.Service, cancellation);
                break;
            case RolloutStep.Inspect inspect:
                var isSent = agents.TrySend(inspect.Pod, inspect.PodUid, inspect.Command);
                LogInspection(key, inspect.Command.Id, inspect.Pod, isSent);
                break;
        }

        return current;
    }

    private async Task CreateAsync<T>(ObjectKey key, T resource, CancellationToken cancellation) where T : class, IResource
    {
        try
        {
            tracker.Created(key, await client.CreateAsync(resource, FieldManager, cancellation));
            LogCreated(key, T.Kind.Kind, resource.Metadata.Name);
        }
        catch (KubeException exception) when (exception.IsAlreadyExists)
        {
            // The cache was old, or the name is a stranger's: the next look at the cache will tell which.
            LogExists(key, T.Kind.Kind, resource.Metadata.Name);
        }
    }

    private async Task<T?> UpdateAsync<T>(
        ObjectKey key, T before, T after, CancellationToken cancellation, string? version = null) where T : class, IResource
    {
        if (MergePatch.Between(before, after, version) is not { } patch) return null;
        try
        {
            var result = await client.PatchAsync<T>(ObjectKey.Of(before.Metadata), patch, new(FieldManager), cancellation);
            tracker.Wrote(key, result);
            return result;
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            return null;   // gone in between, which wakes us
        }
    }

    private async Task ScaleAsync(ObjectKey key, RolloutStep.ScaleReplicaSet scale, CancellationToken cancellation)
    {
        var (meta, isDeleting) = (scale.ReplicaSet.Metadata, caches.ModuleDeployments.Get(key) is not { Metadata.IsDeleting: false });
        var metadata = new JsonObject { ["uid"] = meta.Uid };
        // Emptying on deletion must not hit what was orphaned since the cache saw it; steps before this one wrote to no old version.
        if (isDeleting) metadata["resourceVersion"] = meta.ResourceVersion;
        var patch = new JsonObject { ["metadata"] = metadata, ["spec"] = new JsonObject { ["replicas"] = scale.Replicas } };
        try
        {
            tracker.Wrote(key, await client.PatchAsync<ModuleReplicaSet>(ObjectKey.Of(meta), patch, new(FieldManager), cancellation));
            LogScaled(key, meta.Name, scale.ReplicaSet.Spec.Replicas, scale.Replicas);
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            LogGone(key, meta.Name);
        }
    }

    private async Task DeleteAsync<T>(ObjectKey key, T resource, CancellationToken cancellation) where T : class, IResource
    {
        var meta = resource.Metadata;
        await client.DeleteAsync<T>(
            ObjectKey.Of(meta), new() { Uid = meta.Uid, ResourceVersion = meta.ResourceVersion, Propagation = PropagationPolicy.Background },
            cancellation);
        tracker.Deleted(key, resource);
        LogDeleted(key, T.Kind.Kind, meta.Name);
    }

    [LoggerMessage(LogLevel.Information, "{Key}: created {Kind} {Name}")]
    private partial void LogCreated(ObjectKey key, string kind, string name);

    [LoggerMessage(LogLevel.Debug, "{Key}: {Kind} {Name} exists already")]
    private partial void LogExists(ObjectKey key, string kind, string name);

    [LoggerMessage(LogLevel.Information, "{Key}: deleted {Kind} {Name}")]
    private partial void LogDeleted(ObjectKey key, string kind, string name);

    [LoggerMessage(LogLevel.Information, "{Key}: scaled {ReplicaSet} from {Before} to {After}")]
    private partial void LogScaled(ObjectKey key, string replicaSet, int before, int after);

    [LoggerMessage(LogLevel.Debug, "{Key}: {ReplicaSet} is gone")]
    private partial void LogGone(ObjectKey key, string replicaSet);

    [LoggerMessage(LogLevel.Information, "{Key}: inspection {Command} on {Pod}, sent: {IsSent}")]
    private partial void LogInspection(ObjectKey key, string command, ObjectKey pod, bool isSent);
}
