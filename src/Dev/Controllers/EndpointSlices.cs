using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;
using Endpoint = ModuleController.Core.Builtin.Endpoint;

namespace ModuleController.Dev.Controllers;

/// <summary>Keeps one EndpointSlice per Service: the addresses of its pods, and whether they are ready.</summary>
internal sealed class EndpointSlices(
    IKubeClient client, IInformer<Service> services, IInformer<ClusterPod> pods, IInformer<EndpointSlice> slices, WriteTracker written,
    TimeProvider time) : IReconciler<Service>
{
    private const string Manager = "endpointslice-controller";

    private readonly Pace _pace = new(time);

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        if (services.Get(key) is not { Metadata.IsDeleting: false, Spec.Selector.Count: > 0 } service)
        {
            _pace.Forget(key);
            return ReconcileResult.Done;
        }

        var selected = pods.ByIndex("namespace", key.Namespace)
            .Where(pod => pod.Status.PodIp is { Length: > 0 } && pod.Status.Phase is not ("Succeeded" or "Failed")
                && Selects(service, pod))
            .OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal)
            .ToList();
        var name = new ObjectKey(key.Namespace, SliceName(key.Name));
        var endpoints = selected.Select(EndpointOf).ToList();
        var ports = service.Spec.Ports
            .Select(port => new EndpointPort(port.Name ?? "", TargetOf(port, selected), port.Protocol ?? "TCP")).ToList();
        if (slices.Get(name) is not { } slice) await CreateAsync(key, service, name, endpoints, ports, cancellation);
        else if (Same(slice, endpoints, ports)) return ReconcileResult.Done;
        else if (_pace.WaitFor(key, endpoints.Count) is { } wait) return ReconcileResult.After(wait);
        else await UpdateAsync(key, slice, endpoints, ports, cancellation);
        return ReconcileResult.Done;
    }

    /// <summary>The endpoints of a Service without a selector belong to another writer.</summary>
    internal static bool Selects(Service service, ClusterPod pod) => service.Spec.Selector.Count > 0
        && service.Spec.Selector.All(pair => pod.Metadata.Labels.GetValueOrDefault(pair.Key) == pair.Value);

    internal static string SliceName(string service) => $"{(service.Length > 56 ? service[..56] : service)}-local";

    private async Task CreateAsync(
        ObjectKey key, Service service, ObjectKey name, List<Endpoint> endpoints, List<EndpointPort> ports, CancellationToken cancellation)
    {
        var slice = new EndpointSlice
        {
            Metadata = new()
            {
                Name = name.Name,
                Namespace = name.Namespace,
                Labels = new Dictionary<string, string>
                {
                    ["kubernetes.io/service-name"] = key.Name,
                    ["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io",
                },
                OwnerReferences = [new("v1", "Service", service.Metadata.Name, service.Metadata.Uid ?? "", true, true)],
            },
            AddressType = "IPv4",
            Endpoints = endpoints,
            Ports = ports,
        };
        try
        {
            written.Created(key, await client.CreateAsync(slice, Manager, cancellation));
        }
        catch (KubeException problem) when (problem.IsAlreadyExists)
        {
            // The cache was stale.
        }
    }

    private async Task UpdateAsync(
        ObjectKey key, EndpointSlice slice, List<Endpoint> endpoints, List<EndpointPort> ports, CancellationToken cancellation)
    {
        var desired = JsonSerializer.SerializeToNode(
            slice with { Endpoints = endpoints, Ports = ports }, BuiltinJson.Default.EndpointSlice)!.AsObject();
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject { ["uid"] = slice.Metadata.Uid },
            ["endpoints"] = desired["endpoints"]!.DeepClone(),
            ["ports"] = desired["ports"]!.DeepClone(),
        };
        written.Wrote(key, await client.PatchAsync<EndpointSlice>(ObjectKey.Of(slice.Metadata), patch, new(Manager), cancellation));
    }

    private static Endpoint EndpointOf(ClusterPod pod)
    {
        var isReady = pod.Status.Conditions.IsTrue("Ready");
        return new()
        {
            Addresses = [pod.Status.PodIp!],
            Conditions = new(isReady && !pod.Metadata.IsDeleting, isReady, pod.Metadata.IsDeleting),
            NodeName = pod.Spec.TryGetProperty("nodeName", out var node) ? node.GetString() : null,
            TargetRef = new() { Kind = "Pod", Namespace = pod.Metadata.Namespace, Name = pod.Metadata.Name, Uid = pod.Metadata.Uid },
        };
    }

    /// <summary>The target port: a number, the name of a port of the pods, or, by default, the Service's port.</summary>
    private static int? TargetOf(ServicePort port, IReadOnlyList<ClusterPod> selected) => port.TargetPort switch
    {
        { Name: { } name } => selected
            .SelectMany(pod =>
                pod.Spec.GetProperty("containers").Deserialize(ClusterJson.Default.IReadOnlyListClusterContainer) ?? [])
            .SelectMany(container => container.Ports ?? [])
            .FirstOrDefault(candidate => candidate.Name == name)?.ContainerPort,
        { } number => number.Number,
        null => port.Port,
    };

    private static bool Same(EndpointSlice slice, List<Endpoint> endpoints, List<EndpointPort> ports) =>
        slice.Ports.SequenceEqual(ports)
        && slice.Endpoints.Count == endpoints.Count
        && slice.Endpoints.Zip(endpoints).All(pair => pair.First.Addresses.SequenceEqual(pair.Second.Addresses)
            && pair.First.Conditions == pair.Second.Conditions && pair.First.TargetRef?.Uid == pair.Second.TargetRef?.Uid);
}
