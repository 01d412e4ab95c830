using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>The writes of one reconcile, each guarded by what it was decided on.</summary>
/// <remarks>
/// Patches of one object in one reconcile build on each other: the second carries the version that the first returned.
/// After a conflict the key waits until its cache has another version of the object: the same content is never sent again.
/// </remarks>
internal sealed class Writes(
    IKubeClient client, WriteTracker tracker, AnsweredWrites answered, ObjectKey key, string fieldManager, CancellationToken cancellation)
{
    private readonly Dictionary<string, string?> _versions = [];

    public async Task<T> CreateAsync<T>(T resource) where T : class, IResource
    {
        var created = await answered.CountAsync(() => client.CreateAsync(resource, fieldManager, cancellation));
        tracker.Created(key, created);
        return created;
    }

    /// <summary>Patches what differs, without the status; guarded by uid and version. Null: nothing differs, or the object
    /// no longer exists.</summary>
    public async Task<T?> PatchAsync<T>(T before, T after) where T : class, IResource =>
        MergePatch.Between(before, after, VersionOf(before)) is { } patch ? await GuardedAsync(before, patch, new(fieldManager)) : null;

    /// <summary>Patches what differs in the status; guarded by the version. Null: nothing differs, or the object no longer
    /// exists.</summary>
    public async Task<T?> PatchStatusAsync<T>(T before, T after) where T : class, IResource =>
        MergePatch.OfStatus(before, after, VersionOf(before)) is { } patch
            ? await GuardedAsync(before, patch, new(fieldManager) { Subresource = "status" })
            : null;

    /// <summary>Sends a patch that has its own guard. Null: the object no longer exists.</summary>
    public async Task<T?> PatchAsync<T>(T before, JsonObject patch, PatchOptions? options = null) where T : class, IResource
    {
        try
        {
            var written = await answered.CountAsync(
                () => client.PatchAsync<T>(ObjectKey.Of(before.Metadata), patch, options ?? new(fieldManager), cancellation));
            tracker.Wrote(key, written);
            return written;
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            return null;
        }
    }

    public async Task DeleteAsync<T>(T resource, DeleteOptions? options = null) where T : class, IResource
    {
        var guarded = (options ?? new()) with { Uid = resource.Metadata.Uid };
        await ConflictAsync(
            resource, () => answered.CountAsync(() => client.DeleteAsync<T>(ObjectKey.Of(resource.Metadata), guarded, cancellation)));
        tracker.Deleted(key, resource);
    }

    public async Task RemoveFinalizersAsync<T>(T resource, IReadOnlyCollection<string> finalizers) where T : class, IResource
    {
        var written = await ConflictAsync(
            resource, () => answered.CountAsync(() => client.RemoveFinalizersAsync(resource, finalizers, fieldManager, cancellation)));
        if (written is not null) tracker.Wrote(key, written);
        else tracker.NotFound(key, resource);
    }

    private async Task<T?> GuardedAsync<T>(T before, JsonObject patch, PatchOptions options) where T : class, IResource
    {
        var written = await ConflictAsync(before, () => PatchAsync(before, patch, options));
        if (written is not null) _versions[before.Metadata.Uid!] = written.Metadata.ResourceVersion;
        return written;
    }

    private string? VersionOf<T>(T resource) where T : class, IResource =>
        _versions.GetValueOrDefault(resource.Metadata.Uid!) ?? resource.Metadata.ResourceVersion;

    private async Task<TResult> ConflictAsync<T, TResult>(T decidedOn, Func<Task<TResult>> write) where T : class, IResource
    {
        try
        {
            return await write();
        }
        catch (KubeException exception) when (exception.IsConflict)
        {
            tracker.Conflicted(key, decidedOn);
            throw;
        }
    }
}
