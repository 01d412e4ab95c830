using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace ModuleController.DevCluster.Controllers;

/// <summary>
/// Deletes what no owner holds any more. An object goes when all its owners are gone; foreground deletion waits for the
/// dependents that block, orphaning lets go of them.
/// </summary>
internal sealed partial class GarbageCollector(RawClient client, TimeProvider time, ILogger<GarbageCollector> logger)
{
    private const string Foreground = "foregroundDeletion";
    private const string Orphan = "orphan";

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Node> _nodes = [];
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Dictionary<string, Task> _followers = [];

    public async Task RunAsync(CancellationToken cancellation)
    {
        var crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        var discovering = DiscoverAsync(crds, cancellation);
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await _changed.Reader.ReadAsync(cancellation);
                await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellation); // many changes, one look
                await CollectAsync(cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                break;
            }
            catch (HttpRequestException problem)
            {
                LogRetry(logger, problem.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), time, CancellationToken.None);
                Wake();
            }
        }

        await discovering;
        await Task.WhenAll(_followers.Values);
    }

    /// <summary>Each new CRD brings a kind to follow.</summary>
    private async Task DiscoverAsync(string crds, CancellationToken cancellation)
    {
        try
        {
            await foreach (var (type, _) in client.FollowAsync(crds, time, cancellation))
            {
                if (type is not ("RESET" or "ADDED" or "MODIFIED")) continue;
                foreach (var resource in await client.DiscoverAsync(cancellation))
                {
                    if (resource.Plural is "events") continue; // own nothing, owned by nothing, and many
                    if (!_followers.ContainsKey(resource.CollectionPath))
                        _followers[resource.CollectionPath] = FollowAsync(resource, cancellation);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The cluster stops.
        }
    }

    private async Task FollowAsync(DiscoveredResource resource, CancellationToken cancellation)
    {
        try
        {
            await foreach (var (type, item) in client.FollowAsync(resource.CollectionPath, time, cancellation))
            {
                lock (_lock)
                {
                    if (type == "RESET")
                    {
                        foreach (var old in _nodes.Values.Where(node => node.Resource == resource).ToList()) _nodes.Remove(old.Uid);
                    }
                    else if (Node.Of(resource, item) is var node && type == "DELETED")
                    {
                        _nodes.Remove(node.Uid);
                    }
                    else
                    {
                        _nodes[node.Uid] = node;
                    }
                }

                Wake();
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The cluster stops.
        }
    }

    private async Task CollectAsync(CancellationToken cancellation)
    {
        List<Node> nodes;
        Dictionary<string, Node> byUid;
        lock (_lock)
        {
            nodes = [.. _nodes.Values];
            byUid = new(_nodes);
        }

        var dependents = nodes.SelectMany(node => node.Owners.Select(owner => (owner.Uid, node))).ToLookup(pair => pair.Uid, pair => pair.node);
        foreach (var node in nodes)
        {
            if (node.IsDeleting && node.Finalizers.Contains(Foreground))
                await DeleteDependentsAsync(node, [.. dependents[node.Uid]], cancellation);
            else if (node.IsDeleting && node.Finalizers.Contains(Orphan))
                await LetGoAsync(node, [.. dependents[node.Uid]], cancellation);
            else if (!node.IsDeleting && node.Owners.Count > 0)
                await CheckOwnersAsync(node, byUid, cancellation);
        }
    }

    private async Task DeleteDependentsAsync(Node owner, IReadOnlyList<Node> dependents, CancellationToken cancellation)
    {
        foreach (var dependent in dependents.Where(dependent => !dependent.IsDeleting))
            await client.DeleteAsync(dependent.Path, dependent.Uid, "Foreground", cancellation);
        if (!dependents.Any(dependent => dependent.Owners.Any(reference => reference.Uid == owner.Uid && reference.Blocks)))
            await RemoveFinalizerAsync(owner, Foreground, cancellation);
    }

    private async Task LetGoAsync(Node owner, IReadOnlyList<Node> dependents, CancellationToken cancellation)
    {
        foreach (var dependent in dependents) await RemoveOwnersAsync(dependent, [owner.Uid], cancellation);
        await RemoveFinalizerAsync(owner, Orphan, cancellation);
    }

    private async Task CheckOwnersAsync(Node node, Dictionary<string, Node> byUid, CancellationToken cancellation)
    {
        var absent = new List<string>();
        var areAllLeaving = true;
        foreach (var reference in node.Owners)
        {
            if (byUid.TryGetValue(reference.Uid, out var owner))
            {
                areAllLeaving &= owner.IsDeleting && owner.Finalizers.Contains(Foreground);
            }
            else if (await IsAbsentAsync(node, reference, cancellation))
            {
                absent.Add(reference.Uid);
            }
            else
            {
                areAllLeaving = false; // there, and only our watch has not seen it
            }
        }

        if (absent.Count == node.Owners.Count) await client.DeleteAsync(node.Path, node.Uid, "Background", cancellation);
        else if (absent.Count > 0 && !areAllLeaving) await RemoveOwnersAsync(node, absent, cancellation);
    }

    /// <summary>The API's word counts, not the cache's: an owner may be younger than our watch.</summary>
    private async Task<bool> IsAbsentAsync(Node node, OwnerReference reference, CancellationToken cancellation)
    {
        DiscoveredResource? kind;
        lock (_lock)
        {
            kind = _nodes.Values.Select(other => other.Resource)
                .FirstOrDefault(resource => resource.Kind == reference.Kind && resource.ApiVersion == reference.ApiVersion);
        }

        kind ??= (await client.DiscoverAsync(cancellation))
            .FirstOrDefault(resource => resource.Kind == reference.Kind && resource.ApiVersion == reference.ApiVersion);
        if (kind is null) return false; // an unknown kind may come back; a real cluster waits, too
        var owner = await client.FindAsync(kind.Path(node.Namespace, reference.Name), cancellation);
        return owner?["metadata"]?["uid"]?.GetValue<string>() != reference.Uid;
    }

    private Task RemoveOwnersAsync(Node node, IReadOnlyList<string> uids, CancellationToken cancellation) => ChangeMetaAsync(
        node,
        meta => meta["ownerReferences"] = new JsonArray(
            [.. meta["ownerReferences"]!.AsArray().Where(owner => !uids.Contains(owner!["uid"]!.GetValue<string>())).Select(owner => owner!.DeepClone())]),
        cancellation);

    private Task RemoveFinalizerAsync(Node node, string finalizer, CancellationToken cancellation) => ChangeMetaAsync(
        node,
        meta => meta["finalizers"] = new JsonArray(
            [.. meta["finalizers"]!.AsArray().Where(name => name!.GetValue<string>() != finalizer).Select(name => name!.DeepClone())]),
        cancellation);

    /// <summary>Reads the object anew, changes two lists of its metadata, and writes only these, guarded by the version read.</summary>
    private async Task ChangeMetaAsync(Node node, Action<JsonObject> change, CancellationToken cancellation)
    {
        var current = await client.FindAsync(node.Path, cancellation);
        if (current?["metadata"] is not JsonObject meta || meta["uid"]?.GetValue<string>() != node.Uid) return;
        var wanted = new JsonObject
        {
            ["ownerReferences"] = meta["ownerReferences"]?.DeepClone() ?? new JsonArray(),
            ["finalizers"] = meta["finalizers"]?.DeepClone() ?? new JsonArray(),
        };
        change(wanted);
        wanted["resourceVersion"] = meta["resourceVersion"]!.DeepClone();
        await client.MergeAsync(node.Path, new() { ["metadata"] = wanted }, cancellation);
    }

    private void Wake() => _changed.Writer.TryWrite(true);

    private sealed record OwnerReference(string ApiVersion, string Kind, string Name, string Uid, bool Blocks);

    private sealed record Node(
        DiscoveredResource Resource, string? Namespace, string Name, string Uid, bool IsDeleting, IReadOnlyList<string> Finalizers,
        IReadOnlyList<OwnerReference> Owners)
    {
        public string Path => Resource.Path(Namespace, Name);

        public static Node Of(DiscoveredResource resource, JsonObject item)
        {
            var meta = item["metadata"]!.AsObject();
            return new(
                resource,
                meta["namespace"]?.GetValue<string>(),
                meta["name"]!.GetValue<string>(),
                meta["uid"]!.GetValue<string>(),
                meta["deletionTimestamp"] is not null,
                meta["finalizers"]?.AsArray().Select(name => name!.GetValue<string>()).ToList() ?? [],
                meta["ownerReferences"]?.AsArray().Select(owner => new OwnerReference(
                    owner!["apiVersion"]!.GetValue<string>(), owner["kind"]!.GetValue<string>(), owner["name"]!.GetValue<string>(),
                    owner["uid"]!.GetValue<string>(), owner["blockOwnerDeletion"]?.GetValue<bool>() ?? false)).ToList() ?? []);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "garbage collection goes on in a second: {Problem}")]
    private static partial void LogRetry(ILogger logger, string problem);
}
