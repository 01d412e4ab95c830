namespace ModuleController.ControlPlane.Agents;

/// <summary>Whether this process leads, and under which epoch. Agents are let in only while it does.</summary>
/// <remarks>The epoch only rises: a hello that tells of a higher one raises the Lease's count first, then ours.</remarks>
public sealed class LeaderGate(TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _raising = new(1, 1);
    private Func<ulong, CancellationToken, Task<ulong>>? _raise;
    private long _acceptingSince = long.MaxValue;
    private ulong _epoch;

    public bool IsOpen => Volatile.Read(ref _raise) is not null;

    public ulong Epoch => Volatile.Read(ref _epoch);

    /// <summary>When the gate opened; the end of time while it is shut.</summary>
    public DateTimeOffset AcceptingSince =>
        Volatile.Read(ref _acceptingSince) is var ticks && ticks == long.MaxValue ? DateTimeOffset.MaxValue : new(ticks, TimeSpan.Zero);

    /// <summary>This process leads from now on. The function lifts the Lease's count above an epoch and returns the new one.</summary>
    public void Open(ulong epoch, Func<ulong, CancellationToken, Task<ulong>> raise)
    {
        Volatile.Write(ref _epoch, epoch);
        Volatile.Write(ref _acceptingSince, time.GetUtcNow().Ticks);
        Volatile.Write(ref _raise, raise);
    }

    public void Shut()
    {
        Volatile.Write(ref _raise, null);
        Volatile.Write(ref _acceptingSince, long.MaxValue);
    }

    /// <summary>An epoch that is not below <paramref name="highest"/>, written to the Lease before anyone gets to see it.</summary>
    public async Task<ulong> ReachAsync(ulong highest, CancellationToken cancellation)
    {
        if (highest <= Epoch) return Epoch;
        await _raising.WaitAsync(cancellation);
        try
        {
            var raise = Volatile.Read(ref _raise) ?? throw new InvalidOperationException("this process no longer leads");
            if (highest > Epoch) Volatile.Write(ref _epoch, await raise(highest, cancellation));
            return Epoch;
        }
        finally
        {
            _raising.Release();
        }
    }

    public void Dispose() => _raising.Dispose();
}
