using System.Threading.Channels;

namespace ModuleController.Dev.ApiServer.Storage;

/// <summary>The changes of one resource after a revision: first those in the log, then new ones.</summary>
public sealed class Subscription : IDisposable
{
    private readonly Channel<Change> _live;
    private readonly EventLog _log;

    internal Subscription(EventLog log, string resource, IReadOnlyList<Change> backlog, int capacity)
    {
        (_log, Resource, Backlog) = (log, resource, backlog);
        _live = Channel.CreateBounded<Change>(new BoundedChannelOptions(capacity) { SingleReader = true });
    }

    public string Resource { get; }

    public IReadOnlyList<Change> Backlog { get; }

    /// <summary>Ends when the watcher is cut off: it was too slow, or a fault was requested.</summary>
    public ChannelReader<Change> Live => _live.Reader;

    /// <summary>The revision of the log if every change up to it has been read from here; otherwise null.</summary>
    public long? CaughtUp() => _log.WhenIdle(() => _live.Reader.Count == 0);

    /// <summary>False: the channel is full, because the reader is too slow. Its watch ends.</summary>
    internal bool Offer(Change change) => _live.Writer.TryWrite(change) || !Cut();

    internal bool Cut() => _live.Writer.TryComplete();

    public void Dispose() => _log.Unsubscribe(this);
}
