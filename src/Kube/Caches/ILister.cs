using ModuleController.Core.Meta;

namespace ModuleController.Kube.Caches;

/// <summary>Reads a cache. Everything from one call was true at one time; nothing that is handed out changes.</summary>
public interface ILister<T> where T : class, IResource
{
    /// <summary>The latest version that this cache has observed.</summary>
    string ResourceVersion { get; }

    T? Get(ObjectKey key);

    IReadOnlyCollection<T> List();

    IReadOnlyCollection<T> ByIndex(string index, string value);
}

/// <summary>A cache that follows the API server and reports changes.</summary>
public interface IInformer<T> : ILister<T> where T : class, IResource
{
    /// <summary>
    /// The handler enqueues a key and nothing else. It first gets what is there; then per object its states in order, of
    /// which some may be skipped. A slow one delays only itself.
    /// </summary>
    IDisposable Subscribe(Action<ObjectChange<T>> handler);

    Task WaitForSyncAsync(CancellationToken cancellation);
}
