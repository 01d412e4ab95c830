using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Planning;
using ModuleController.Kube;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>Creates, binds and deletes the Modules of one base, and scales it where a release needs that: one key, so that two
/// never take one place.</summary>
public sealed partial class PlacementReconciler(
    Caches caches, IKubeClient client, IAgentDirectory agents, BaseAgents baseAgents, EventRecorder events, WriteTracker tracker,
    RejectedWrites rejectedModules, TimeSpan podGrace, TimeProvider time, ILogger<PlacementReconciler> logger) : IReconciler<Deployment>
{
    public const string FieldManager = "modulecontroller-placement";

    private readonly ModuleCreations _creations = new(client, FieldManager, events, tracker, rejectedModules, logger);
    private readonly PlacementObserver _observer = new(caches, agents, baseAgents, podGrace);
    private readonly WriteInterval _messages = new(TimeSpan.FromSeconds(30));
    private readonly WriteInterval _counts = new(TimeSpan.FromSeconds(10));

    // Kubernetes' ReplicaSet controller reads the costs from a cache of its own, which may be behind ours: seen with 1.34 under load.
    private readonly WriteInterval _marks = new(TimeSpan.FromSeconds(2));

    // Bases of which an operator was told that they are held.
    private readonly ConcurrentDictionary<ObjectKey, bool> _held = new();

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        if (_observer.Observe(key, now, out var lookAgainAt) is not { } state)
        {
            _messages.Forget(key);
            _counts.Forget(key);
            _marks.Forget(key);
            _held.TryRemove(key, out _);
            return ReconcileResult.Done;
        }

        TellOutage(key, state);
        var nextMessages = _messages.NextAt(key, now);
        var marksObservedAt = _marks.NextAt(key, now);
        var plan = PlacementPlanner.Plan(
            state with { MayRefreshMessages = nextMessages is null, AreMarksObserved = marksObservedAt is null }, now);
        DateTimeOffset? retryAt = null;
        try
        {
            retryAt = await CarryOutAsync(key, state, plan.Steps, now, cancellation);
        }
        catch (KubeException exception) when (exception.Error.IsNamespaceTerminating)
        {
            LogTerminating(key);   // the namespace's end is on its way to our cache
        }

        if (plan.Steps.OfType<PlacementStep.Explain>().Any()) _messages.Wrote(key, now);
        var nextCounts = await WriteCountsAsync(key, plan.Counts, now, cancellation);
        var isWaiting = state.Groups.SelectMany(group => group.Sets).SelectMany(set => set.Modules).Any(module => !module.IsBound);
        return ReconcileResult.At(
            new[] { retryAt, lookAgainAt, plan.LookAgainAt, marksObservedAt, nextCounts, isWaiting ? nextMessages : null }.Min(), now);
    }

    private void TellOutage(ObjectKey key, PlacementState state)
    {
        if (state.Base?.Deployment is not { } deployment || (state.Outage is not null) == _held.ContainsKey(key)) return;
        if (state.Outage is { } outage)
        {
            _held[key] = true;
            LogHeld(key, outage);
            events.Record(deployment, EventRecorder.Warning, Reasons.AgentsVanished, outage.ToString());
        }
        else
        {
            _held.TryRemove(key, out _);
            LogResumed(key);
            events.Record(deployment, EventRecorder.Normal, Reasons.AgentsReturned, "agents of the base are back, or were waited for long enough");
        }
    }

    /// <returns>When what the API server has rejected is tried again.</returns>
    private async Task<DateTimeOffset?> CarryOutAsync(
        ObjectKey key, PlacementState state, IReadOnlyList<PlacementStep> steps, DateTimeOffset now, CancellationToken cancellation)
    {
        // A new Module exists before the one that it replaces goes: a crash in between leaves one too many, never one too few.
        var rejected = await _creations.CreateAsync(key, [.. steps.OfType<PlacementStep.Create>()], cancellation);
        steps = ModuleCreations.Without(steps, rejected);
        await SlowStart.RunAsync([.. steps.OfType<PlacementStep.Bind>()], step => BindAsync(key, step, cancellation));
        await SlowStart.RunAsync([.. steps.OfType<PlacementStep.Delete>()], step => DeleteAsync(key, step, cancellation));
        await SlowStart.RunAsync([.. steps.OfType<PlacementStep.Release>()], step => ReleaseAsync(key, step.Module, cancellation));
        await SlowStart.RunAsync([.. steps.OfType<PlacementStep.Explain>()], step => ExplainAsync(key, step, cancellation));
        await SlowStart.RunAsync([.. steps.OfType<PlacementStep.Mark>()], step => MarkAsync(key, step, cancellation));
        foreach (var step in steps.OfType<PlacementStep.ScaleBase>()) await ScaleBaseAsync(key, step, cancellation);
        return _creations.RetryAt(state, rejected, now);
    }

    private async Task BindAsync(ObjectKey key, PlacementStep.Bind step, CancellationToken cancellation)
    {
        var (meta, spec) = (step.Module.Metadata, step.Module.Spec);
        var labels = new Dictionary<string, string>(meta.Labels);
        foreach (var (name, value) in PlacementModules.LabelsOf(step.Pod)) labels[name] = value;
        await PatchAsync(key, step.Module, step.Module with
        {
            Metadata = meta with { Labels = labels },
            Spec = spec with { PodName = step.Pod.Name, PodUid = step.Pod.Uid, Replaces = step.Replaces?.Metadata.Uid },
        }, cancellation);
        LogBound(key, meta.Name, step.Pod.Name);
    }

    private async Task PatchAsync(ObjectKey key, Module before, Module after, CancellationToken cancellation)
    {
        if (MergePatch.Between(before, after) is not { } patch) return;
        try
        {
            tracker.Wrote(key, await client.PatchAsync<Module>(ObjectKey.Of(before.Metadata), patch, new(FieldManager), cancellation));
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            LogGone(key, before.Metadata.Name);
        }
    }

    private async Task DeleteAsync(ObjectKey key, PlacementStep.Delete step, CancellationToken cancellation)
    {
        var meta = step.Module.Metadata;
        await client.DeleteAsync<Module>(ObjectKey.Of(meta), new() { Uid = meta.Uid }, cancellation);
        tracker.Deleted(key, step.Module);
        LogDeleted(key, meta.Name, step.Why);
        if (step.Tell is { Metadata.IsDeleting: false } deployment)
            events.Record(deployment, EventRecorder.Warning, Reasons.ModuleReplaced,
                $"Module {meta.Name} on base pod {step.Module.Spec.PodName} is replaced: {step.Why}");
    }

    private async Task ReleaseAsync(ObjectKey key, Module module, CancellationToken cancellation)
    {
        var result = await client.RemoveFinalizersAsync(
            module, [FinalizerNames.Module, .. FinalizerNames.OfVersion1], FieldManager, cancellation);
        if (result is not null) tracker.Wrote(key, result);
        else tracker.NotFound(key, module);
    }

    private async Task ExplainAsync(ObjectKey key, PlacementStep.Explain step, CancellationToken cancellation)
    {
        var (module, now) = (step.Module, time.GetUtcNow());
        var scheduled = new Condition
        {
            Type = ModuleConditions.Scheduled,
            Status = Condition.False,
            Reason = step.Reason,
            Message = step.Message,
            ObservedGeneration = module.Metadata.Generation,
        };
        var status = module.Status with
        {
            Status = ModulePhase.Pending,
            Message = step.Message,
            LastTransitionTime = module.Status.Status == ModulePhase.Pending ? module.Status.LastTransitionTime : now,
            Conditions = module.Status.Conditions.With(scheduled, now),
        };
        if (MergePatch.OfStatus(module, module with { Status = status }, module.Metadata.ResourceVersion) is not { } patch) return;
        tracker.Wrote(key, await client.PatchAsync<Module>(
            ObjectKey.Of(module.Metadata), patch, new(FieldManager) { Subresource = "status" }, cancellation));
    }

    private async Task MarkAsync(ObjectKey key, PlacementStep.Mark step, CancellationToken cancellation)
    {
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["uid"] = step.Pod.Uid,
                ["annotations"] = new JsonObject { [Annotations.PodDeletionCost] = step.Cost?.ToString(CultureInfo.InvariantCulture) },
            },
        };
        try
        {
            tracker.Wrote(key, await client.PatchAsync<Pod>(new(key.Namespace, step.Pod.Name), patch, new(FieldManager), cancellation));
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            LogGone(key, step.Pod.Name);
        }
        finally
        {
            _marks.Wrote(key, time.GetUtcNow());   // also where the answer was lost
        }
    }

    /// <summary>The number and what of it is ours, in one write, and only on top of what was seen: else both would be wrong.</summary>
    private async Task ScaleBaseAsync(ObjectKey key, PlacementStep.ScaleBase step, CancellationToken cancellation)
    {
        var deployment = step.Base.Deployment;
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["uid"] = deployment.Metadata.Uid,
                ["resourceVersion"] = deployment.Metadata.ResourceVersion,
                ["annotations"] = new JsonObject { [Annotations.AddedReplicas] = step.Added?.ToString() },
            },
        };
        var isScaled = step.Replicas != step.Base.Replicas;
        if (isScaled) patch["spec"] = new JsonObject { ["replicas"] = step.Replicas };
        tracker.Wrote(key, await client.PatchAsync<Deployment>(key, patch, new(FieldManager), cancellation));
        LogScaled(key, step.Why);
        if (isScaled) events.Record(deployment, EventRecorder.Normal, Reasons.BaseScaled, step.Why);
        else if (step.Base.Added is { IsVeto: false }) events.Record(deployment, EventRecorder.Warning, Reasons.BaseScalingForgotten, step.Why);
    }

    /// <summary>The labels about module counts on the base Deployment.</summary>
    /// <returns>When labels that were held back are due.</returns>
    private async Task<DateTimeOffset?> WriteCountsAsync(
        ObjectKey key, IReadOnlyList<int> counts, DateTimeOffset now, CancellationToken cancellation)
    {
        if (caches.Deployments.Get(key) is not { Metadata.IsDeleting: false } deployment || counts.Count == 0) return null;
        (string Label, string Value)[] wanted =
        [
            (Labels.MaxCountOnBase, counts.Max().ToString(CultureInfo.InvariantCulture)),
            (Labels.MinCountOnBase, counts.Min().ToString(CultureInfo.InvariantCulture)),
            (Labels.AverageCountOnBase, counts.Average().ToString("0.##", CultureInfo.InvariantCulture)),
        ];
        var changed = wanted.Where(label => deployment.Metadata.Labels.GetValueOrDefault(label.Label) != label.Value).ToList();
        if (changed.Count == 0) return null;
        if (_counts.NextAt(key, now) is { } later) return later;
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["uid"] = deployment.Metadata.Uid,
                ["labels"] = new JsonObject(changed.Select(label => KeyValuePair.Create(label.Label, (JsonNode?)label.Value))),
            },
        };
        try
        {
            tracker.Wrote(key, await client.PatchAsync<Deployment>(key, patch, new(FieldManager), cancellation));
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            LogGone(key, key.Name);
        }

        _counts.Wrote(key, now);
        return null;
    }

    [LoggerMessage(LogLevel.Information, "{Key}: bound Module {Module} to {Pod}")]
    private partial void LogBound(ObjectKey key, string module, string pod);

    [LoggerMessage(LogLevel.Information, "{Key}: deleted Module {Module}: {Why}")]
    private partial void LogDeleted(ObjectKey key, string module, string why);

    [LoggerMessage(LogLevel.Warning, "{Key}: {Outage}")]
    private partial void LogHeld(ObjectKey key, AgentOutage outage);

    [LoggerMessage(LogLevel.Information, "{Key}: the agents are back, or were waited for long enough")]
    private partial void LogResumed(ObjectKey key);

    [LoggerMessage(LogLevel.Information, "{Key}: {Why}")]
    private partial void LogScaled(ObjectKey key, string why);

    [LoggerMessage(LogLevel.Debug, "{Key}: {Name} is gone")]
    private partial void LogGone(ObjectKey key, string name);

    [LoggerMessage(LogLevel.Debug, "{Key}: the namespace terminates")]
    private partial void LogTerminating(ObjectKey key);
}
