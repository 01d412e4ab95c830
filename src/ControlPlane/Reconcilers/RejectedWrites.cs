using System.Collections.Concurrent;
using ModuleController.Core.Meta;
using ModuleController.Kube;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>The writes for ModuleDeployments that the API server keeps rejecting, at most one for each.</summary>
/// <remarks>
/// A rejection is reported when it has lasted for <see cref="ReportedAfter"/>: a shorter one may come from a cache that was behind, or
/// from a quota whose usage has not been counted anew. Its message is the first one of its code and reason: a text that differs from
/// request to request, by an id or a time, would have the status written, and the write tried again, without end.
/// </remarks>
public sealed class RejectedWrites
{
    private const int MaxMessageLength = 1024;
    private static readonly TimeSpan ReportedAfter = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<ObjectKey, Rejection> _last = new();

    private event Action<ObjectKey>? Changed;

    /// <summary>Calls back when a ModuleDeployment gets a reported rejection, one of another kind, or loses it.</summary>
    public IDisposable Subscribe(Action<ObjectKey> changed)
    {
        Changed += changed;
        return new Subscription(() => Changed -= changed);
    }

    /// <summary>What the API server said; null: it has not rejected for long enough to be reported.</summary>
    public string? Find(ObjectKey key) => _last.TryGetValue(key, out var last) && last.IsReported ? last.Message : null;

    /// <summary>Adds a rejection. Returns the message to report, or null where it has not lasted for long enough.</summary>
    public string? Add(ObjectKey key, KubeError error, DateTimeOffset now)
    {
        var last = _last.GetValueOrDefault(key);
        var message = last is not null && (last.Code, last.Reason) == (error.Code, error.Reason) ? last.Message : error.ToString();
        if (message.Length > MaxMessageLength) message = message[..MaxMessageLength];
        var since = last?.Since ?? now;
        var rejection = new Rejection(error.Code, error.Reason, message, since, now - since >= ReportedAfter);
        _last[key] = rejection;
        if (rejection.IsReported && rejection != last) Changed?.Invoke(key);
        return rejection.IsReported ? message : null;
    }

    /// <summary>True: a reported rejection was removed.</summary>
    public bool Forget(ObjectKey key)
    {
        if (!_last.TryRemove(key, out var last) || !last.IsReported) return false;
        Changed?.Invoke(key);
        return true;
    }

    private sealed record Rejection(int Code, string Reason, string Message, DateTimeOffset Since, bool IsReported);

    private sealed class Subscription(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
