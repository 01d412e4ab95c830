namespace ModuleController.Dev.ArkletSimulator;

/// <summary>The counters of one base life, by <c>name:version</c> of the manifest.</summary>
/// <param name="Life">A unique id.</param>
/// <param name="InstallsStarted">Started installs, successful or not, without repeated ones.</param>
/// <param name="Installs">Successful installs.</param>
/// <param name="MaxConcurrent">The maximum of concurrent installs, uninstalls and switches.</param>
public sealed record LifeStatistics(
    string Life,
    IReadOnlyDictionary<string, int> InstallsStarted,
    IReadOnlyDictionary<string, int> Installs,
    IReadOnlyDictionary<string, int> Repeats,
    IReadOnlyDictionary<string, int> Uninstalls,
    IReadOnlyDictionary<string, int> Switches,
    int MaxConcurrent);
