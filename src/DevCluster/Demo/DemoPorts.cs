using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ModuleController.DevCluster.Kubelet;

namespace ModuleController.DevCluster.Demo;

/// <summary>The controller's two ports: those of the manifests, or free ones where another demo has them.</summary>
internal sealed class DemoPorts
{
    private const int Http = 18080;
    private const int Grpc = 18443;

    private readonly int _http = IsFree(Http) ? Http : Addresses.FreePort();
    private readonly int _grpc = IsFree(Grpc) ? Grpc : Addresses.FreePort();

    public string Fill(string manifest) => manifest
        .Replace(Http.ToString(CultureInfo.InvariantCulture), _http.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace(Grpc.ToString(CultureInfo.InvariantCulture), _grpc.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
