using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace ModuleController.Dev.Controllers;

/// <summary>
/// Deletes objects whose owners have all been deleted. Foreground deletion waits for the dependents that block it. Orphan deletion
/// removes the owner's references first.
/// </summary>
internal sealed partial class GarbageCollector(RawClient client, TimeProvider time, ILogger<GarbageCollector> logger)
{
    private const string Definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    private const string Foreground = "foregroundDeletion";
    private const string Orphan = "orphan";

    private static readonly TimeSpan BatchTime = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly OwnerGraph _graph = new();
    private readonly OwnershipWriter _writer = new(client);
    private readonly Dictionary<DiscoveredResource, Task> _followers = [];
    private readonly Channel<bool> _trigger = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private volatile IReadOnlyList<DiscoveredResource> _kinds = [];

    public async Task RunAsync(CancellationToken cancellation)
    {
        var discovering = DiscoverAsync(cancellation);
        try
        {
            await foreach (var _ in _trigger.Reader.ReadAllAsync(cancellation))
            {
                await Task.Delay(BatchTime, time, cancellation);
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

    /// <summary>Checks all objects again: the kind of an owner may have been unknown.</summary>
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
            if (kind.Plural is "events") continue; // many, without owners or dependents
            if (!_followers.TryGetValue(kind, out var follower) || follower.IsCompleted) _followers[kind] = FollowAsync(kind, cancellation);
        }

        _graph.MarkAllChanged();
        Trigger();
    }

    private async Task FollowAsync(DiscoveredResource kind, CancellationToken cancellation)
    {
        try
        {
            await foreach (var (type, item) in client.FollowAsync(kind.CollectionPath, time, cancellation))
            {
                if (type == "RESET") _graph.RemoveAll(kind);
                else if (GarbageNode.Of(kind, item) is var node && type == "DELETED") _graph.Remove(node.Uid);
                else _graph.Put(node);
                Trigger();
            }

            _graph.RemoveAll(kind); // its definition was deleted
            Trigger();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The cluster stops.
        }
    }

    private async Task CollectAsync(CancellationToken cancellation)
    {
        var absent = new Dictionary<(string? Namespace, string Uid), bool>(); // owners that this pass has asked the API for
        var hasFailed = false;
        foreach (var uid in _graph.TakeChanged())
        {
            try
            {
                if (_graph.Find(uid) is { } node) await CheckAsync(node, absent, cancellation);
            }
            catch (HttpRequestException problem)
            {
                LogRetry(logger, problem.Message);
                _graph.MarkChanged(uid);
                hasFailed = true;
            }
        }

        if (!hasFailed) return;
        await Task.Delay(RetryAfter, time, cancellation);
        Trigger();
    }

    private async Task CheckAsync(
        GarbageNode node, Dictionary<(string? Namespace, string Uid), bool> absent, CancellationToken cancellation)
    {
        if (node.IsDeleting && node.Finalizers.Contains(Foreground)) await DeleteDependentsAsync(node, cancellation);
        else if (node.IsDeleting && node.Finalizers.Contains(Orphan)) await OrphanDependentsAsync(node, cancellation);
        else if (!node.IsDeleting && node.Owners.Count > 0) await CheckOwnersAsync(node, absent, cancellation);
    }

    private async Task DeleteDependentsAsync(GarbageNode owner, CancellationToken cancellation)
    {
        var dependents = _graph.DependentsOf(owner);
        foreach (var dependent in dependents.Where(dependent => !dependent.IsDeleting))
        {
            if (dependent.Owners.Any(
                reference => reference.Uid != owner.Uid && _graph.Find(reference.Uid) is { } other && !IsDeletedInForeground(other)))
            {
                await _writer.RemoveOwnersAsync(dependent, [owner.Uid], cancellation);
                continue;
            }

            var propagation = _graph.DependentsOf(dependent).Count > 0 ? "Foreground" : "Background";
            await client.DeleteAsync(dependent.Path, dependent.Uid, propagation, cancellation);
        }

        if (!dependents.Any(dependent => dependent.Owners.Any(reference => reference.Uid == owner.Uid && reference.Blocks)))
            await _writer.RemoveFinalizerAsync(owner, Foreground, cancellation);
    }

    private async Task OrphanDependentsAsync(GarbageNode owner, CancellationToken cancellation)
    {
        foreach (var dependent in _graph.DependentsOf(owner)) await _writer.RemoveOwnersAsync(dependent, [owner.Uid], cancellation);
        await _writer.RemoveFinalizerAsync(owner, Orphan, cancellation);
    }

    private async Task CheckOwnersAsync(
        GarbageNode node, Dictionary<(string? Namespace, string Uid), bool> absent, CancellationToken cancellation)
    {
        var deleted = new List<string>();
        var hasRemaining = false;
        foreach (var reference in node.Owners)
        {
            if (_graph.Find(reference.Uid) is { } owner) hasRemaining |= !IsDeletedInForeground(owner);
            else if (await IsAbsentAsync(node, reference, absent, cancellation)) deleted.Add(reference.Uid);
            else hasRemaining = true;
        }

        if (deleted.Count == node.Owners.Count) await client.DeleteAsync(node.Path, node.Uid, "Background", cancellation);
        else if (deleted.Count > 0 && hasRemaining) await _writer.RemoveOwnersAsync(node, deleted, cancellation);
    }

    /// <summary>Asks the API: the owner may be newer than what the watch has delivered.</summary>
    private async Task<bool> IsAbsentAsync(
        GarbageNode node, OwnerReference reference, Dictionary<(string? Namespace, string Uid), bool> absent,
        CancellationToken cancellation)
    {
        if (absent.TryGetValue((node.Namespace, reference.Uid), out var known)) return known;
        var kind = _kinds.FirstOrDefault(kind => kind.Kind == reference.Kind && kind.ApiVersion == reference.ApiVersion);
        if (kind is null) return false; // its definition may be created again; Kubernetes waits too
        var owner = await client.FindAsync(kind.Path(node.Namespace, reference.Name), cancellation);
        return absent[(node.Namespace, reference.Uid)] = owner?["metadata"]?["uid"]?.GetValue<string>() != reference.Uid;
    }

    private static bool IsDeletedInForeground(GarbageNode node) => node.IsDeleting && node.Finalizers.Contains(Foreground);

    private void Trigger() => _trigger.Writer.TryWrite(true);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Garbage collection failed, retried in a second: {Problem}")]
    private static partial void LogRetry(ILogger logger, string problem);
}
