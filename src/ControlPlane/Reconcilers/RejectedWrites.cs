using System.Collections.Concurrent;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>The writes that the API server keeps rejecting, at most one for each key.</summary>
/// <remarks>A single rejection may come from a cache that was behind. The same one twice in a row does not.</remarks>
internal sealed class RejectedWrites
{
    private const int MaxMessageLength = 1024;
    private readonly ConcurrentDictionary<ObjectKey, (string Message, bool IsRepeated)> _last = new();

    /// <summary>What the API server said; null: it has not rejected the same write twice in a row.</summary>
    public string? Find(ObjectKey key) => _last.TryGetValue(key, out var last) && last.IsRepeated ? last.Message : null;

    /// <summary>Adds a rejection. Returns the message to report, or null where it is the first of its kind.</summary>
    public string? Add(ObjectKey key, string message)
    {
        if (message.Length > MaxMessageLength) message = message[..MaxMessageLength];
        var isRepeated = _last.TryGetValue(key, out var last) && last.Message == message;
        _last[key] = (message, isRepeated);
        return isRepeated ? message : null;
    }

    /// <summary>True: a reported rejection was removed.</summary>
    public bool Forget(ObjectKey key) => _last.TryRemove(key, out var last) && last.IsRepeated;
}
