using System.Diagnostics.Metrics;
using ModuleController.ControlPlane.Observing;

namespace ModuleController.ControlPlane.Telemetry;

/// <summary>How many Modules are in which state, and why, counted from the cache at each scrape.</summary>
public sealed class ModuleMetrics : IDisposable
{
    public const string MeterName = "ModuleController.Modules";

    private readonly Meter _meter;

    /// <param name="scope">Whose they are, where a process has several.</param>
    public ModuleMetrics(Caches caches, object? scope = null)
    {
        _meter = new(new MeterOptions(MeterName) { Scope = scope });
        _meter.CreateObservableGauge(
            "modulecontroller_modules", () => Count(caches), null, "Modules by status, and by the reason of their last error");
    }

    /// <summary>How many bases have their modules left alone, since most of their agents disconnected.</summary>
    public void ObserveHeldBases(Func<int> held) => _meter.CreateObservableGauge(
        "modulecontroller_bases_held", held, null,
        "Bases where no module is removed, because most of their agents disconnected at the same time");

    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<int>> Count(Caches caches) => caches.Modules.List()
        .GroupBy(module => (Status: module.Status.Status ?? "Pending", Reason: module.Status.LastError?.Reason ?? ""))
        .Select(group => new Measurement<int>(
            group.Count(),
            new KeyValuePair<string, object?>("status", group.Key.Status),
            new KeyValuePair<string, object?>("reason", group.Key.Reason)));
}
