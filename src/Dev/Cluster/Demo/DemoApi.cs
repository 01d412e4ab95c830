using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using ModuleController.Dev.Controllers;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>The demo's requests to the API, like kubectl's: apply, get, patch.</summary>
internal sealed class DemoApi(HttpClient http)
{
    public const string Modules = "/apis/koupleless.io/v1alpha1/namespaces/default/modules";
    public const string Shop = "/apis/koupleless.io/v1alpha1/namespaces/default/moduledeployments/shop";
    public const string Pods = "/api/v1/namespaces/default/pods";

    private const string Slices =
        $"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name={SampleModule.Name}-service";

    private readonly RawClient _raw = new(http);
    private IReadOnlyList<DiscoveredResource> _kinds = [];

    /// <summary>Creates or patches the objects of a manifest.</summary>
    public async Task ApplyAsync(IEnumerable<JsonObject> objects, CancellationToken cancellation)
    {
        foreach (var desired in objects)
        {
            var (version, kind) = (desired["apiVersion"]!.GetValue<string>(), desired["kind"]!.GetValue<string>());
            var resource = await FindKindAsync(version, kind, cancellation);
            var ns = resource.IsNamespaced ? desired["metadata"]!["namespace"]?.GetValue<string>() ?? "default" : null;
            var path = resource.Path(ns, desired["metadata"]!["name"]!.GetValue<string>());
            if (await _raw.FindAsync(path, cancellation) is null)
                await SendAsync(HttpMethod.Post, path[..path.LastIndexOf('/')], desired, cancellation);
            else await PatchAsync(path, desired, cancellation);
        }
    }

    public Task PatchAsync(string path, JsonObject patch, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Patch, path, patch, cancellation);

    public Task<JsonObject?> FindAsync(string path, CancellationToken cancellation) => _raw.FindAsync(path, cancellation);

    public async Task<IReadOnlyList<JsonObject>> ListAsync(string path, CancellationToken cancellation) =>
        [.. ((await _raw.FindAsync(path, cancellation))?["items"]?.AsArray() ?? []).Select(item => item!.AsObject())];

    /// <summary>The last lines that a container wrote.</summary>
    public Task<string> LogAsync(string pod, int lines, CancellationToken cancellation) =>
        http.GetStringAsync(new Uri($"{pod}/log?tailLines={lines}", UriKind.Relative), cancellation);

    /// <summary>The ready endpoints of the module's Service.</summary>
    public async Task<IReadOnlyList<Uri>> EndpointsAsync(CancellationToken cancellation)
    {
        var found = new List<Uri>();
        foreach (var slice in await ListAsync(Slices, cancellation))
        {
            if (slice["ports"]?[0]?["port"]?.GetValue<int>() is not { } port) continue;
            foreach (var endpoint in slice["endpoints"]?.AsArray() ?? [])
            {
                if (endpoint!["conditions"]?["ready"]?.GetValue<bool>() == true)
                    found.Add(new UriBuilder("http", endpoint["addresses"]![0]!.GetValue<string>(), port).Uri);
            }
        }

        return found;
    }

    private async Task<DiscoveredResource> FindKindAsync(string version, string kind, CancellationToken cancellation)
    {
        if (Known() is { } known) return known;
        _kinds = await _raw.DiscoverAsync(cancellation);
        return Known() ?? throw new DemoException($"the cluster has no kind {kind} in {version}");

        DiscoveredResource? Known() => _kinds.FirstOrDefault(candidate => candidate.ApiVersion == version && candidate.Kind == kind);
    }

    private async Task SendAsync(HttpMethod method, string path, JsonObject body, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, path)
        {
            Content = new StringContent(
                body.ToJsonString(), Encoding.UTF8, method == HttpMethod.Patch ? "application/merge-patch+json" : "application/json"),
        };
        using var response = await http.SendAsync(request, cancellation);
        if (response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.Conflict) return;
        var status = JsonNode.Parse(await response.Content.ReadAsStringAsync(cancellation));
        throw new DemoException($"{method} {path} was rejected: {status?["message"]}");
    }
}
