namespace ModuleController.ControlPlane.Agents;

/// <summary>What the gateway needs of the leader election.</summary>
/// <param name="Epoch">Is in every command. It only rises.</param>
/// <param name="Reach">Raises the epoch to at least this, in the Lease first.</param>
public sealed record Leadership(Func<bool> IsHeld, Func<ulong> Epoch, Func<ulong, CancellationToken, Task> Reach);

/// <summary>Admits agents while this process leads; otherwise it has the address of the leader.</summary>
public sealed class LeaderGate(TimeProvider time, Func<string?> leaderAddress)
{
    private Opened? _opened;

    /// <summary>Computed from the election's clock: it is closed in time even if everything else hangs.</summary>
    public bool IsOpen => Volatile.Read(ref _opened)?.Leadership.IsHeld() == true;

    public ulong Epoch => Volatile.Read(ref _opened)?.Leadership.Epoch() ?? 0;

    /// <summary>When the gate opened; the maximum while it is closed.</summary>
    public DateTimeOffset AcceptingSince => Volatile.Read(ref _opened)?.Since ?? DateTimeOffset.MaxValue;

    /// <summary>The address of the leader's gateway; null: the Lease has none.</summary>
    public string? LeaderAddress => leaderAddress();

    public void Open(Leadership leadership) => Volatile.Write(ref _opened, new(leadership, time.GetUtcNow()));

    public void Close() => Volatile.Write(ref _opened, null);

    /// <summary>
    /// The epoch for an agent that has observed <paramref name="highest"/>: above it, unless it is ours. It is written to the Lease before
    /// it is sent to an agent.
    /// </summary>
    /// <param name="atBegin">
    /// Our epoch when the agent's stream began: the agent cannot have a higher one from us, even if another agent has
    /// raised ours to the same number meanwhile.
    /// </param>
    public async Task<ulong> ReachAsync(ulong highest, ulong atBegin, CancellationToken cancellation)
    {
        var opened = Volatile.Read(ref _opened) ?? throw new InvalidOperationException("this process does not lead");
        if (highest > atBegin && highest >= opened.Leadership.Epoch()) await opened.Leadership.Reach(highest + 1, cancellation);
        return opened.Leadership.Epoch();
    }

    private sealed record Opened(Leadership Leadership, DateTimeOffset Since);
}
