using Microsoft.Extensions.Logging;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;
using ModuleController.Kube.Hosting;

namespace ModuleController.Dev.Controllers;

/// <summary>
/// The controllers of a cluster: Deployments, ReplicaSets, EndpointSlices, scheduling, garbage collection and
/// the deletion of namespaces. They use only the API.
/// </summary>
public sealed class ClusterControllers
{
    private readonly Manager _manager;
    private readonly GarbageCollector _garbage;
    private readonly Namespaces _namespaces;

    /// <summary>Created before the informers start, because it adds some.</summary>
    public ClusterControllers(
        IKubeClient client, RawClient raw, InformerFactory informers, TimeProvider time, ILoggerFactory loggers)
    {
        _manager = new(informers, time, loggers);
        _garbage = new(raw, time, loggers.CreateLogger<GarbageCollector>());
        _namespaces = new(raw, time, loggers.CreateLogger<Namespaces>());

        var pods = informers.Of<ClusterPod>()
            .Indexed("owner", pod => pod.Metadata.Controller?.Uid)
            .Indexed("namespace", pod => pod.Metadata.Namespace);
        var sets = informers.Of<ClusterReplicaSet>().Indexed("owner", set => set.Metadata.Controller?.Uid);
        var services = informers.Of<Service>().Indexed("namespace", service => service.Metadata.Namespace);

        var written = new WriteTracker(informers, time);
        _manager.Reconcile(new Deployments(client, informers.Of<ClusterDeployment>(), sets, written, time))
            .Owns<ClusterReplicaSet>().Tracks(written).Workers(2);
        written = new(informers, time);
        _manager.Reconcile(new ReplicaSets(client, sets, pods, written, time))
            .Owns<ClusterPod>().Tracks(written).Workers(2);
        written = new(informers, time);
        _manager.Reconcile(new EndpointSlices(client, services, pods, informers.Of<EndpointSlice>(), written, time))
            .Owns<EndpointSlice>()
            .Watches<ClusterPod>(pod => services.ByIndex("namespace", pod.Metadata.Namespace ?? "")
                .Where(service => EndpointSlices.Selects(service, pod))
                .Select(service => ObjectKey.Of(service.Metadata)))
            .Tracks(written).Workers(2);
        _manager.Reconcile(new Scheduler(pods, informers.Of<Node>(), raw)).Named("scheduler").Reads<Node>().Workers(2);
    }

    public Task RunAsync(CancellationToken cancellation) => Task.WhenAll(
        _manager.RunAsync(cancellation), _garbage.RunAsync(cancellation), _namespaces.RunAsync(cancellation));
}
