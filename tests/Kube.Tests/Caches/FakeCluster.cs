using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.Kube.Tests.Caches;

/// <summary>
/// A client whose API server is a dictionary: for tests with a fake clock, where a socket would bring real time in. It
/// knows what these tests need (versions, preconditions, merge patches, watches) and breaks on demand.
/// </summary>
internal sealed class FakeCluster : IKubeClient
{
    private readonly Lock _lock = new();
    private readonly ResourceJson _json = new();
    private readonly Dictionary<(Type, ObjectKey), JsonObject> _objects = [];
    private readonly List<(Type Type, WatchEventType Event, JsonObject Object, long Version)> _history = [];
    private readonly List<Channel<bool>> _signals = [];
    private long _version = 100;
    private long _compactedTo;
    private int _cuts;
    private int _ends;

    /// <summary>Called before each request with its words, such as <c>patch leases</c>; it may throw.</summary>
    public Func<string, Task> Before { get; set; } = _ => Task.CompletedTask;

    /// <summary>Called after each create and patch was carried out; what it throws is instead of the answer.</summary>
    public Func<string, Task> After { get; set; } = _ => Task.CompletedTask;

    public ConcurrentQueue<string> Requests { get; } = new();

    public static KubeException Unreachable => new(new(0, KubeError.Unreachable, "connection refused"), "test");

    public static KubeException Refusal(int code, string reason) => new(new(code, reason, reason), "test");

    /// <summary>All open watches end, as a lost connection.</summary>
    public void CutWatches()
    {
        lock (_lock)
        {
            _cuts++;
            Signal();
        }
    }

    /// <summary>The server ends all open watches in good order, after the events until now.</summary>
    public void EndWatches()
    {
        lock (_lock)
        {
            _ends++;
            Signal();
        }
    }

    /// <summary>What happened so far can't be watched any more.</summary>
    public void Compact()
    {
        lock (_lock)
        {
            _history.Clear();
            _compactedTo = ++_version;
        }
    }

    /// <summary>An event that no type can hold.</summary>
    public void SendGarbage<T>() where T : class, IResource => SendError<T>(0, KubeError.Unreadable);

    /// <summary>An ERROR event, for the open watches only.</summary>
    public void SendError<T>(int code, string reason) where T : class, IResource =>
        Send<T>(WatchEventType.Error, new() { ["code"] = code, ["reason"] = reason });

    public void SendBookmark<T>() where T : class, IResource => Send<T>(WatchEventType.Bookmark, []);

    public async Task<T> GetAsync<T>(ObjectKey key, CancellationToken cancellation = default) where T : class, IResource
    {
        await RequestAsync<T>("get", cancellation);
        lock (_lock) return Decode<T>(Stored<T>(key));
    }

    public async Task<ResourceList<T>> ListAsync<T>(ListOptions? options = null, CancellationToken cancellation = default) where T
        : class, IResource
    {
        await RequestAsync<T>("list", cancellation);
        lock (_lock)
        {
            return new([.. _objects.Where(pair => pair.Key.Item1 == typeof(T)).Select(pair => Decode<T>(pair.Value))], Version(_version),
                null, []);
        }
    }

    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        WatchOptions options, [EnumeratorCancellation] CancellationToken cancellation = default) where T : class, IResource
    {
        var request = $"watch {T.Kind.Plural}";
        try
        {
            await Before(request).WaitAsync(cancellation);
        }
        catch
        {
            Requests.Enqueue(request);
            throw;
        }

        var signal = Channel.CreateUnbounded<bool>();
        var next = long.Parse(options.ResourceVersion!, CultureInfo.InvariantCulture);
        int cuts;
        int ends;
        lock (_lock)
        {
            // Noted where it begins to follow: who waits for it may cut it from then on.
            Requests.Enqueue(request);
            if (next < _compactedTo) throw Refusal(410, "Expired");
            (cuts, ends) = (_cuts, _ends);
            _signals.Add(signal);
        }

        while (true)
        {
            List<(Type Type, WatchEventType Event, JsonObject Object, long Version)> news;
            bool isOver;
            lock (_lock)
            {
                if (cuts != _cuts) throw Unreachable;
                isOver = ends != _ends;
                news = [.. _history.Where(entry => entry.Version > next && entry.Type == typeof(T))];
            }

            foreach (var entry in news)
            {
                next = entry.Version;
                if (entry.Event == WatchEventType.Error)
                {
                    lock (_lock) _history.Remove(entry);
                    yield return new(entry.Event, null, null,
                        new((int)entry.Object["code"]!, (string)entry.Object["reason"]!, "sent by the test"));
                }
                else
                {
                    yield return new(entry.Event, entry.Event == WatchEventType.Bookmark
                        ? null : Decode<T>(entry.Object), Version(entry.Version));
                }
            }

            if (isOver) yield break;
            if (news.Count == 0) await signal.Reader.ReadAsync(cancellation);
        }
    }

    public async Task<T> CreateAsync<T>(T resource, string fieldManager, CancellationToken cancellation = default) where T
        : class, IResource
    {
        await RequestAsync<T>("create", cancellation);
        var created = Create(resource);
        await After($"create {T.Kind.Plural}").WaitAsync(cancellation);
        return created;
    }

    private T Create<T>(T resource) where T : class, IResource
    {
        lock (_lock)
        {
            var key = ObjectKey.Of(resource.Metadata);
            if (_objects.ContainsKey((typeof(T), key))) throw Refusal(409, "AlreadyExists");
            var node = _json.ToObject(resource);
            node["metadata"]!["uid"] = $"uid-{_version + 1}";
            return Decode<T>(Commit<T>(key, node, WatchEventType.Added));
        }
    }

    public async Task<T?> DeleteAsync<T>(ObjectKey key, DeleteOptions? options = null, CancellationToken cancellation = default) where T
        : class, IResource
    {
        await RequestAsync<T>("delete", cancellation);
        lock (_lock)
        {
            if (!_objects.ContainsKey((typeof(T), key))) return null;
            Commit<T>(key, Stored<T>(key).DeepClone().AsObject(), WatchEventType.Deleted);
            _objects.Remove((typeof(T), key));
            return null;
        }
    }

    public async Task<T> PatchAsync<T>(
        ObjectKey key, JsonObject patch, PatchOptions options, CancellationToken cancellation = default) where T : class, IResource
    {
        await RequestAsync<T>("patch", cancellation);
        var patched = Patch<T>(key, patch);
        await After($"patch {T.Kind.Plural}").WaitAsync(cancellation);
        return patched;
    }

    private T Patch<T>(ObjectKey key, JsonObject patch) where T : class, IResource
    {
        lock (_lock)
        {
            var node = Stored<T>(key).DeepClone().AsObject();
            if ((string?)patch["metadata"]?["resourceVersion"] is { } version && version != (string?)node["metadata"]!["resourceVersion"])
                throw Refusal(409, "Conflict");
            Merge(node, patch);
            return Decode<T>(Commit<T>(key, node, WatchEventType.Modified));
        }
    }

    private async Task RequestAsync<T>(string verb, CancellationToken cancellation) where T : class, IResource
    {
        Requests.Enqueue($"{verb} {T.Kind.Plural}");
        await Before($"{verb} {T.Kind.Plural}").WaitAsync(cancellation);
    }

    private JsonObject Stored<T>(ObjectKey key) where T : class, IResource =>
        _objects.TryGetValue((typeof(T), key), out var found) ? found : throw Refusal(404, "NotFound");

    private JsonObject Commit<T>(ObjectKey key, JsonObject node, WatchEventType type) where T : class, IResource
    {
        node["metadata"]!["resourceVersion"] = Version(++_version);
        _objects[(typeof(T), key)] = node;
        _history.Add((typeof(T), type, node, _version));
        Signal();
        return node;
    }

    private void Send<T>(WatchEventType type, JsonObject content) where T : class, IResource
    {
        lock (_lock)
        {
            _history.Add((typeof(T), type, content, ++_version));
            Signal();
        }
    }

    private void Signal()
    {
        foreach (var signal in _signals) signal.Writer.TryWrite(true);
    }

    private T Decode<T>(JsonObject node) where T : class, IResource => node.Deserialize(_json.Info<T>())!;

    private static void Merge(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is null) target.Remove(name);
            else if (value is JsonObject inner && target[name] is JsonObject old) Merge(old, inner);
            else target[name] = value.DeepClone();
        }
    }

    private static string Version(long version) => version.ToString(CultureInfo.InvariantCulture);
}
