using ModuleController.ControlPlane.Agents;
using ModuleController.ControlPlane.Observing;
using ModuleController.ControlPlane.Reconcilers;
using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Injection;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Hosting;

namespace ModuleController.ControlPlane;

/// <summary>What a reconciler is built from.</summary>
public sealed record ReconcilerParts(
    Caches Caches, InformerFactory Informers, IKubeClient Client, EventRecorder Events, IAgentDirectory Agents,
    ControlPlaneOptions Options, TimeProvider Time, ILoggerFactory Loggers)
{
    /// <summary>With whose base each of them reaches.</summary>
    public IAgentDirectory Agents { get; } = new HostNetworkAgents(Caches, Agents);

    /// <summary>Where the controller's Lease is: freezing this namespace can freeze everything.</summary>
    public required string OwnNamespace { get; init; }

    public InjectionScope Injection => new(OwnNamespace, Options.WebhookPort is not null, Options.WatchNamespace);
}

/// <summary>Which reconcilers run.</summary>
public static class Composition
{
    /// <summary>One line for each reconciler: what triggers it, and how many work at once.</summary>
    public static void AddReconcilers(Manager manager, ReconcilerParts parts)
    {
        ArgumentNullException.ThrowIfNull(manager);
        ArgumentNullException.ThrowIfNull(parts);
        var rejections = new RejectedWrites();
        BasePodController.Add(manager, parts, rejections);
        ModuleReconcilers.Add(manager, parts, rejections);
        InjectionReconcilers.Add(manager, parts);
    }
}
