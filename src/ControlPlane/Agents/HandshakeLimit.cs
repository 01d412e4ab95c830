using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ModuleController.ControlPlane.Agents;

/// <summary>Limits how many TLS handshakes of a port run at a time. The others wait before any costly work.</summary>
/// <remarks>
/// Thousands of agents connect at the same time after a restart, and the renewal of the Lease must not wait behind all of them. A
/// handshake counts for at most a second, so that clients that stall do not keep others out.
/// </remarks>
public sealed class HandshakeLimit(TimeProvider time, int most = 64) : IDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _free = new(most, most);
    private int _waiting;

    /// <summary>Connections that wait for their handshake.</summary>
    internal int Waiting => Volatile.Read(ref _waiting);

    /// <summary>How many more handshakes may begin at once.</summary>
    internal int Free => _free.CurrentCount;

    /// <summary>To be added before TLS: a connection waits here.</summary>
    public void Begin(ListenOptions listen) => listen.Use(next => async connection =>
    {
        Interlocked.Increment(ref _waiting);
        try
        {
            await _free.WaitAsync(connection.ConnectionClosed);
        }
        catch (OperationCanceledException)
        {
            return;   // the client has given up
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }

        var place = new Place(_free);
        await using var timer = time.CreateTimer(static place => ((Place)place!).Release(), place, Longest, Timeout.InfiniteTimeSpan);
        connection.Features.Set(place);
        try
        {
            await next(connection);
        }
        finally
        {
            place.Release();
        }
    });

    /// <summary>To be added after TLS: the handshake has succeeded.</summary>
    public static void End(ListenOptions listen) => listen.Use(next => connection =>
    {
        connection.Features.Get<Place>()?.Release();
        return next(connection);
    });

    public void Dispose() => _free.Dispose();

    private sealed class Place(SemaphoreSlim free)
    {
        private int _isReleased;

        public void Release()
        {
            if (Interlocked.Exchange(ref _isReleased, 1) == 0) free.Release();
        }
    }
}
