namespace ModuleController.Dev.Load.Measuring;

/// <summary>Upgrades in batches.</summary>
/// <param name="States">The number of states of Modules that were checked.</param>
public sealed record UpgradeFigures(int Kills, long States, IReadOnlyList<UpgradeOfPolicy> Policies);

/// <param name="Completed">Seconds from the new version in the spec to the status Completed.</param>
/// <param name="MostUnavailable">Of one ModuleDeployment at once, in any state of any run.</param>
/// <param name="RequestsPerModule">The controller's requests by verb and resource; none if it was killed.</param>
public sealed record UpgradeOfPolicy(
    string Policy, IReadOnlyList<double> Completed, int MostUnavailable, IReadOnlyDictionary<string, double> RequestsPerModule,
    IReadOnlyDictionary<string, double> Rejected);
