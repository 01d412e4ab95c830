using System.Threading.Channels;
using Grpc.Core;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Link;

/// <summary>
/// The only writer of a stream. A snapshot is built when it is sent, and one precedes each result, so the receiver of a result has the
/// state after it. When the queue is full the stream ends: results are in the journal, and a new stream starts with a snapshot.
/// </summary>
internal sealed class Outbox(
    IClientStreamWriter<ConnectRequest> stream, Welcome welcome, Func<Snapshot> snapshot, Func<Heartbeat> heartbeat, TimeProvider time)
    : IDisposable
{
    private static readonly TimeSpan MinInterval = TimeSpan.FromMilliseconds(100);
    private readonly Channel<ConnectRequest?> _queue = Channel.CreateBounded<ConnectRequest?>(256);
    private readonly TimeSpan _heartbeatInterval = Interval(welcome.HeartbeatInterval, TimeSpan.FromSeconds(10));
    private readonly TimeSpan _snapshotInterval = Interval(welcome.SnapshotInterval, TimeSpan.FromSeconds(60));
    private int _isSnapshotRequested;

    public void Add(CommandResult result) => Add(new ConnectRequest { Result = result });

    public void Add(CommandProgress progress) => Add(new ConnectRequest { Progress = progress });

    public void Add(Credential credential) => Add(new ConnectRequest { Credential = credential });

    public void RequestSnapshot()
    {
        // A null only signals the writer. One is enough.
        if (Interlocked.Exchange(ref _isSnapshotRequested, 1) == 0) _queue.Writer.TryWrite(null);
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

            if (Volatile.Read(ref _isSnapshotRequested) == 1 || time.GetElapsedTime(snapshotAt) >= _snapshotInterval)
            {
                await WriteSnapshotAsync(cancellation);
                wroteAt = snapshotAt = time.GetTimestamp();
            }
            else if (time.GetElapsedTime(wroteAt) >= _heartbeatInterval)
            {
                await stream.WriteAsync(new ConnectRequest { Heartbeat = heartbeat() }, cancellation);
                wroteAt = time.GetTimestamp();
            }

            if (_queue.Reader.Completion.IsCompleted) throw new IOException("the queue of messages to the controller is full");
        }
    }

    public void Dispose() => _queue.Writer.TryComplete();

    private void Add(ConnectRequest message)
    {
        if (!_queue.Writer.TryWrite(message)) _queue.Writer.TryComplete();
    }

    private async Task WriteSnapshotAsync(CancellationToken cancellation)
    {
        // Cleared first: a change while it is built requests another one.
        Interlocked.Exchange(ref _isSnapshotRequested, 0);
        await stream.WriteAsync(new ConnectRequest { Snapshot = snapshot() }, cancellation);
    }

    /// <summary>Until there is a message to write or the timeout ends.</summary>
    private async Task WaitAsync(TimeSpan timeout, CancellationToken cancellation)
    {
        if (timeout <= TimeSpan.Zero) return;
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var delay = Task.Delay(timeout, time, waiting.Token);
        Task readable = _queue.Reader.WaitToReadAsync(waiting.Token).AsTask();
        await Task.WhenAny(delay, readable);
        await waiting.CancelAsync();
        await delay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ((Task)readable).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static TimeSpan Interval(Google.Protobuf.WellKnownTypes.Duration? requested, TimeSpan fallback)
    {
        var interval = requested?.ToTimeSpan() ?? TimeSpan.Zero;
        return interval <= TimeSpan.Zero ? fallback : interval < MinInterval ? MinInterval : interval;
    }
}
