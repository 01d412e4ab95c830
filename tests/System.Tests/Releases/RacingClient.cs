using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Releases;

/// <summary>The client of the reconcilers, in which somebody else may come first.</summary>
internal sealed class RacingClient(IKubeClient inner) : IKubeClient
{
    /// <summary>Runs before a patch of the reconcilers goes out: the object's name and the patch.</summary>
    public Func<string, JsonObject, Task>? BeforePatch { get; set; }

    /// <summary>Runs before the reconcilers create an object, of which it gets the name.</summary>
    public Action<string>? BeforeCreate { get; set; }

    /// <summary>Runs before the reconcilers delete an object, of which it gets the name.</summary>
    public Action<string>? BeforeDelete { get; set; }

    /// <summary>What the API server says instead of carrying a write out; null: it carries it out.</summary>
    public Func<Write, KubeError?> Reject { get; set; } = _ => null;

    /// <summary>The writes that were carried out.</summary>
    public ConcurrentQueue<Write> Written { get; } = new();

    public Task<T> GetAsync<T>(ObjectKey key, CancellationToken cancellation = default) where T : class, IResource =>
        inner.GetAsync<T>(key, cancellation);

    public Task<ResourceList<T>> ListAsync<T>(ListOptions? options = null, CancellationToken cancellation = default)
        where T : class, IResource => inner.ListAsync<T>(options, cancellation);

    public IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(WatchOptions options, CancellationToken cancellation = default)
        where T : class, IResource => inner.WatchAsync<T>(options, cancellation);

    public Task<T> CreateAsync<T>(T resource, string fieldManager, CancellationToken cancellation = default)
        where T : class, IResource
    {
        BeforeCreate?.Invoke(resource.Metadata.Name);
        return WriteAsync(new("create", T.Kind.Kind, resource.Metadata.Name),
            () => inner.CreateAsync(resource, fieldManager, cancellation));
    }

    public Task<T?> DeleteAsync<T>(ObjectKey key, DeleteOptions? options = null, CancellationToken cancellation = default)
        where T : class, IResource
    {
        BeforeDelete?.Invoke(key.Name);
        return WriteAsync(new("delete", T.Kind.Kind, key.Name), () => inner.DeleteAsync<T>(key, options, cancellation));
    }

    public async Task<T> PatchAsync<T>(ObjectKey key, JsonObject patch, PatchOptions options, CancellationToken cancellation = default)
        where T : class, IResource
    {
        if (BeforePatch is { } race) await race(key.Name, patch);
        return await WriteAsync(
            new(options.Subresource is { } part ? $"patch {part} of" : "patch", T.Kind.Kind, key.Name) { Patch = patch },
            () => inner.PatchAsync<T>(key, patch, options, cancellation));
    }

    private async Task<T> WriteAsync<T>(Write write, Func<Task<T>> carryOut)
    {
        if (Reject(write) is { } error) throw new KubeException(error, write.ToString());
        var result = await carryOut();
        Written.Enqueue(write);
        return result;
    }

    public sealed record Write(string Verb, string Kind, string Name)
    {
        public JsonObject? Patch { get; init; }

        public override string ToString() => $"{Verb} {Kind} {Name}";
    }
}
