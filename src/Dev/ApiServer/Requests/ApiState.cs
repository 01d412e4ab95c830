using ModuleController.Dev.ApiServer.Access;
using ModuleController.Dev.ApiServer.Admission;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>The source of <c>kubectl logs</c>: the kubelet of this cluster, if it has one.</summary>
public interface IPodLogs
{
    /// <summary>
    /// Writes a container's output: its last <paramref name="tail"/> lines or all, and with <paramref name="follow"/> new ones.
    /// </summary>
    Task WriteAsync(string ns, string pod, string container, bool follow, int? tail, Stream output,
        CancellationToken cancellation);
}

/// <summary>What all requests share.</summary>
public sealed record ApiState(EventLog Log, ResourceRegistry Registry, TimeProvider Time, Faults Faults,
    RequestCounters Counters)
{
    public IPodLogs? PodLogs { get; init; }

    public Allocations Allocations { get; } = new(Log);

    public required AccessControl Access { get; init; }

    public Quotas Quotas { get; } = new(Log);

    /// <summary>The webhooks.</summary>
    public AdmissionControl Admission { get; } = new(Log, Time);

    /// <summary>Null if the admission plugin is off, which is the default.</summary>
    public OwnerPermissions? OwnerPermissions { get; init; }

    /// <summary>Ends the watches when the server stops.</summary>
    public CancellationToken Stopping { get; init; }

    public DateTimeOffset Now => Time.GetUtcNow();
}
