using System.Globalization;
using ModuleController.Dev.Kubelet;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>The controller's three ports: those of the manifests, or free ones if another demo uses them.</summary>
internal sealed class DemoPorts
{
    private const int Http = 18080;
    private const int Grpc = 18443;
    private const int Webhook = 19443;

    private readonly (int Of, int Used)[] _ports = [.. new[] { Http, Grpc, Webhook }
        .Select(port => (port, Addresses.IsFree(port) ? port : Addresses.FreePort()))];

    public string Fill(string manifest) => _ports.Aggregate(manifest, (text, port) => text.Replace(
        port.Of.ToString(CultureInfo.InvariantCulture), port.Used.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
}
