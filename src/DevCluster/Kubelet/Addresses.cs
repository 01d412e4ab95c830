using System.Net;
using System.Net.Sockets;

namespace ModuleController.DevCluster.Kubelet;

/// <summary>Hands out loopback addresses, one per pod, and free ports. Two clusters of one machine rarely meet.</summary>
internal sealed class Addresses
{
    private readonly int _second = Random.Shared.Next(64, 255);
    private readonly int _third = Random.Shared.Next(0, 200);
    private int _next;

    /// <summary>127.a.b.1 to .250, then the next b: 14,000 pods at least before one comes back.</summary>
    public string Next()
    {
        var number = Interlocked.Increment(ref _next) - 1;
        return $"127.{_second}.{_third + (number / 250 % 56)}.{(number % 250) + 1}";
    }

    /// <summary>A port that nobody listens on at any address, for programs that bind all of them.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Any, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
