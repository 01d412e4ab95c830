using System.Net;
using System.Net.Sockets;

namespace ModuleController.Dev.Kubelet;

/// <summary>Allocates loopback addresses, one per pod, and free ports. Two clusters on one machine rarely use the same.</summary>
public sealed class Addresses
{
    private const int Count = 56 * 250;
    private const int FirstPort = 10_000;
    private const int PortCount = 22_000;

    private static int _port = Random.Shared.Next(PortCount);

    private readonly int _second = Random.Shared.Next(64, 255);
    private readonly int _third = Random.Shared.Next(0, 200);
    private readonly Lock _lock = new();
    private readonly HashSet<int> _taken = [];
    private int _next;

    /// <summary>127.a.b.1 to .250, then the next b. A returned address is reused last.</summary>
    public string Take()
    {
        lock (_lock)
        {
            if (_taken.Count == Count) throw new InvalidOperationException($"all {Count} pod addresses are taken");
            while (!_taken.Add(_next)) _next = (_next + 1) % Count;
            var number = _next;
            _next = (_next + 1) % Count;
            return $"127.{_second}.{_third + (number / 250)}.{(number % 250) + 1}";
        }
    }

    public void Return(string address)
    {
        var parts = IPAddress.Parse(address).GetAddressBytes();
        lock (_lock) _taken.Remove(((parts[2] - _third) * 250) + parts[3] - 1);
    }

    /// <summary>A port that is free at all addresses, for programs that bind all of them; a different one each time.</summary>
    /// <remarks>
    /// A program needs seconds until it binds its port. Meanwhile Linux may give any client on this machine a port from 32,768 on,
    /// so the port is below that.
    /// </remarks>
    public static int FreePort()
    {
        for (var tries = 0; tries < PortCount; tries++)
        {
            var port = FirstPort + (int)((uint)Interlocked.Increment(ref _port) % PortCount);
            if (IsFree(port)) return port;
        }

        throw new InvalidOperationException($"all ports from {FirstPort} to {FirstPort + PortCount - 1} are taken");
    }

    /// <summary>Waits until a port that this process had is free again, or another program seems to have it.</summary>
    /// <remarks>
    /// A process that is being started has copies of all descriptors of this one until it runs its own program: for some
    /// milliseconds the port is in use although it was closed.
    /// </remarks>
    public static async Task UntilFreeAsync(IPEndPoint endpoint, CancellationToken cancellation)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!IsFree(endpoint) && TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(10))
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, cancellation);
    }

    public static bool IsFree(int port) => IsFree(new IPEndPoint(IPAddress.Any, port));

    private static bool IsFree(IPEndPoint endpoint)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(endpoint);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
