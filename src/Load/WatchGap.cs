using ModuleController.Core.Modules;
using ModuleController.Kube;

namespace ModuleController.Load;

/// <summary>
/// The longest time without an event in this program's own watch of Modules while Modules were still changing: from the first event
/// of an installation or deletion to its last one.
/// </summary>
/// <remarks>
/// The watch uses the controller's client and is served by the same API server, so a server that ends slow watches, or a client that
/// backs off, shows here as it does in the controller. A time in which nobody wrote counts too: the figure is an upper bound.
/// </remarks>
internal sealed class WatchGap : IDisposable
{
    private readonly Lock _lock = new();
    private readonly IDisposable _subscription;
    private long? _last;
    private TimeSpan _longest;

    public WatchGap(IInformer<Module> modules) => _subscription = modules.Subscribe(_ => Note(TimeProvider.System.GetTimestamp()));

    /// <summary>The longest gap so far; the next one begins with the next event.</summary>
    public TimeSpan Take()
    {
        lock (_lock)
        {
            var longest = _longest;
            (_last, _longest) = (null, TimeSpan.Zero);
            return longest;
        }
    }

    public void Dispose() => _subscription.Dispose();

    private void Note(long now)
    {
        lock (_lock)
        {
            if (_last is { } last && TimeProvider.System.GetElapsedTime(last, now) is var gap && gap > _longest) _longest = gap;
            _last = now;
        }
    }
}
