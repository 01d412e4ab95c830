using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace ModuleController.Dev.Controllers;

/// <summary>
/// Deletes what no owner holds any more. An object goes when all its owners are gone; foreground deletion waits for the
/// dependents that block, orphaning lets go of them.
/// </summary>
internal sealed partial class GarbageCollector(RawClient client, TimeProvider time, ILogger<GarbageCollector> logger)
{
    private const string Definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    private const string Foreground = "foregroundDeletion";
    private const string Orphan = "orphan";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, GarbageNode> _nodes = [];                      // by uid
    private readonly Dictionary<string, HashSet<string>> _dependents = [];      // uids by the owner's uid, which may be gone
    private readonly HashSet<string> _dirty = [];                               // uids to look at; a pass looks at nothing else
    private readonly Dictionary<DiscoveredResource, Task> _followers = [];
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private volatile IReadOnlyList<DiscoveredResource> _kinds = [];

    public async Task RunAsync(CancellationToken cancellation)
    {
        var discovering = DiscoverAsync(cancellation);
        try
        {
            await foreach (var _ in _changed.Reader.ReadAllAsync(cancellation))
            {
                await Task.Delay(Pause, time, cancellation); // many changes, one look
                await CollectAsync(cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The cluster stops.
        }

        await discovering;
        await Task.WhenAll(_followers.Values);
    }

    /// <summary>Each new CRD brings a kind to follow; objects that wait for their owner's kind are looked at again.</summary>
    private async Task DiscoverAsync(CancellationToken cancellation)
    {
        try
        {
            await foreach (var (type, _) in client.FollowAsync(Definitions, time, cancellation))
            {
                if (type is "RESET" or "ADDED" or "MODIFIED") await FollowNewKindsAsync(cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The cluster stops.
        }
    }

    private async Task FollowNewKindsAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                _kinds = await client.DiscoverAsync(cancellation);
                break;
            }
            catch (HttpRequestException problem)
            {
                LogRetry(logger, problem.Message);
                await Task.Delay(RetryAfter, time, cancellation);
            }
        }

        foreach (var kind in _kinds)
        {
            if (kind.Plural is "events") continue; // own nothing, owned by nothing, and many
            if (!_followers.TryGetValue(kind, out var follower) || follower.IsCompleted) _followers[kind] = FollowAsync(kind, cancellation);
        }

        lock (_lock) _dirty.UnionWith(_nodes.Keys);
        Wake();
    }

    private async Task FollowAsync(DiscoveredResource kind, CancellationToken cancellation)
    {
        try
        {
            await foreach (var (type, item) in client.FollowAsync(kind.CollectionPath, time, cancellation))
            {
                lock (_lock)
                {
                    if (type == "RESET") RemoveAll(kind);
                    else if (GarbageNode.Of(kind, item) is var node && type == "DELETED") Remove(node.Uid);
                    else Put(node);
                }

                Wake();
            }

            lock (_lock) RemoveAll(kind); // its definition is gone
            Wake();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The cluster stops.
        }
    }

    private void Put(GarbageNode node)
    {
        if (_nodes.TryGetValue(node.Uid, out var old))
        {
            Unlink(old);
            _dirty.UnionWith(old.Owners.Select(owner => owner.Uid));      // one of them may have waited for this object
        }

        _nodes[node.Uid] = node;
        foreach (var owner in node.Owners)
        {
            if (!_dependents.TryGetValue(owner.Uid, out var uids)) _dependents[owner.Uid] = uids = [];
            uids.Add(node.Uid);
            _dirty.Add(owner.Uid);
        }

        _dirty.Add(node.Uid);
        if (node.IsDeleting) _dirty.UnionWith(_dependents.GetValueOrDefault(node.Uid, []));
    }

    private void Remove(string uid)
    {
        if (!_nodes.Remove(uid, out var old)) return;
        Unlink(old);
        _dirty.UnionWith(old.Owners.Select(owner => owner.Uid));
        _dirty.UnionWith(_dependents.GetValueOrDefault(uid, []));
    }

    private void RemoveAll(DiscoveredResource kind)
    {
        foreach (var uid in _nodes.Values.Where(node => node.Resource == kind).Select(node => node.Uid).ToList()) Remove(uid);
    }

    private void Unlink(GarbageNode node)
    {
        foreach (var owner in node.Owners)
        {
            if (_dependents.TryGetValue(owner.Uid, out var uids) && uids.Remove(node.Uid) && uids.Count == 0) _dependents.Remove(owner.Uid);
        }
    }

    private async Task CollectAsync(CancellationToken cancellation)
    {
        List<string> dirty;
        lock (_lock)
        {
            dirty = [.. _dirty];
            _dirty.Clear();
        }

        var absent = new Dictionary<(string? Namespace, string Uid), bool>(); // owners that this pass asked the API for
        var hasFailed = false;
        foreach (var uid in dirty)
        {
            try
            {
                if (Find(uid) is { } node) await LookAsync(node, absent, cancellation);
            }
            catch (HttpRequestException problem)
            {
                LogRetry(logger, problem.Message);
                lock (_lock) _dirty.Add(uid);
                hasFailed = true;
            }
        }

        if (!hasFailed) return;
        await Task.Delay(RetryAfter, time, cancellation);
        Wake();
    }

    private async Task LookAsync(GarbageNode node, Dictionary<(string? Namespace, string Uid), bool> absent, CancellationToken cancellation)
    {
        if (node.IsDeleting && node.Finalizers.Contains(Foreground)) await DeleteDependentsAsync(node, DependentsOf(node), cancellation);
        else if (node.IsDeleting && node.Finalizers.Contains(Orphan)) await LetGoAsync(node, DependentsOf(node), cancellation);
        else if (!node.IsDeleting && node.Owners.Count > 0) await CheckOwnersAsync(node, absent, cancellation);
    }

    private GarbageNode? Find(string uid)
    {
        lock (_lock) return _nodes.GetValueOrDefault(uid);
    }

    private List<GarbageNode> DependentsOf(GarbageNode owner)
    {
        lock (_lock) return [.. _dependents.GetValueOrDefault(owner.Uid, []).Select(uid => _nodes[uid])];
    }

    private async Task DeleteDependentsAsync(GarbageNode owner, IReadOnlyList<GarbageNode> dependents, CancellationToken cancellation)
    {
        foreach (var dependent in dependents.Where(dependent => !dependent.IsDeleting))
        {
            if (dependent.Owners.Any(reference => reference.Uid != owner.Uid && IsStaying(reference.Uid)))
                await RemoveOwnersAsync(dependent, [owner.Uid], cancellation);
            else
                await client.DeleteAsync(dependent.Path, dependent.Uid,
                    DependentsOf(dependent).Count > 0 ? "Foreground" : "Background", cancellation);
        }

        if (!dependents.Any(dependent => dependent.Owners.Any(reference => reference.Uid == owner.Uid && reference.Blocks)))
            await RemoveFinalizerAsync(owner, Foreground, cancellation);
    }

    private bool IsStaying(string uid) => Find(uid) is { } owner && !(owner.IsDeleting && owner.Finalizers.Contains(Foreground));

    private async Task LetGoAsync(GarbageNode owner, IReadOnlyList<GarbageNode> dependents, CancellationToken cancellation)
    {
        foreach (var dependent in dependents) await RemoveOwnersAsync(dependent, [owner.Uid], cancellation);
        await RemoveFinalizerAsync(owner, Orphan, cancellation);
    }

    private async Task CheckOwnersAsync(GarbageNode node, Dictionary<(string? Namespace, string Uid), bool> absent, CancellationToken cancellation)
    {
        var gone = new List<string>();
        var areAllLeaving = true;
        foreach (var reference in node.Owners)
        {
            if (Find(reference.Uid) is { } owner)
            {
                areAllLeaving &= owner.IsDeleting && owner.Finalizers.Contains(Foreground);
            }
            else if (await IsAbsentAsync(node, reference, absent, cancellation))
            {
                gone.Add(reference.Uid);
            }
            else
            {
                areAllLeaving = false; // there, and only our watch has not seen it
            }
        }

        if (gone.Count == node.Owners.Count) await client.DeleteAsync(node.Path, node.Uid, "Background", cancellation);
        else if (gone.Count > 0 && !areAllLeaving) await RemoveOwnersAsync(node, gone, cancellation);
    }

    /// <summary>The API's word counts, not the cache's: an owner may be younger than our watch.</summary>
    private async Task<bool> IsAbsentAsync(
        GarbageNode node, OwnerReference reference, Dictionary<(string? Namespace, string Uid), bool> absent, CancellationToken cancellation)
    {
        if (absent.TryGetValue((node.Namespace, reference.Uid), out var known)) return known;
        var kind = _kinds.FirstOrDefault(kind => kind.Kind == reference.Kind && kind.ApiVersion == reference.ApiVersion);
        if (kind is null) return false; // an unknown kind may come back; a real cluster waits, too
        var owner = await client.FindAsync(kind.Path(node.Namespace, reference.Name), cancellation);
        return absent[(node.Namespace, reference.Uid)] = owner?["metadata"]?["uid"]?.GetValue<string>() != reference.Uid;
    }

    private Task RemoveOwnersAsync(GarbageNode node, IReadOnlyList<string> uids, CancellationToken cancellation) => ChangeMetaAsync(
        node,
        meta => meta["ownerReferences"] = new JsonArray(
            [.. meta["ownerReferences"]!.AsArray().Where(owner => !uids.Contains(owner!["uid"]!.GetValue<string>())).Select(owner => owner!.DeepClone())]),
        cancellation);

    private Task RemoveFinalizerAsync(GarbageNode node, string finalizer, CancellationToken cancellation) => ChangeMetaAsync(
        node,
        meta => meta["finalizers"] = new JsonArray(
            [.. meta["finalizers"]!.AsArray().Where(name => name!.GetValue<string>() != finalizer).Select(name => name!.DeepClone())]),
        cancellation);

    /// <summary>Reads the object anew, changes two lists of its metadata, and writes only these, guarded by the version read.</summary>
    private async Task ChangeMetaAsync(GarbageNode node, Action<JsonObject> change, CancellationToken cancellation)
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "garbage collection goes on in a second: {Problem}")]
    private static partial void LogRetry(ILogger logger, string problem);
}
