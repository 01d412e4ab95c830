using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;

namespace ModuleController.Kube.Tests.Caches;

/// <summary>A clock on which every wait is over at once, and noted.</summary>
internal sealed class ImpatientTime : FakeTimeProvider
{
    public ConcurrentQueue<TimeSpan> Waits { get; } = new();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        Waits.Enqueue(dueTime);
        Advance(dueTime);
        return timer;
    }
}
