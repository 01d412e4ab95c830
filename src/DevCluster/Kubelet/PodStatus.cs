using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.Core.Meta;

namespace ModuleController.DevCluster.Kubelet;

/// <summary>The pod's status as its containers make it: a pure function.</summary>
internal static class PodStatus
{
    /// <summary>A strategic merge patch: conditions are merged by type, so those of others stay.</summary>
    public static JsonObject Of(
        RunnerPod pod, PodIdentity identity, DateTimeOffset startedAt, IReadOnlyList<ContainerView> init,
        IReadOnlyList<ContainerView> main, bool isInitialized, DateTimeOffset now)
    {
        var areReady = isInitialized && main.All(view => view.IsReady)
            && init.Where(view => view.Spec.RestartPolicy == "Always").All(view => view.IsReady);
        var gates = pod.Spec.ReadinessGates.Where(gate => !pod.Status.Conditions.IsTrue(gate.ConditionType)).ToList();
        var status = new JsonObject
        {
            ["phase"] = Phase(pod, main, isInitialized),
            ["hostIP"] = "127.0.0.1",
            ["podIP"] = identity.Ip,
            ["podIPs"] = new JsonArray(new JsonObject { ["ip"] = identity.Ip }),
            ["startTime"] = Text(startedAt),
            ["conditions"] = new JsonArray(
                Condition(pod, "Initialized", isInitialized, null, now),
                Condition(pod, "ContainersReady", areReady, areReady ? null : "ContainersNotReady", now),
                Condition(pod, "Ready", areReady && gates.Count == 0,
                    !areReady ? "ContainersNotReady" : gates.Count > 0 ? "ReadinessGatesNotReady" : null, now)),
            ["containerStatuses"] = new JsonArray([.. main.Select(Status)]),
        };
        if (init.Count > 0) status["initContainerStatuses"] = new JsonArray([.. init.Select(Status)]);
        return status;
    }

    private static string Phase(RunnerPod pod, IReadOnlyList<ContainerView> main, bool isInitialized)
    {
        if (pod.Spec.RestartPolicy is "Never" or "OnFailure" && main.All(view => view.State is ContainerState.Terminated))
        {
            return main.All(view => view.State is ContainerState.Terminated { ExitCode: 0 }) ? "Succeeded" : "Failed";
        }

        return isInitialized && main.All(view => view.State is not ContainerState.Waiting || view.RestartCount > 0)
            ? "Running" : "Pending";
    }

    private static JsonObject Condition(RunnerPod pod, string type, bool isTrue, string? reason, DateTimeOffset now)
    {
        var status = isTrue ? "True" : "False";
        var old = pod.Status.Conditions.Find(type);
        return new JsonObject
        {
            ["type"] = type,
            ["status"] = status,
            ["reason"] = reason,
            ["lastProbeTime"] = null,
            ["lastTransitionTime"] = Text(old?.Status == status && old.LastTransitionTime is { } since ? since : now),
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
            ["lastState"] = view.LastState is { } last && !ReferenceEquals(last, view.State) ? State(last) : new JsonObject(),
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
