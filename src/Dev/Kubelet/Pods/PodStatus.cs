using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Resources;

namespace ModuleController.Dev.Kubelet.Pods;

/// <summary>Computes a pod's status from its containers, with the transition time of each condition.</summary>
internal sealed class PodStatus(PodIdentity identity, DateTimeOffset startedAt)
{
    private readonly Dictionary<string, (string Status, DateTimeOffset Since)> _since = [];

    /// <summary>A strategic merge patch: conditions are merged by type, so those of other writers stay.</summary>
    public JsonObject Of(
        RunnerPod pod, IReadOnlyList<ContainerView> init, IReadOnlyList<ContainerView> main, bool isInitialized, DateTimeOffset now)
    {
        var areReady = isInitialized && main.All(view => view.IsReady)
            && init.Where(view => view.Spec.RestartPolicy == "Always").All(view => view.IsReady);
        var areGatesOpen = pod.Spec.ReadinessGates.All(gate => pod.Status.Conditions.IsTrue(gate.ConditionType));
        var unready = areReady ? null : "ContainersNotReady";
        var status = new JsonObject
        {
            ["phase"] = Phase(init, main, isInitialized),
            ["hostIP"] = identity.HostIp,
            ["podIP"] = identity.Ip,
            ["podIPs"] = new JsonArray(new JsonObject { ["ip"] = identity.Ip }),
            ["startTime"] = Text(startedAt),
            ["conditions"] = new JsonArray(
                Condition(pod, "PodScheduled", true, null, now),
                Condition(pod, "Initialized", isInitialized, isInitialized ? null : "ContainersNotInitialized", now),
                Condition(pod, "ContainersReady", areReady, unready, now),
                Condition(pod, "Ready", areReady && areGatesOpen, areGatesOpen ? unready : unready ?? "ReadinessGatesNotReady", now)),
            ["containerStatuses"] = new JsonArray([.. main.Select(Status)]),
        };
        if (init.Count > 0) status["initContainerStatuses"] = new JsonArray([.. init.Select(Status)]);
        return status;
    }

    private static string Phase(IReadOnlyList<ContainerView> init, IReadOnlyList<ContainerView> main, bool isInitialized)
    {
        if (init.Any(view => view is { IsOver: true, State: ContainerState.Terminated { ExitCode: not 0 } }
            && view.Spec.RestartPolicy != "Always"))
            return "Failed";
        if (main.All(view => view is { IsOver: true, State: ContainerState.Terminated }))
            return main.All(view => view.State is ContainerState.Terminated { ExitCode: 0 }) ? "Succeeded" : "Failed";
        return isInitialized && main.All(
            view => view.State is not ContainerState.Waiting || view.RestartCount > 0 || view.LastState is not null)
            ? "Running" : "Pending";
    }

    private JsonObject Condition(RunnerPod pod, string type, bool isTrue, string? reason, DateTimeOffset now)
    {
        var status = isTrue ? "True" : "False";
        if (!_since.TryGetValue(type, out var last) && pod.Status.Conditions.Find(type) is { } old)
            last = (old.Status, old.LastTransitionTime ?? now); // written by an earlier kubelet
        if (last.Status != status) last = (status, now);
        _since[type] = last;
        return new JsonObject
        {
            ["type"] = type,
            ["status"] = status,
            ["reason"] = reason,
            ["lastProbeTime"] = null,
            ["lastTransitionTime"] = Text(last.Since),
        };
    }

    private static JsonObject Status(ContainerView view)
    {
        var status = new JsonObject
        {
            ["name"] = view.Spec.Name,
            ["image"] = view.Spec.Image,
            ["imageID"] = "",
            ["ready"] = view.IsReady,
            ["started"] = view.IsStarted,
            ["restartCount"] = view.RestartCount,
            ["state"] = State(view.State),
            ["lastState"] = view.LastState is { } last ? State(last) : new JsonObject(),
        };
        return status;
    }

    private static JsonObject State(ContainerState state) => state switch
    {
        ContainerState.Running running => new()
        {
            ["running"] = new JsonObject { ["startedAt"] = Text(running.StartedAt) },
        },
        ContainerState.Terminated ended => new()
        {
            ["terminated"] = new JsonObject
            {
                ["exitCode"] = ended.ExitCode,
                ["reason"] = ended.Reason,
                ["startedAt"] = Text(ended.StartedAt),
                ["finishedAt"] = Text(ended.FinishedAt),
            },
        },
        ContainerState.Waiting waiting => new()
        {
            ["waiting"] = new JsonObject { ["reason"] = waiting.Reason, ["message"] = waiting.Message },
        },
        _ => throw new InvalidOperationException($"no container state: {state}"),
    };

    private static string Text(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
