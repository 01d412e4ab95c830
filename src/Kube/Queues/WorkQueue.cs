using ModuleController.Core.Meta;

namespace ModuleController.Kube.Queues;

/// <summary>Keys that wait for a reconcile, each handed to one worker at a time.</summary>
/// <remarks>
/// A key is waiting at most once.
/// No key is with two workers.
/// A key added while held is queued again when its lease ends.
/// Of two delays the earlier counts.
/// An immediate add drops a pending delay, since the reconcile that it causes computes a new requeue time.
/// No key waits for another's backoff.
/// Background keys are handed out after all others.
/// </remarks>
public sealed class WorkQueue<TKey> : IDisposable where TKey : notnull
{
    private readonly TimeProvider _time;
    private readonly Backoff _backoff;
    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, Entry> _entries = [];
    private readonly Queue<Ticket> _front = new();
    private readonly Queue<Ticket> _background = new();
    private readonly PriorityQueue<Ticket, (long Due, long Number)> _delayed = new();
    private readonly SemaphoreSlim _ready = new(0);   // one permit for each waiting key
    private readonly ITimer _timer;
    private long _timerDue = long.MaxValue;
    private long _lastTicket;
    private int _depth;
    private int _stale;   // dropped delays that still lie in _delayed
    private bool _isDisposed;

    public WorkQueue(TimeProvider time, Backoff backoff)
    {
        _time = time;
        _backoff = backoff;
        _timer = time.CreateTimer(_ => ReleaseDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Keys that wait for a worker now; delayed and held ones don't count.</summary>
    public int Depth
    {
        get
        {
            lock (_lock) return _depth;
        }
    }

    /// <summary>How long the oldest waiting key has waited.</summary>
    public TimeSpan OldestAge
    {
        get
        {
            lock (_lock)
            {
                DropStale(_front);
                DropStale(_background);
                var oldest = Math.Min(
                    _front.TryPeek(out var front) ? front.Since : long.MaxValue,
                    _background.TryPeek(out var background) ? background.Since : long.MaxValue);
                return oldest == long.MaxValue ? TimeSpan.Zero : _time.GetElapsedTime(oldest);
            }
        }
    }

    /// <summary>Now; background keys (resyncs) after all others.</summary>
    public void Add(TKey key, bool background = false)
    {
        lock (_lock) MakeReady(EntryOf(key), key, background);
    }

    /// <summary>Later; the earliest wish counts.</summary>
    public void AddAfter(TKey key, TimeSpan delay)
    {
        if (delay <= TimeSpan.Zero) Add(key);
        else
        {
            lock (_lock) Delay(EntryOf(key), key, delay);
        }
    }

    /// <summary>After this key's back-off, which grows.</summary>
    public void Retry(TKey key)
    {
        lock (_lock)
        {
            var entry = EntryOf(key);
            entry.Failures++;
            Delay(entry, key, _backoff.After(entry.Failures, Random.Shared.NextDouble()));
        }
    }

    /// <summary>Its back-off starts over.</summary>
    public void Forget(TKey key)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out var entry)) return;
            entry.Failures = 0;
            RemoveIdle(key, entry);
        }
    }

    /// <summary>The next key, held until the lease is disposed.</summary>
    public async ValueTask<Lease> TakeAsync(CancellationToken cancellation)
    {
        await _ready.WaitAsync(cancellation);
        lock (_lock) return Take();
    }

    /// <summary>What is added from then on is dropped: a late event must not fail its sender.</summary>
    public void Dispose()
    {
        lock (_lock) _isDisposed = true;
        _timer.Dispose();
        _ready.Dispose();
    }

    private Lease Take()
    {
        DropStale(_front);
        DropStale(_background);
        var key = (_front.Count > 0 ? _front : _background).Dequeue().Key;
        var entry = _entries[key];
        entry.State = State.Held;
        entry.Ticket = 0;
        DropDelay(entry);   // this reconcile computes a new requeue time
        _depth--;
        return new(this, key);
    }

    private void Release(TKey key)
    {
        lock (_lock)
        {
            var entry = _entries[key];
            var again = entry.Again;
            (entry.State, entry.Again) = (State.Idle, null);
            if (again is { } background) MakeReady(entry, key, background);
            else RemoveIdle(key, entry);
        }
    }

    private void MakeReady(Entry entry, TKey key, bool background)
    {
        if (_isDisposed) return;

        // A resync may have to wait long behind the others, so a nearer wish stays beside it.
        if (!background) DropDelay(entry);
        switch (entry.State)
        {
            case State.Held:
                entry.Again = background && entry.Again != false;
                break;
            case State.Idle:
                entry.State = background ? State.WaitingInBackground : State.Waiting;
                Enqueue(entry, key, background ? _background : _front);
                _depth++;
                _ready.Release();
                break;
            case State.WaitingInBackground when !background:
                entry.State = State.Waiting;
                Enqueue(entry, key, _front);   // its old ticket is stale; the permit it has stays
                break;
        }
    }

    private void Enqueue(Entry entry, TKey key, Queue<Ticket> queue)
    {
        entry.Ticket = ++_lastTicket;
        queue.Enqueue(new(key, entry.Ticket, _time.GetTimestamp()));
    }

    private void Delay(Entry entry, TKey key, TimeSpan delay)
    {
        if (_isDisposed || entry.State == State.Waiting || entry.Again == false) return;   // it is queued immediately anyway
        var due = _time.GetTimestamp() + (long)Math.Min(delay.TotalSeconds * _time.TimestampFrequency, long.MaxValue / 4);
        if (entry.DelayTicket != 0 && entry.Due <= due) return;
        DropDelay(entry);
        entry.DelayTicket = ++_lastTicket;
        entry.Due = due;
        _delayed.Enqueue(new(key, entry.DelayTicket, due), (due, entry.DelayTicket));
        if (due < _timerDue) SetTimer(due);
    }

    private void ReleaseDue()
    {
        lock (_lock)
        {
            var now = _time.GetTimestamp();
            _timerDue = long.MaxValue;
            while (_delayed.TryPeek(out var next, out var at) && (at.Due <= now || !IsPending(next)))
            {
                _delayed.Dequeue();
                if (!IsPending(next))
                {
                    _stale--;
                    continue;
                }

                var entry = _entries[next.Key];
                entry.DelayTicket = 0;
                MakeReady(entry, next.Key, background: false);
            }

            if (_delayed.TryPeek(out _, out var following)) SetTimer(following.Due);
        }
    }

    private void SetTimer(long due)
    {
        _timerDue = due;
        var wait = TimeSpan.FromSeconds((double)(due - _time.GetTimestamp()) / _time.TimestampFrequency);

        // Timers count whole milliseconds and have a limit of 49 days; a timer that fires early is only set again.
        wait = TimeSpan.FromMilliseconds(Math.Clamp(Math.Ceiling(wait.TotalMilliseconds), 1, 86_400_000));
        _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    private void DropDelay(Entry entry)
    {
        if (entry.DelayTicket == 0) return;
        entry.DelayTicket = 0;
        _stale++;

        // Far delays that are always dropped in time would pile up: past half, they are swept out.
        if (_stale < 64 || _stale < _delayed.Count / 2) return;
        var pending = _delayed.UnorderedItems.Where(item => IsPending(item.Element)).ToArray();
        _delayed.Clear();
        _delayed.EnqueueRange(pending);
        _stale = 0;
    }

    private bool IsPending(Ticket ticket) =>
        _entries.TryGetValue(ticket.Key, out var entry) && entry.DelayTicket == ticket.Number;

    private void DropStale(Queue<Ticket> queue)
    {
        while (queue.TryPeek(out var next)
            && !(_entries.TryGetValue(next.Key, out var entry) && entry.Ticket == next.Number)) queue.Dequeue();
    }

    private Entry EntryOf(TKey key)
    {
        if (!_entries.TryGetValue(key, out var entry)) _entries[key] = entry = new();
        return entry;
    }

    private void RemoveIdle(TKey key, Entry entry)
    {
        if (entry is { State: State.Idle, DelayTicket: 0, Failures: 0 }) _entries.Remove(key);
    }

    private enum State
    {
        Idle,
        Waiting,
        WaitingInBackground,
        Held,
    }

    /// <summary>A place in a queue. It is stale where the entry has another number by now.</summary>
    private readonly record struct Ticket(TKey Key, long Number, long Since);

    private sealed class Entry
    {
        public State State { get; set; }

        /// <summary>Added while held; true: in background only.</summary>
        public bool? Again { get; set; }

        public long Ticket { get; set; }

        /// <summary>0: no delay is pending.</summary>
        public long DelayTicket { get; set; }

        public long Due { get; set; }

        public int Failures { get; set; }
    }

    /// <summary>Holds a key for one worker; disposing it is "done".</summary>
    public sealed class Lease : IDisposable
    {
        private WorkQueue<TKey>? _queue;

        internal Lease(WorkQueue<TKey> queue, TKey key) => (_queue, Key) = (queue, key);

        public TKey Key { get; }

        public void Dispose() => Interlocked.Exchange(ref _queue, null)?.Release(Key);
    }
}
