namespace ModuleController.Dev.ArkletSimulator;

/// <summary>What one base life did so far; the counts are by <c>name:version</c> of the manifest.</summary>
/// <param name="Life">Unique among all lives of all simulators.</param>
/// <param name="InstallsStarted">Starts of a module, whatever became of them; a repeated one is none.</param>
/// <param name="Installs">Successful ones.</param>
/// <param name="MaxConcurrent">Most installs, uninstalls and switches that ever ran at once.</param>
public sealed record LifeStatistics(
    string Life,
    IReadOnlyDictionary<string, int> InstallsStarted,
    IReadOnlyDictionary<string, int> Installs,
    IReadOnlyDictionary<string, int> Repeats,
    IReadOnlyDictionary<string, int> Uninstalls,
    IReadOnlyDictionary<string, int> Switches,
    int MaxConcurrent);
