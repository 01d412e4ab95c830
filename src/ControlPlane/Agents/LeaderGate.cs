namespace ModuleController.ControlPlane.Agents;

/// <summary>What the gateway needs to know of the election.</summary>
/// <param name="Epoch">Goes into every command; it only rises.</param>
/// <param name="Reach">Makes the epoch at least this, in the Lease first.</param>
public sealed record Leadership(Func<bool> IsHeld, Func<ulong> Epoch, Func<ulong, CancellationToken, Task> Reach);

/// <summary>Lets agents in while this process leads, and tells the others where the leader is.</summary>
public sealed class LeaderGate(TimeProvider time, Func<string?> leaderAddress)
{
    private Opened? _opened;

    /// <summary>By the election's own clock, so it is shut in time even where everything else hangs.</summary>
    public bool IsOpen => Volatile.Read(ref _opened)?.Leadership.IsHeld() == true;

    public ulong Epoch => Volatile.Read(ref _opened)?.Leadership.Epoch() ?? 0;

    /// <summary>When the gate opened; the end of time while it is shut.</summary>
    public DateTimeOffset AcceptingSince => Volatile.Read(ref _opened)?.Since ?? DateTimeOffset.MaxValue;

    /// <summary>Where the leader's gateway is, if the Lease says so.</summary>
    public string? LeaderAddress => leaderAddress();

    public void Open(Leadership leadership) => Volatile.Write(ref _opened, new(leadership, time.GetUtcNow()));

    public void Shut() => Volatile.Write(ref _opened, null);

    /// <summary>
    /// The epoch to greet an agent with that has seen <paramref name="highest"/>: above it, if it is not ours. The Lease
    /// has it before any agent gets to see it.
    /// </summary>
    /// <param name="atBegin">
    /// Our epoch when the agent's stream began: a higher one it can't have from us, also where another agent has raised
    /// ours to the same number in the meantime.
    /// </param>
    public async Task<ulong> ReachAsync(ulong highest, ulong atBegin, CancellationToken cancellation)
    {
        var opened = Volatile.Read(ref _opened) ?? throw new InvalidOperationException("this process does not lead");
        if (highest > atBegin && highest >= opened.Leadership.Epoch()) await opened.Leadership.Reach(highest + 1, cancellation);
        return opened.Leadership.Epoch();
    }

    private sealed record Opened(Leadership Leadership, DateTimeOffset Since);
}
