using System.Globalization;
using ModuleController.Dev.Kubelet;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>The controller's two ports: those of the manifests, or free ones if another demo uses them.</summary>
internal sealed class DemoPorts
{
    private const int Http = 18080;
    private const int Grpc = 18443;

    private readonly int _http = Addresses.IsFree(Http) ? Http : Addresses.FreePort();
    private readonly int _grpc = Addresses.IsFree(Grpc) ? Grpc : Addresses.FreePort();

    public string Fill(string manifest) => manifest
        .Replace(Http.ToString(CultureInfo.InvariantCulture), _http.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace(Grpc.ToString(CultureInfo.InvariantCulture), _grpc.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
}
