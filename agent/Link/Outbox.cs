using System.Threading.Channels;
using Grpc.Core;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Link;

/// <summary>
/// The one writer of a stream. Snapshots are not queued: one is built when it is its turn, and it goes ahead of every
/// result, so that whoever reads the result already knows what it led to. When the queue is full the stream ends: results
/// are in the journal, and a new stream begins with everything.
/// </summary>
internal sealed class Outbox(
    IClientStreamWriter<ConnectRequest> stream, Welcome welcome, Func<Snapshot> snapshot, Func<Heartbeat> heartbeat, TimeProvider time)
    : IDisposable
{
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(100);
    private readonly Channel<ConnectRequest?> _queue = Channel.CreateBounded<ConnectRequest?>(256);
    private readonly TimeSpan _heartbeatInterval = Interval(welcome.HeartbeatInterval, TimeSpan.FromSeconds(10));
    private readonly TimeSpan _snapshotInterval = Interval(welcome.SnapshotInterval, TimeSpan.FromSeconds(60));
    private int _snapshotWanted;

    public void Add(CommandResult result) => Add(new ConnectRequest { Result = result });

    public void Add(CommandProgress progress) => Add(new ConnectRequest { Progress = progress });

    public void WantSnapshot()
    {
        // A null in the queue only wakes the writer; one is enough.
        if (Interlocked.Exchange(ref _snapshotWanted, 1) == 0) _queue.Writer.TryWrite(null);
    }

    public async Task RunAsync(CancellationToken cancellation)
    {
        await WriteSnapshotAsync(cancellation);
        var (wroteAt, snapshotAt) = (time.GetTimestamp(), time.GetTimestamp());
        while (true)
        {
            await WaitAsync(
                Shorter(_heartbeatInterval - time.GetElapsedTime(wroteAt), _snapshotInterval - time.GetElapsedTime(snapshotAt)),
                cancellation);
            while (_queue.Reader.TryRead(out var message))
            {
                if (message is null) continue;
                if (message.Result is not null)
                {
                    await WriteSnapshotAsync(cancellation);
                    snapshotAt = time.GetTimestamp();
                }

                await stream.WriteAsync(message, cancellation);
                wroteAt = time.GetTimestamp();
            }

            if (Volatile.Read(ref _snapshotWanted) == 1 || time.GetElapsedTime(snapshotAt) >= _snapshotInterval)
            {
                await WriteSnapshotAsync(cancellation);
                wroteAt = snapshotAt = time.GetTimestamp();
            }
            else if (time.GetElapsedTime(wroteAt) >= _heartbeatInterval)
            {
                await stream.WriteAsync(new ConnectRequest { Heartbeat = heartbeat() }, cancellation);
                wroteAt = time.GetTimestamp();
            }

            if (_queue.Reader.Completion.IsCompleted) throw new IOException("the controller reads too slowly");
        }
    }

    public void Dispose() => _queue.Writer.TryComplete();

    private void Add(ConnectRequest message)
    {
        if (!_queue.Writer.TryWrite(message)) _queue.Writer.TryComplete();
    }

    private async Task WriteSnapshotAsync(CancellationToken cancellation)
    {
        // Cleared first: what changes while it is built asks for the next one.
        Interlocked.Exchange(ref _snapshotWanted, 0);
        await stream.WriteAsync(new ConnectRequest { Snapshot = snapshot() }, cancellation);
    }

    /// <summary>Until there is something to write or the time is over.</summary>
    private async Task WaitAsync(TimeSpan longest, CancellationToken cancellation)
    {
        if (longest <= TimeSpan.Zero) return;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var delay = Task.Delay(longest, time, over.Token);
        Task something = _queue.Reader.WaitToReadAsync(over.Token).AsTask();
        await Task.WhenAny(delay, something);
        await over.CancelAsync();
        await delay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ((Task)something).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static TimeSpan Interval(Google.Protobuf.WellKnownTypes.Duration? asked, TimeSpan otherwise)
    {
        var interval = asked?.ToTimeSpan() ?? TimeSpan.Zero;
        return interval <= TimeSpan.Zero ? otherwise : interval < Least ? Least : interval;
    }
}
