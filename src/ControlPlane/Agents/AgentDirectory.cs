using System.Collections.Concurrent;
using Grpc.Core;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Agents;

/// <summary>The connected agents, and the last known view of each base.</summary>
/// <remarks>
/// A second session for a pod replaces the first. The last known view of a lost session is kept until its pod is deleted, at most
/// for an hour.
/// </remarks>
public sealed class AgentDirectory(LeaderGate gate, AgentEpochs epochs, AgentOptions options, AgentMetrics metrics, TimeProvider time)
    : IAgentDirectory, IDisposable
{
    private static readonly TimeSpan KeepLastKnownView = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongestSpread = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan SpreadPerStream = TimeSpan.FromMilliseconds(2);

    private readonly ConcurrentDictionary<ObjectKey, Entry> _entries = new();
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _allEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Action<ObjectKey>[] _subscribers = [];
    private int _streams;
    private long _changes;
    private readonly CancellationTokenSource _closing = new();
    private Status? _closed;

    /// <summary>Cancelled when all streams have to end.</summary>
    internal CancellationToken Closing => _closing.Token;

    public DateTimeOffset AcceptingSince => gate.AcceptingSince;

    /// <summary>The time over which the agents of all streams that this process ends connect again; null: it ends none. 100 streams:
    /// 0.2 s.</summary>
    public TimeSpan? ReconnectWithin { get; private set; }

    /// <summary>Open streams, with those that have no session yet.</summary>
    public int Streams
    {
        get
        {
            lock (_lock) return _streams;
        }
    }

    public int Connected => _entries.Values.Count(entry => entry.Session is not null);

    public long Changes => Volatile.Read(ref _changes);

    public BaseView? Find(ObjectKey pod, string podUid)
    {
        if (!_entries.TryGetValue(pod, out var entry) || entry.PodUid != podUid) return null;
        if (entry.Session is not { View: { } view } session) return entry.LastKnownView;
        return epochs.IsFenced(session.Hello) ? view with { IsFenced = true } : view;
    }

    public bool TrySend(ObjectKey pod, string podUid, ModuleCommand command)
    {
        if (!gate.IsOpen || !_entries.TryGetValue(pod, out var entry) || entry.PodUid != podUid) return false;
        if (entry.Session is not { } session) return false;
        CommandProblem? fenced = null;
        if (epochs.IsAhead(session.Hello))
        {
            // The next check of the sessions raises the epoch.
            if (epochs.MayRaise(session.Hello)) return false;
            fenced = new(FailureReason.Fenced, epochs.AheadText(session.Hello));
        }

        if (!session.TrySend(command, gate.Epoch, time.GetUtcNow(), fenced)) return false;
        metrics.Sent(command);
        return true;
    }

    public IDisposable Subscribe(Action<ObjectKey> changed)
    {
        lock (_lock) _subscribers = [.. _subscribers, changed];
        return new Subscription(this, changed);
    }

    /// <summary>Adds the session of a pod, and closes the one that it replaces.</summary>
    internal void Register(AgentSession session)
    {
        AgentSession? replaced = null;
        lock (_lock)
        {
            if (_closed is { } end) session.Close(end.StatusCode, end.Detail);
            var uid = session.Hello.PodUid;
            _entries.AddOrUpdate(
                session.Hello.Pod,
                _ => new(uid, session, null),
                (_, known) =>
                {
                    replaced = known.Session;
                    return new(uid, session, known.PodUid == uid ? known.ViewWithoutSession() : null);
                });
            Interlocked.Increment(ref _changes);
        }

        replaced?.Close(StatusCode.Aborted, "replaced by a newer stream of this pod");
        if (replaced is not null) Notify(session.Hello.Pod);
    }

    /// <summary>Removes a session that has ended. Its last known view is kept.</summary>
    internal void Unregister(AgentSession session)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(session.Hello.Pod, out var entry) || entry.Session != session) return;
            if (entry.ViewWithoutSession() is { } view) _entries[session.Hello.Pod] = new(entry.PodUid, null, view);
            else _entries.TryRemove(session.Hello.Pod, out _);
            Interlocked.Increment(ref _changes);
        }

        Notify(session.Hello.Pod);
    }

    /// <summary>Counts an answer, and triggers reconciles if a message changed the view.</summary>
    internal void Observe(AgentSession session, SessionStep step)
    {
        if (step.Answer is { } answer) metrics.Answered(answer, step.Command);
        if (step.IsChanged) Notify(session.Hello.Pod);
    }

    /// <summary>The pod is deleted: removes its last known view, and closes a session that it still has.</summary>
    public void Forget(ObjectKey pod, string podUid)
    {
        AgentSession? session;
        lock (_lock)
        {
            if (!_entries.TryGetValue(pod, out var entry) || entry.PodUid != podUid) return;
            session = entry.Session;
            _entries.TryRemove(pod, out _);
            Interlocked.Increment(ref _changes);
        }

        session?.Close(StatusCode.NotFound, $"pod {pod} was deleted");
    }

    /// <summary>Closes the session of a pod, if it has one.</summary>
    public void Close(ObjectKey pod, string podUid, string why)
    {
        if (_entries.TryGetValue(pod, out var entry) && entry.PodUid == podUid) entry.Session?.Close(StatusCode.NotFound, why);
    }

    /// <summary>Ends all streams, also those that begin later. Returns when their statuses have been written.</summary>
    public async Task CloseAllAsync(string why, CancellationToken deadline)
    {
        lock (_lock)
        {
            _closed = new(StatusCode.Unavailable, why);
            var spread = _streams * SpreadPerStream;
            ReconnectWithin = spread < LongestSpread ? spread : LongestSpread;
            if (_streams == 0) _allEnded.TrySetResult();
        }

        foreach (var entry in _entries.Values) entry.Session?.Close(StatusCode.Unavailable, why);
        await _closing.CancelAsync();
        await _allEnded.Task.WaitAsync(deadline);
    }

    /// <summary>A stream has begun. It has no session yet.</summary>
    internal void StreamBegun()
    {
        lock (_lock) _streams++;
    }

    /// <summary>The status of the stream has been written.</summary>
    internal void StreamEnded()
    {
        lock (_lock)
        {
            _streams--;
            if (_closed is not null && _streams == 0) _allEnded.TrySetResult();
        }
    }

    public void Dispose() => _closing.Dispose();

    /// <summary>
    /// Closes sessions that are silent or overdue, until cancelled, and raises the epoch above that of an agent whose pod has become
    /// a base pod since its hello. One timer for all of them.
    /// </summary>
    public async Task WatchOverSessionsAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(options.HeartbeatInterval / 4, time);
        HashSet<AgentSession> fenced = [];
        while (await timer.WaitForNextTickAsync(cancellation))
        {
            var now = time.GetUtcNow();
            var wereFenced = fenced;
            fenced = [];
            foreach (var (pod, entry) in _entries)
            {
                if (entry.Session is { } session)
                {
                    session.CloseIfOverdue(now, options.Silence);
                    if (gate.IsOpen && epochs.IsAhead(session.Hello)
                        && epochs.MayRaise(session.Hello)) await RaiseAsync(session, cancellation);
                    // A fence ends with our epoch, not with a message of the agent.
                    if (epochs.IsFenced(session.Hello)) fenced.Add(session);
                    if (fenced.Contains(session) != wereFenced.Contains(session)) Notify(pod);
                }
                else if (now - entry.LastKnownView!.LastMessageAt > KeepLastKnownView
                    && _entries.TryRemove(new(pod, entry))) Interlocked.Increment(ref _changes);
            }
        }
    }

    // Where that fails, the agent connects again, and its hello tries it again.
    private async Task RaiseAsync(AgentSession session, CancellationToken cancellation)
    {
        try
        {
            await epochs.GreetAsync(session.Hello, gate.Epoch, cancellation);
        }
        catch (Exception exception) when (exception is KubeException or InvalidOperationException)
        {
            session.Close(StatusCode.Unavailable, "the epoch could not be raised: try again");
        }
    }

    private void Notify(ObjectKey pod)
    {
        foreach (var subscriber in Volatile.Read(ref _subscribers)) subscriber(pod);
    }

    private void Unsubscribe(Action<ObjectKey> changed)
    {
        lock (_lock) _subscribers = [.. _subscribers.Where(subscriber => subscriber != changed)];
    }

    /// <summary>Has a session, a last known view, or both.</summary>
    private sealed record Entry(string PodUid, AgentSession? Session, BaseView? LastKnownView)
    {
        public BaseView? ViewWithoutSession() => (Session?.View ?? LastKnownView) is { } view ? view with { IsConnected = false } : null;
    }

    private sealed class Subscription(AgentDirectory directory, Action<ObjectKey> changed) : IDisposable
    {
        public void Dispose() => directory.Unsubscribe(changed);
    }
}
