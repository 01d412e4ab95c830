namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>
/// The columns of a pod, counted as by a real API server: native sidecars (init containers that are always
/// restarted) count as containers; other init containers are shown only until they have completed.
/// </summary>
internal sealed class PodColumns
{
    private readonly JsonObject _pod;
    private readonly HashSet<string?> _sidecars;
    private readonly int _total;
    private string _status;
    private int _ready;
    private long _restarts;
    private string? _lastEnd;

    private PodColumns(JsonObject pod)
    {
        _pod = pod;
        _sidecars = [.. pod.Objects("spec", "initContainers").Where(init => init.Text("restartPolicy") == "Always")
            .Select(init => init.Text("name"))];
        _total = pod.Objects("spec", "containers").Count() + _sidecars.Count;
        _status = pod.Text("status", "reason") ?? pod.Text("status", "phase") ?? "Unknown";
        if (!HasInitialized() && !HasCondition("Initialized")) return;
        var isRunning = false;
        foreach (var container in pod.Objects("status", "containerStatuses").Reverse())
        {
            CountRestarts(container);
            if (ReasonOf(container) is { } reason) _status = reason;
            else if (container.Flag("ready"))
            {
                isRunning = true;
                _ready++;
            }
        }

        if (_status == "Completed" && isRunning) _status = HasCondition("Ready") ? "Running" : "NotReady";
    }

    public static JsonNode? Ready(JsonObject pod)
    {
        var columns = new PodColumns(pod);
        return $"{columns._ready}/{columns._total}";
    }

    public static JsonNode? Status(JsonObject pod)
    {
        var isOver = pod.Text("status", "phase") is "Succeeded" or "Failed";
        var isEnding = pod.At("metadata", "deletionTimestamp") is not null && !isOver;
        return isEnding ? "Terminating" : new PodColumns(pod)._status;
    }

    public static JsonNode? Restarts(JsonObject pod, DateTimeOffset now)
    {
        var columns = new PodColumns(pod);
        return columns._restarts > 0 && BuiltinColumns.Since(columns._lastEnd, now) is { } since
            ? $"{columns._restarts} ({since} ago)" : $"{columns._restarts}";
    }

    /// <summary>False while an init container has not completed; the status then names it.</summary>
    private bool HasInitialized()
    {
        foreach (var (init, at) in _pod.Objects("status", "initContainerStatuses").Select((init, at) => (init, at)))
        {
            var isSidecar = _sidecars.Contains(init.Text("name"));
            if (isSidecar) CountRestarts(init);
            if (init.Number("state", "terminated", "exitCode") == 0) continue;
            if (isSidecar && init.Flag("started"))
            {
                if (init.Flag("ready")) _ready++;
                continue;
            }

            _status = ReasonOf(init) is { } reason and not "PodInitializing" ? $"Init:{reason}"
                : $"Init:{at}/{_pod.Objects("spec", "initContainers").Count()}";
            return false;
        }

        return true;
    }

    private void CountRestarts(JsonObject container)
    {
        _restarts += container.Number("restartCount") ?? 0;
        var end = container.Text("lastState", "terminated", "finishedAt");
        if (string.CompareOrdinal(end, _lastEnd) > 0) _lastEnd = end;
    }

    private bool HasCondition(string type) => _pod.Objects("status", "conditions")
        .Any(condition => condition.Text("type") == type && condition.Text("status") == "True");

    private static string? ReasonOf(JsonObject container) =>
        container.Text("state", "waiting", "reason") ?? container.Text("state", "terminated", "reason");
}
