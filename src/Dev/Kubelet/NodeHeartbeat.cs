using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.Dev.Kubelet;

/// <summary>Registers the Node and keeps it Ready: a real cluster deletes the pods of a silent one.</summary>
internal sealed class NodeHeartbeat(IKubeClient client, KubeletOptions options, TimeProvider time)
{
    private static readonly PatchOptions Status = new("kubelet") { Subresource = "status", IsStrategic = true };

    private readonly ObjectKey _node = new("", options.NodeName);
    private readonly ObjectKey _lease = new("kube-node-lease", options.NodeName);

    public async Task RegisterAsync(CancellationToken cancellation)
    {
        await TryCreateAsync(new Node { Metadata = new() { Name = options.NodeName, Labels = options.NodeLabels } }, cancellation);
        await TryCreateAsync(
            new Lease
            {
                Metadata = new() { Namespace = _lease.Namespace, Name = _lease.Name },
                Spec = new() { HolderIdentity = options.NodeName, LeaseDurationSeconds = 40, RenewTime = time.GetUtcNow() },
            },
            cancellation);
        await client.PatchAsync<Node>(_node, Ready(), Status, cancellation);
    }

    public async Task BeatAsync(CancellationToken cancellation) => await client.PatchAsync<Lease>(
        _lease,
        new JsonObject
        {
            ["spec"] = new JsonObject
            {
                ["renewTime"] = time.GetUtcNow().UtcDateTime.ToString(
                    "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture),
            },
        },
        new("kubelet"),
        cancellation);

    private JsonObject Ready()
    {
        var now = time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        return new()
        {
            ["status"] = new JsonObject
            {
                ["addresses"] = new JsonArray(new JsonObject { ["type"] = "InternalIP", ["address"] = "127.0.0.1" }),
                ["capacity"] = new JsonObject { ["pods"] = "10000", ["cpu"] = "100", ["memory"] = "1Ti" },
                ["allocatable"] = new JsonObject { ["pods"] = "10000", ["cpu"] = "100", ["memory"] = "1Ti" },
                ["conditions"] = new JsonArray(new JsonObject
                {
                    ["type"] = "Ready",
                    ["status"] = "True",
                    ["reason"] = "KubeletReady",
                    ["message"] = "runs pods as processes",
                    ["lastHeartbeatTime"] = now,
                    ["lastTransitionTime"] = now,
                }),
            },
        };
    }

    private async Task TryCreateAsync<T>(T resource, CancellationToken cancellation) where T : class, IResource
    {
        try
        {
            await client.CreateAsync(resource, "kubelet", cancellation);
        }
        catch (KubeException problem) when (problem.IsAlreadyExists)
        {
            // Written by an earlier kubelet.
        }
    }
}
