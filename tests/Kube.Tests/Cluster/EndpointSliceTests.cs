using System.Text.Json.Nodes;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

public sealed class EndpointSliceTests(RunningCluster cluster) : IClassFixture<RunningCluster>
{
    [Fact]
    public async Task A_service_s_endpoints_follow_labels_readiness_and_deletion()
    {
        var ns = await cluster.NewNamespaceAsync();
        await cluster.PostAsync($"{ns.Path}/services", RunningCluster.Json(
            "{'metadata': {'name': 'web'}, 'spec': {'selector': {'serves': 'yes'}, 'ports': [{'port': 80, 'targetPort': 'http'}]}}"));
        await ns.RunAsync("a", Gated);
        var ip = (await ns.PodAsync("a", pod => pod.Phase() == "Running"))["status"]!["podIP"]!.GetValue<string>();
        await EndpointsAsync(ns, endpoints => endpoints.Count == 0);

        await cluster.MergeAsync(ns.PodPath("a"), "{'metadata': {'labels': {'serves': 'yes'}}}");
        await EndpointsAsync(ns, endpoints => endpoints is [var one] && !IsReady(one) && Address(one) == ip);
        await OpenAsync(ns);
        await EndpointsAsync(ns, endpoints => endpoints is [var one] && IsReady(one));
        var slice = Assert.Single(await SlicesAsync(ns));
        Assert.Equal(8080, slice["ports"]![0]!["port"]!.GetValue<int>());

        await cluster.DeleteAsync(ns.PodPath("a"));
        await EndpointsAsync(ns, endpoints => endpoints is [] || (endpoints is [var one] && !IsReady(one) && Is(one, "terminating")));
        await EndpointsAsync(ns, endpoints => endpoints is []);
    }

    [Fact]
    public async Task The_slice_goes_with_its_service()
    {
        var ns = await cluster.NewNamespaceAsync();
        await cluster.PostAsync($"{ns.Path}/services", RunningCluster.Json(
            "{'metadata': {'name': 'web'}, 'spec': {'selector': {'serves': 'yes'}, 'ports': [{'port': 80}]}}"));
        await EndpointsAsync(ns, endpoints => endpoints is []);
        await cluster.DeleteAsync($"{ns.Path}/services/web");
        await Eventually.True(async () => (await SlicesAsync(ns)).Count == 0);
    }

    private const string Gated = """
        {
          'terminationGracePeriodSeconds': 1, 'readinessGates': [{'conditionType': 'example.com/open'}],
          'containers': [{'name': 'main', 'image': 'idle', 'ports': [{'name': 'http', 'containerPort': 8080}]}]
        }
        """;

    private static bool IsReady(JsonNode endpoint) => Is(endpoint, "ready");

    private static bool Is(JsonNode endpoint, string condition) => endpoint["conditions"]?[condition]?.GetValue<bool>() == true;

    private static string Address(JsonNode endpoint) => endpoint["addresses"]![0]!.GetValue<string>();

    private static Task<IReadOnlyList<JsonObject>> SlicesAsync(TestNamespace ns) =>
        ns.ListAsync($"/apis/discovery.k8s.io/v1/namespaces/{ns.Name}/endpointslices?labelSelector=kubernetes.io/service-name=web");

    private static Task EndpointsAsync(TestNamespace ns, Func<IReadOnlyList<JsonNode>, bool> condition) => Eventually.True(
        async () => await SlicesAsync(ns) is [var slice] && condition([.. slice["endpoints"]?.AsArray().Select(one => one!) ?? []]),
        async () => string.Join('\n', (await SlicesAsync(ns)).Select(slice => slice.ToJsonString())));

    private Task OpenAsync(TestNamespace ns) => cluster.SendAsync(
        HttpMethod.Patch, $"{ns.PodPath("a")}/status",
        RunningCluster.Json("{'status': {'conditions': [{'type': 'example.com/open', 'status': 'True'}]}}"),
        "application/strategic-merge-patch+json");
}
