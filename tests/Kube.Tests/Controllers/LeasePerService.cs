using System.Collections.Concurrent;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;

namespace ModuleController.Kube.Tests.Controllers;

/// <summary>Each Service has a Lease of its name; a small reconciler with all that a real one does.</summary>
internal sealed class LeasePerService(KubeClient client, InformerFactory informers) : IReconciler<Service>
{
    public const string Finalizer = "test.io/lease";

    private readonly Informer<Service> _services = informers.Of<Service>();
    private readonly Informer<Lease> _leases = informers.Of<Lease>();
    private int _creates;
    private int _finalizerWrites;
    private int _releases;

    public WriteTracker Tracker { get; } = new(informers, TimeProvider.System);

    public ConcurrentQueue<ObjectKey> Keys { get; } = new();

    public int Creates => _creates;

    public int FinalizerWrites => _finalizerWrites;

    public int Releases => _releases;

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        Keys.Enqueue(key);
        if (_services.Get(key) is not { } service || !service.Metadata.Labels.ContainsKey("app")) return ReconcileResult.Done;
        var lease = _leases.Get(key);
        if (service.Metadata.IsDeleting) await CleanAsync(key, service, lease, cancellation);
        else await FillAsync(key, service, lease, cancellation);
        return ReconcileResult.Done;
    }

    private async Task FillAsync(ObjectKey key, Service service, Lease? lease, CancellationToken cancellation)
    {
        if (!service.Metadata.Finalizers.Contains(Finalizer))
        {
            Interlocked.Increment(ref _finalizerWrites);
            Tracker.Wrote(key, await client.AddFinalizerAsync(service, Finalizer, "test", cancellation));
        }

        if (lease is not null) return;
        Interlocked.Increment(ref _creates);
        Tracker.Created(key, await client.CreateAsync(new Lease
        {
            Metadata = new()
            {
                Name = key.Name,
                Namespace = key.Namespace,
                OwnerReferences = [new("v1", "Service", key.Name, service.Metadata.Uid!, true)]
            },
        }, "test", cancellation));
    }

    private async Task CleanAsync(ObjectKey key, Service service, Lease? lease, CancellationToken cancellation)
    {
        if (lease is not null)
        {
            await client.DeleteAsync<Lease>(key, new() { Uid = lease.Metadata.Uid }, cancellation);
            Tracker.Deleted(key, lease);
        }
        else if (await client.RemoveFinalizersAsync(service, [Finalizer], "test", cancellation) is { } left)
        {
            Interlocked.Increment(ref _releases);
            Tracker.Wrote(key, left);
        }
        else
        {
            Interlocked.Increment(ref _releases);
            Tracker.NotFound(key, service);
        }
    }
}
