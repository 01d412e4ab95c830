using System.Text.Json.Nodes;
using ModuleController.ControlPlane.Observing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Carries out one step of the plan of a base: one call of the API.</summary>
internal sealed partial class PlacementSteps(Caches caches, EventRecorder events, TimeProvider time, ILogger logger)
{
    public async Task CarryOutAsync(ObjectKey key, PlacementStep step, Writes writes, LivePods live)
    {
        switch (step)
        {
            case PlacementStep.ConfirmPodGone confirm:
                await live.ConfirmGoneAsync(confirm.Module, IsOfOtherBase);
                break;
            case PlacementStep.Create create:
                await writes.CreateAsync(ModuleObjects.Created(create));
                LogCreated(key, create.Name, create.Pod?.Name ?? "no pod");
                break;
            case PlacementStep.Adopt adopt:
                await AdoptAsync(key, adopt, writes);
                break;
            case PlacementStep.Bind bind:
                await BindAsync(key, bind, writes);
                break;
            case PlacementStep.Delete delete:
                await DeleteAsync(key, delete, writes);
                break;
            case PlacementStep.Release release:
                await writes.RemoveFinalizersAsync(release.Module, [FinalizerNames.Module, .. FinalizerNames.OfVersion1]);
                break;
            case PlacementStep.Explain explain:
                await writes.PatchStatusAsync(explain.Module, Explained(explain));
                break;
            case PlacementStep.Mark mark:
                await MarkAsync(key, mark, writes);
                break;
            case PlacementStep.ScaleBase scale:
                await ScaleBaseAsync(key, scale, writes);
                break;
        }
    }

    /// <summary>Released, or under a ReplicaSet that the cache knows: then it was observed that the base does not have it.</summary>
    private bool IsOfOtherBase(Pod pod) => pod.Metadata.Controller is not { Kind: "ReplicaSet" } owner
        || (caches.Pods.Get(ObjectKey.Of(pod.Metadata))?.Metadata.Uid == pod.Metadata.Uid
            && caches.ReplicaSets.Get(new(pod.Metadata.Namespace!, owner.Name))?.Metadata.Uid == owner.Uid);

    private async Task AdoptAsync(ObjectKey key, PlacementStep.Adopt step, Writes writes)
    {
        if (await writes.PatchAsync(step.Module, ModuleObjects.Adopted(step)) is not null)
            LogAdopted(key, step.Module.Metadata.Name, step.ReplicaSet.Metadata.Name);
    }

    private async Task BindAsync(ObjectKey key, PlacementStep.Bind step, Writes writes)
    {
        var (meta, spec) = (step.Module.Metadata, step.Module.Spec);
        var labels = new Dictionary<string, string>(meta.Labels);
        foreach (var (name, value) in ModuleObjects.LabelsOf(step.Pod)) labels[name] = value;
        var bound = await writes.PatchAsync(step.Module, step.Module with
        {
            Metadata = meta with { Labels = labels },
            Spec = spec with { PodName = step.Pod.Name, PodUid = step.Pod.Uid, Replaces = step.Replaces?.Metadata.Uid },
        });
        if (bound is not null) LogBound(key, meta.Name, step.Pod.Name);
    }

    private async Task DeleteAsync(ObjectKey key, PlacementStep.Delete step, Writes writes)
    {
        await writes.DeleteAsync(step.Module);
        LogDeleted(key, step.Module.Metadata.Name, step.Why);
        if (step.Notify is { Metadata.IsDeleting: false } deployment)
            events.Record(deployment, EventRecorder.Warning, Reasons.ModuleReplaced,
                $"Module {step.Module.Metadata.Name} on base pod {step.Module.Spec.PodName} is replaced: {step.Why}");
    }

    private Module Explained(PlacementStep.Explain step)
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
        return module with
        {
            Status = module.Status with
            {
                Status = ModulePhase.Pending,
                Message = step.Message,
                LastTransitionTime = module.Status is { Status: ModulePhase.Pending, LastTransitionTime: { } since } ? since : now,
                Conditions = module.Status.Conditions.With(scheduled, now),
            },
        };
    }

    private static async Task MarkAsync(ObjectKey key, PlacementStep.Mark step, Writes writes)
    {
        var pod = new Pod { Metadata = new() { Name = step.Pod.Name, Namespace = key.Namespace, Uid = step.Pod.Uid } };
        await writes.PatchAsync(pod, new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["uid"] = step.Pod.Uid,
                ["annotations"] = new JsonObject { [Annotations.PodDeletionCost] = step.Cost },
            },
        });
    }

    /// <summary>Writes the numbers of pods and surge pods together, and only if the Deployment still has the observed version.</summary>
    private async Task ScaleBaseAsync(ObjectKey key, PlacementStep.ScaleBase step, Writes writes)
    {
        var deployment = step.Base.Deployment;
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["uid"] = deployment.Metadata.Uid,
                ["resourceVersion"] = deployment.Metadata.ResourceVersion,
                ["annotations"] = new JsonObject { [Annotations.AddedReplicas] = step.Surge?.ToString() },
            },
        };
        var isScaled = step.Replicas != step.Base.Replicas;
        if (isScaled) patch["spec"] = new JsonObject { ["replicas"] = step.Replicas };
        if (await writes.PatchAsync(deployment, patch) is null) return;
        LogScaled(key, step.Why);
        if (isScaled) events.Record(deployment, EventRecorder.Normal, Reasons.BaseScaled, step.Why);
        else events.Record(deployment, EventRecorder.Warning, Reasons.BaseScalingForgotten, step.Why);
    }

    [LoggerMessage(LogLevel.Information, "{Key}: created Module {Module} on {Pod}")]
    private partial void LogCreated(ObjectKey key, string module, string pod);

    [LoggerMessage(LogLevel.Information, "{Key}: orphaned Module {Module} was adopted by {ReplicaSet}")]
    private partial void LogAdopted(ObjectKey key, string module, string replicaSet);

    [LoggerMessage(LogLevel.Information, "{Key}: bound Module {Module} to {Pod}")]
    private partial void LogBound(ObjectKey key, string module, string pod);

    [LoggerMessage(LogLevel.Information, "{Key}: deleted Module {Module}: {Why}")]
    private partial void LogDeleted(ObjectKey key, string module, string why);

    [LoggerMessage(LogLevel.Information, "{Key}: {Why}")]
    private partial void LogScaled(ObjectKey key, string why);
}
