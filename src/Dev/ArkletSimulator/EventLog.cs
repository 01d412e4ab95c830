using System.Globalization;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>What a life did, as counts and, where a file is given, as one flushed line each: life, action, name, version, time.</summary>
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

        // before the answer goes out: who kills us in between must find at least as much here as he was told
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
