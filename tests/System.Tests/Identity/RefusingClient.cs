using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Identity;

/// <summary>An API server that cannot be reached. It counts who tried to create something.</summary>
internal sealed class RefusingClient : IKubeClient
{
    private int _asked;

    public int Asked => Volatile.Read(ref _asked);

    private static KubeException Unreachable => new(new(0, KubeError.Unreachable, "connection refused"), "test");

    public Task<T> GetAsync<T>(ObjectKey key, CancellationToken cancellation = default) where T : class, IResource => throw Unreachable;

    public Task<ResourceList<T>> ListAsync<T>(ListOptions? options = null, CancellationToken cancellation = default)
        where T : class, IResource => throw Unreachable;

    public IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(WatchOptions options, CancellationToken cancellation = default)
        where T : class, IResource => throw Unreachable;

    public Task<T> CreateAsync<T>(T resource, string fieldManager, CancellationToken cancellation = default) where T : class, IResource
    {
        Interlocked.Increment(ref _asked);
        throw Unreachable;
    }

    public Task<T?> DeleteAsync<T>(ObjectKey key, DeleteOptions? options = null, CancellationToken cancellation = default)
        where T : class, IResource => throw Unreachable;

    public Task<T> PatchAsync<T>(ObjectKey key, JsonObject patch, PatchOptions options, CancellationToken cancellation = default)
        where T : class, IResource => throw Unreachable;
}
