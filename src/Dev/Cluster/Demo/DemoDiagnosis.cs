namespace ModuleController.Dev.Cluster.Demo;

/// <summary>
/// Collects why a step did not end: pods that are not ready, the statuses of modules, Warnings, the controller's last log lines.
/// </summary>
internal static class DemoDiagnosis
{
    private const string ControllerPods = "/api/v1/namespaces/modulecontroller-system/pods";
    private const int LogLines = 15;

    public static async Task<string> CollectAsync(DemoApi api)
    {
        var lines = new List<string>();
        foreach (var pod in await api.ListAsync("/api/v1/pods", CancellationToken.None))
        {
            if (pod.IsTrue("Ready")) continue;
            lines.Add($"pod {pod.Name()}: {pod["status"]?["phase"]}");
            var containers = pod["status"]?["containerStatuses"]?.AsArray() ?? [];
            foreach (var container in containers.Concat(pod["status"]?["initContainerStatuses"]?.AsArray() ?? []))
            {
                lines.Add($"  {container!["name"]}: ready {container["ready"]}, restarts {container["restartCount"]}, "
                    + container["state"]?.ToJsonString());
            }
        }

        foreach (var module in await api.ListAsync(DemoApi.Modules, CancellationToken.None))
            lines.Add($"module {module.Name()}: {module["status"]?.ToJsonString() ?? "no status"}");
        foreach (var item in await api.ListAsync("/api/v1/events", CancellationToken.None))
            if (item["type"]?.GetValue<string>() == "Warning") lines.Add($"{item["reason"]}: {item["message"]}");
        foreach (var pod in await api.ListAsync(ControllerPods, CancellationToken.None))
            lines.Add(await api.LogAsync($"{ControllerPods}/{pod.Name()}", LogLines, CancellationToken.None));
        return string.Join('\n', lines);
    }
}
