using System.Collections.Concurrent;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>The writes for ModuleDeployments that the API server keeps rejecting, at most one for each.</summary>
/// <remarks>A single rejection may come from a cache that was behind. A second one in a row does not.</remarks>
public sealed class RejectedWrites
{
    private const int MaxMessageLength = 1024;
    private readonly ConcurrentDictionary<ObjectKey, (string Message, bool IsRepeated)> _last = new();
    private event Action<ObjectKey>? Changed;

    /// <summary>Calls back when a ModuleDeployment gets a repeated rejection, another message, or loses it.</summary>
    public IDisposable Subscribe(Action<ObjectKey> changed)
    {
        Changed += changed;
        return new Subscription(() => Changed -= changed);
    }

    /// <summary>What the API server said last; null: it has not rejected twice in a row.</summary>
    public string? Find(ObjectKey key) => _last.TryGetValue(key, out var last) && last.IsRepeated ? last.Message : null;

    /// <summary>Adds a rejection. Returns the message to report, or null where it is the first in a row.</summary>
    public string? Add(ObjectKey key, string message)
    {
        if (message.Length > MaxMessageLength) message = message[..MaxMessageLength];
        var isRepeated = _last.TryGetValue(key, out var last);
        _last[key] = (message, isRepeated);
        if ((message, isRepeated) != last && isRepeated) Changed?.Invoke(key);
        return isRepeated ? message : null;
    }

    /// <summary>True: a repeated rejection was removed.</summary>
    public bool Forget(ObjectKey key)
    {
        if (!_last.TryRemove(key, out var last) || !last.IsRepeated) return false;
        Changed?.Invoke(key);
        return true;
    }

    private sealed class Subscription(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
