using System.Text.Json.Nodes;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Client;

/// <summary>A Kubernetes API. A request that it rejects throws a <see cref="KubeException"/>.</summary>
public interface IKubeClient
{
    Task<T> GetAsync<T>(ObjectKey key, CancellationToken cancellation = default) where T : class, IResource;

    /// <summary>One page; <see cref="ResourceList{T}.Continue"/> requests the next one.</summary>
    Task<ResourceList<T>> ListAsync<T>(ListOptions? options = null, CancellationToken cancellation = default)
        where T : class, IResource;

    /// <summary>One watch, to its end: the server's time limit, a lost connection (an exception) or an error event.</summary>
    IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(WatchOptions options, CancellationToken cancellation = default)
        where T : class, IResource;

    Task<T> CreateAsync<T>(T resource, string fieldManager, CancellationToken cancellation = default)
        where T : class, IResource;

    /// <summary>Null where the object did not exist, or was removed immediately.</summary>
    Task<T?> DeleteAsync<T>(ObjectKey key, DeleteOptions? options = null, CancellationToken cancellation = default)
        where T : class, IResource;

    /// <summary>Changes the fields that the patch names, in the main resource or its status.</summary>
    Task<T> PatchAsync<T>(ObjectKey key, JsonObject patch, PatchOptions options, CancellationToken cancellation = default)
        where T : class, IResource;
}

/// <summary>What to list; no namespace means all of them.</summary>
public sealed record ListOptions
{
    public string? Namespace { get; init; }

    public string? LabelSelector { get; init; }

    public string? FieldSelector { get; init; }

    /// <summary>Objects per page; null: all at once.</summary>
    public int? Limit { get; init; }

    public string? Continue { get; init; }
}

/// <summary>What to watch, from which version on; without one, from the current state, which is sent first.</summary>
public sealed record WatchOptions
{
    public string? Namespace { get; init; }

    public string? LabelSelector { get; init; }

    public string? FieldSelector { get; init; }

    public string? ResourceVersion { get; init; }

    /// <summary>When the server ends the watch. Five seconds later the client gives it up.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);
}

/// <summary>How to patch. The field manager names the reconciler that owns the fields.</summary>
public sealed record PatchOptions(string FieldManager)
{
    /// <summary>Null, or <c>status</c>.</summary>
    public string? Subresource { get; init; }

    /// <summary>Strategic merge (built-in kinds only): lists with keys are merged item by item.</summary>
    public bool IsStrategic { get; init; }
}

/// <summary>How to delete; a uid that isn't the object's is refused with a 409.</summary>
public sealed record DeleteOptions
{
    public string? Uid { get; init; }

    public string? ResourceVersion { get; init; }

    public PropagationPolicy? Propagation { get; init; }

    public TimeSpan? GracePeriod { get; init; }
}

/// <summary>What happens to the objects that the deleted one owns.</summary>
public enum PropagationPolicy
{
    Background,
    Foreground,
    Orphan,
}

/// <summary>One page of a list, and the version of the collection that it shows.</summary>
/// <param name="Unreadable">Objects that our types cannot hold; they exist all the same.</param>
public sealed record ResourceList<T>(
    IReadOnlyList<T> Items, string ResourceVersion, string? Continue, IReadOnlyList<UnreadableItem> Unreadable);

/// <summary>An object of a list that could not be decoded, and why.</summary>
public sealed record UnreadableItem(ObjectKey Key, string Error);

public enum WatchEventType
{
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

/// <summary>One line of a watch. An error, also that of a line that cannot be read, is a value: the reader decides.</summary>
public readonly record struct WatchEvent<T>(
    WatchEventType Type, T? Object, string? ResourceVersion, KubeError? Error = null) where T : class;
