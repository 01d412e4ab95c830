using Microsoft.Extensions.Time.Testing;

namespace ModuleController.Kube.Tests.Hosting;

/// <summary>Knows how many pauses there are, and how many limits after which a request is cut off.</summary>
internal sealed class PausedTime(DateTimeOffset start) : FakeTimeProvider(start)
{
    private int _pauses;
    private int _limits;

    public int Pauses => Volatile.Read(ref _pauses);

    public int Limits => Volatile.Read(ref _limits);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var isLimit = state is CancellationTokenSource;
        Count(1);
        var isOver = 0;
        return new CountedTimer(base.CreateTimer(
            inner =>
            {
                End();
                callback(inner);
            }, state, dueTime, period), End);

        void End()
        {
            if (Interlocked.Exchange(ref isOver, 1) == 0) Count(-1);
        }

        void Count(int by)
        {
            if (isLimit) Interlocked.Add(ref _limits, by);
            else Interlocked.Add(ref _pauses, by);
        }
    }

    private sealed class CountedTimer(ITimer timer, Action end) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(dueTime, period);

        public void Dispose()
        {
            end();
            timer.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            end();
            return timer.DisposeAsync();
        }
    }
}
