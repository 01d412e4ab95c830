using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Agents.Identity;

/// <summary>Whether a pod exists and is not finished, by the cache. It may be a little behind the pod's own agent.</summary>
public sealed class KnownPods : IDisposable
{
    private readonly IInformer<Pod> _pods;
    private readonly IKubeClient _client;
    private readonly TimeProvider _time;
    private readonly IDisposable _subscription;
    private readonly Lock _lock = new();
    private readonly Dictionary<(ObjectKey Pod, string Uid), List<TaskCompletionSource>> _waiting = [];

    /// <param name="deleted">Called with key and UID of each deleted pod.</param>
    /// <param name="finished">Called with key and UID of each pod whose containers have ended for ever.</param>
    public KnownPods(
        IInformer<Pod> pods, IKubeClient client, TimeProvider time, Action<ObjectKey, string> deleted, Action<ObjectKey, string> finished)
    {
        (_pods, _client, _time) = (pods, client, time);
        _subscription = pods.Subscribe(change =>
        {
            if (change.Before is { } before && (change.After is null || change.IsReplaced)) deleted(change.Key, before.Metadata.Uid ?? "");
            if (change.After is not { } pod) return;
            Appeared(change.Key, pod.Metadata.Uid ?? "");
            if (IsFinished(pod)) finished(change.Key, pod.Metadata.Uid ?? "");
        });
    }

    /// <summary>
    /// True: it exists. False: the API server has no such pod, or it is finished. Null: unknown at the timeout. The API server is read only
    /// if the cache does not have the pod at the timeout.
    /// </summary>
    public async Task<bool?> ExistsAsync(ObjectKey pod, string uid, TimeSpan timeout, CancellationToken cancellation)
    {
        if (Cached(pod, uid) is not null || await AppearsAsync(pod, uid, timeout, cancellation))
            return Cached(pod, uid) is { } cached && !IsFinished(cached);
        try
        {
            // The API server has it, but the cache does not: reconciles could not use it yet.
            return await _client.FindAsync<Pod>(pod, cancellation) is { } live && live.Metadata.Uid == uid && !IsFinished(live)
                ? null : false;
        }
        catch (KubeException)
        {
            return null;
        }
    }

    public void Dispose() => _subscription.Dispose();

    private static bool IsFinished(Pod pod) => pod.Status.Phase is "Succeeded" or "Failed";

    private Pod? Cached(ObjectKey pod, string uid) => _pods.Get(pod) is { } found && found.Metadata.Uid == uid ? found : null;

    private async Task<bool> AppearsAsync(ObjectKey pod, string uid, TimeSpan timeout, CancellationToken cancellation)
    {
        var appeared = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (!_waiting.TryGetValue((pod, uid), out var waiting)) _waiting[(pod, uid)] = waiting = [];
            waiting.Add(appeared);
        }

        try
        {
            // It may have appeared between the first check and the entry in the list.
            if (Cached(pod, uid) is null) await appeared.Task.WaitAsync(timeout, _time, cancellation);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            lock (_lock)
            {
                _waiting[(pod, uid)].Remove(appeared);
                if (_waiting[(pod, uid)].Count == 0) _waiting.Remove((pod, uid));
            }
        }
    }

    private void Appeared(ObjectKey pod, string uid)
    {
        lock (_lock)
        {
            // Their continuations run elsewhere, not under the lock.
            if (_waiting.TryGetValue((pod, uid), out var waiting)) waiting.ForEach(appeared => appeared.TrySetResult());
        }
    }
}
