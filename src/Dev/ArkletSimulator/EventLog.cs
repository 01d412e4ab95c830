using System.Globalization;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>
/// Records the actions of a life: as counters and, in a log file, as one flushed line each with life, action, name, version and
/// time.
/// </summary>
internal sealed class EventLog(string life, TextWriter? file, TimeProvider time)
{
    public const string InstallStarted = "install-started", Installed = "installed", InstallFailed = "install-failed",
        Repeated = "repeated", Uninstalled = "uninstalled", Switched = "switched";

    private readonly Dictionary<(string Action, string Identity), int> _counts = [];
    private readonly Lock _gate = new();
    private int _running;
    private int _maxRunning;

    public string Life => life;

    public void Add(string action, string name, string version)
    {
        lock (_gate)
        {
            var key = (action, $"{name}:{version}");
            _counts[key] = _counts.GetValueOrDefault(key) + 1;
        }

        // Written before the response, so that after a kill the log has at least what clients know.
        if (file is not null)
            lock (file)
                file.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{life} {action} {name} {version} {time.GetUtcNow().ToUnixTimeMilliseconds()}"));
    }

    public void Begin()
    {
        lock (_gate) _maxRunning = Math.Max(_maxRunning, ++_running);
    }

    public void End()
    {
        lock (_gate) _running--;
    }

    public LifeStatistics Read()
    {
        lock (_gate)
            return new(
                life, Of(InstallStarted), Of(Installed), Of(Repeated), Of(Uninstalled), Of(Switched), _maxRunning);

        Dictionary<string, int> Of(string action) =>
            _counts.Where(c => c.Key.Action == action).ToDictionary(c => c.Key.Identity, c => c.Value);
    }
}
