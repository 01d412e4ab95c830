using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Meta;
using ModuleController.Core.Rollouts;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Carries out one step of a ModuleDeployment's plan: one call of the API, or one command to an agent.</summary>
internal sealed partial class RolloutSteps(IAgentDirectory agents, ILogger logger)
{
    public async Task CarryOutAsync(ObjectKey key, RolloutStep step, Writes writes)
    {
        switch (step)
        {
            case RolloutStep.UpdateDeployment update:
                await writes.PatchAsync(update.Before, update.After);
                break;
            case RolloutStep.WriteStatus write:
                await writes.PatchStatusAsync(write.Deployment, write.Deployment with { Status = write.Status });
                break;
            case RolloutStep.CreateReplicaSet create:
                await CreateAsync(key, create.ReplicaSet, writes);
                break;
            case RolloutStep.UpdateReplicaSet update:
                await writes.PatchAsync(update.Before, update.After);
                break;
            case RolloutStep.ScaleReplicaSet scale:
                await ScaleAsync(key, scale, writes);
                break;
            case RolloutStep.DeleteReplicaSet delete:
                await DeleteAsync(key, delete.ReplicaSet, writes);
                break;
            case RolloutStep.CreateService create:
                await CreateAsync(key, create.Service, writes);
                break;
            case RolloutStep.UpdateService update:
                await writes.PatchAsync(update.Before, update.After);
                break;
            case RolloutStep.DeleteService delete:
                await DeleteAsync(key, delete.Service, writes);
                break;
            case RolloutStep.Inspect inspect:
                var isSent = agents.TrySend(inspect.Pod, inspect.PodUid, inspect.Command);
                LogInspection(key, inspect.Command.Id, inspect.Pod, isSent);
                break;
        }
    }

    private async Task CreateAsync<T>(ObjectKey key, T resource, Writes writes) where T : class, IResource
    {
        await writes.CreateAsync(resource);
        LogCreated(key, T.Kind.Kind, resource.Metadata.Name);
    }

    private async Task ScaleAsync(ObjectKey key, RolloutStep.ScaleReplicaSet scale, Writes writes)
    {
        var before = scale.ReplicaSet;
        if (await writes.PatchAsync(before, before with { Spec = before.Spec with { Replicas = scale.Replicas } }) is not null)
            LogScaled(key, before.Metadata.Name, before.Spec.Replicas, scale.Replicas);
    }

    private async Task DeleteAsync<T>(ObjectKey key, T resource, Writes writes) where T : class, IResource
    {
        var meta = resource.Metadata;
        await writes.DeleteAsync(resource, new() { ResourceVersion = meta.ResourceVersion, Propagation = PropagationPolicy.Background });
        LogDeleted(key, T.Kind.Kind, meta.Name);
    }

    [LoggerMessage(LogLevel.Information, "{Key}: created {Kind} {Name}")]
    private partial void LogCreated(ObjectKey key, string kind, string name);

    [LoggerMessage(LogLevel.Information, "{Key}: deleted {Kind} {Name}")]
    private partial void LogDeleted(ObjectKey key, string kind, string name);

    [LoggerMessage(LogLevel.Information, "{Key}: scaled {ReplicaSet} from {Before} to {After}")]
    private partial void LogScaled(ObjectKey key, string replicaSet, int before, int after);

    [LoggerMessage(LogLevel.Information, "{Key}: inspection {Command} on {Pod}, sent: {IsSent}")]
    private partial void LogInspection(ObjectKey key, string command, ObjectKey pod, bool isSent);
}
