namespace ModuleController.Dev.Load.Measuring;

/// <summary>Installs and deletions without faults.</summary>
/// <param name="RequestsPerModule">The controller's requests by verb and resource, without watches and Leases.</param>
public sealed record InstallFigures(
    IReadOnlyList<double> AllAvailable, IReadOnlyList<double> Completed, IReadOnlyList<double> Deleted, double ModuleP50, double ModuleP99,
    IReadOnlyList<CpuFigures> Cpu, double ResidentIdle, double ResidentPeak, IReadOnlyDictionary<string, double> RequestsPerModule,
    IReadOnlyDictionary<string, double> RequestsPerDeleted, IReadOnlyDictionary<string, double> Rejected, double IdleSeconds,
    long IdleRequests,
    IReadOnlyDictionary<string, ReconcileFigures> Reconciles)
{
    /// <summary>Seconds from the last Module Available to the last release Completed, for each run.</summary>
    public IReadOnlyList<double> CompletedAfterAvailable =>
        [.. Completed.Zip(AllAvailable, (completed, available) => completed - available)];

    /// <summary>By resource, all runs.</summary>
    public IReadOnlyList<LagFigures> CacheLag { get; init; } = [];

    /// <summary>By resource, all runs: how long a watch was silent while a write was not observed.</summary>
    public IReadOnlyList<LagFigures> WatchGaps { get; init; } = [];
}

/// <summary>Seconds of processor time from the creation until the controller was idle.</summary>
/// <param name="Server">Null if the API server was not started by the run.</param>
/// <param name="Load">Of this process: all bases, and the agents in it.</param>
public sealed record CpuFigures(double Controller, double? Server, double Load)
{
    public CpuFigures Since(CpuFigures before) => new(Controller - before.Controller, Server - before.Server, Load - before.Load);
}

public sealed record ReconcileFigures(double Count, double Seconds);
