using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.Kube.Controllers;

/// <summary>
/// Sets and removes finalizers. A merge patch replaces the whole list, so it is guarded by the resource version. Otherwise a
/// finalizer that another client added in between would be lost. A 409 means that the cache is stale.
/// </summary>
public static class Finalizers
{
    /// <summary>The object with the finalizer; no request is sent if it has it.</summary>
    public static async Task<T> AddFinalizerAsync<T>(
        this IKubeClient client, T resource, string finalizer, string fieldManager, CancellationToken cancellation)
        where T : class, IResource =>
        resource.Metadata.Finalizers.Contains(finalizer)
            ? resource
            : await WriteAsync(client, resource, [.. resource.Metadata.Finalizers, finalizer], fieldManager, cancellation);

    /// <summary>The object without any of the finalizers; null where it no longer exists.</summary>
    public static async Task<T?> RemoveFinalizersAsync<T>(
        this IKubeClient client, T resource, IReadOnlyCollection<string> finalizers, string fieldManager, CancellationToken cancellation)
        where T : class, IResource
    {
        var left = resource.Metadata.Finalizers.Where(finalizer => !finalizers.Contains(finalizer)).ToArray();
        if (left.Length == resource.Metadata.Finalizers.Count) return resource;
        try
        {
            return await WriteAsync(client, resource, left, fieldManager, cancellation);
        }
        catch (KubeException exception) when (exception.IsNotFound)
        {
            return null;
        }
    }

    private static Task<T> WriteAsync<T>(
        IKubeClient client, T resource, IReadOnlyList<string> finalizers, string fieldManager, CancellationToken cancellation)
        where T : class, IResource
    {
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["resourceVersion"] = resource.Metadata.ResourceVersion,
                ["finalizers"] = new JsonArray([.. finalizers.Select(finalizer => (JsonNode)finalizer)]),
            },
        };
        return client.PatchAsync<T>(ObjectKey.Of(resource.Metadata), patch, new(fieldManager), cancellation);
    }
}
