using System.Text.Json.Nodes;
using ModuleController.Core.BasePods;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Carries out one step of the plan of a base pod: one call of the API.</summary>
internal sealed partial class BasePodSteps(string fieldManager, ILogger logger)
{
    /// <param name="pod">The base pod; null: steps about Modules alone are planned.</param>
    public async Task CarryOutAsync(ObjectKey key, Pod? pod, BasePodStep step, Writes writes, LiveReads live)
    {
        switch (step)
        {
            case BasePodStep.SetLabels set:
                await writes.PatchAsync(pod!, new JsonObject
                {
                    ["metadata"] = new JsonObject
                    {
                        ["uid"] = pod!.Metadata.Uid,
                        ["labels"] = new JsonObject(set.Labels.Select(label => KeyValuePair.Create(label.Key, (JsonNode?)label.Value))),
                    },
                });
                break;
            case BasePodStep.WriteStatus write:
                await writes.PatchStatusAsync(write.Module, write.Module with { Status = write.Status });
                break;
            case BasePodStep.SetGate set:
                await SetGateAsync(key, pod!, set.Condition, writes);
                break;
            case BasePodStep.RemoveFinalizers { Removal: var removal }:
                if (removal.NeedsPodGone) await live.Pods.ConfirmGoneAsync(removal.Module, _ => false);
                await writes.RemoveFinalizersAsync(removal.Module, [.. removal.Module.Metadata.Finalizers.Except(removal.Remaining)]);
                LogReleased(key, removal.Module.Metadata.Name);
                break;
            case BasePodStep.DeletePod:
                await writes.DeleteAsync(pod!);
                LogDeleted(key);
                break;
            case BasePodStep.ConfirmOrphan confirm:
                await live.Modules.ConfirmGoneAsync(confirm.ModuleUid);
                break;
        }
    }

    // A merge patch would replace the whole list, and with it the conditions of the kubelet.
    private async Task SetGateAsync(ObjectKey key, Pod pod, Condition condition, Writes writes)
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
                    ["lastTransitionTime"] = KubeTime.Text(condition.LastTransitionTime!.Value),
                }),
            },
        };
        if (await writes.PatchAsync(pod, patch, new PatchOptions(fieldManager) { Subresource = "status", IsStrategic = true }) is not null)
            LogGate(key, condition.Status, condition.Message!);
    }

    [LoggerMessage(LogLevel.Information, "Pod {Pod}: readiness gate {Status}: {Message}")]
    private partial void LogGate(ObjectKey pod, string status, string message);

    [LoggerMessage(LogLevel.Information, "Pod {Pod}: deleted as requested by its label")]
    private partial void LogDeleted(ObjectKey pod);

    [LoggerMessage(LogLevel.Information, "Pod {Pod}: removed finalizer from Module {Module}")]
    private partial void LogReleased(ObjectKey pod, string module);
}
