namespace ModuleController.Dev.ApiServer.Storage;

/// <summary>The key of an object: its resource ("pods", "deployments.apps"), namespace (or "") and name.</summary>
public readonly record struct ResourceKey(string Resource, string Namespace, string Name)
{
    internal string Path => $"{Namespace}/{Name}";
}

/// <summary>One state of one object. It is immutable: readers, watchers and lists share the tree and its bytes.</summary>
public sealed class StoredObject
{
    public StoredObject(JsonObject tree, long revision)
    {
        Tree = tree;
        Revision = revision;
        Json = tree.ToUtf8();
        Name = tree.Text("metadata", "name") ?? "";
        Namespace = tree.Text("metadata", "namespace") ?? "";
    }

    public JsonObject Tree { get; }

    public long Revision { get; }

    /// <summary>The tree as UTF-8, serialized once.</summary>
    public ReadOnlyMemory<byte> Json { get; }

    public string Name { get; }

    public string Namespace { get; }

    public string Uid => Tree.Text("metadata", "uid") ?? "";

    public bool IsTerminating => Tree.At("metadata", "deletionTimestamp") is not null;
}

/// <summary>The result of a write: the next state of the object, or its removal.</summary>
public readonly record struct Edit(JsonObject Tree, bool Remove = false);

/// <summary>One entry of the log. For a removal <see cref="After"/> is the last state, with the removal's revision.</summary>
public sealed record Change(long Revision, ResourceKey Key, StoredObject? Before, StoredObject After, bool IsRemoval);

/// <summary>All objects of one resource at one revision.</summary>
public readonly record struct Snapshot(long Revision, IReadOnlyDictionary<string, StoredObject> Objects)
{
    /// <summary>In the order of namespace and name; an empty namespace means all.</summary>
    public IEnumerable<StoredObject> In(string ns)
    {
        var prefix = ns + "/";
        return ns.Length == 0 ? Objects.Values
            : Objects.Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal))
                .Select(entry => entry.Value);
    }
}

/// <summary>The requested revision is older than the log.</summary>
public sealed class CompactedException(long asked, long oldest)
    : Exception($"too old resource version: {asked} ({oldest})");
