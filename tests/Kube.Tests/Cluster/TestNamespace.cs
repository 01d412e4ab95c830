using System.Text.Json.Nodes;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

/// <summary>What one test makes and looks at.</summary>
public sealed class TestNamespace(RunningCluster cluster, string name)
{
    public string Name { get; } = name;

    public string Path { get; } = $"/api/v1/namespaces/{name}";

    public string Apps { get; } = $"/apis/apps/v1/namespaces/{name}";

    public string PodPath(string pod) => $"{Path}/pods/{pod}";

    /// <summary>A pod with this spec, as JSON with single quotes.</summary>
    public Task<JsonObject> RunAsync(string pod, string spec, string labels = "{}") => cluster.PostAsync(
        $"{Path}/pods", RunningCluster.Json($"{{'metadata': {{'name': '{pod}', 'labels': {labels}}}, 'spec': {spec}}}"));

    /// <summary>A Deployment of the image "idle" whose pods are labelled with its name.</summary>
    public Task<JsonObject> DeployAsync(string deployment, int replicas, string strategy = "{}", string container = "'image': 'idle'") =>
        cluster.PostAsync($"{Apps}/deployments", RunningCluster.Json($$"""
            {
              'metadata': {'name': '{{deployment}}'},
              'spec': {
                'replicas': {{replicas}}, 'strategy': {{strategy}}, 'selector': {'matchLabels': {'app': '{{deployment}}'} },
                'template': {
                  'metadata': {'labels': {'app': '{{deployment}}'} },
                  'spec': {'terminationGracePeriodSeconds': 2, 'containers': [{'name': 'main', {{container}} }]}
                }
              }
            }
            """));

    public Task<JsonObject?> FindPodAsync(string pod) => cluster.FindAsync(PodPath(pod));

    public async Task<IReadOnlyList<JsonObject>> ListAsync(string path)
    {
        var list = await cluster.FindAsync(path);
        return [.. list!["items"]!.AsArray().Select(item => item!.AsObject())];
    }

    /// <summary>Pods that are not being deleted.</summary>
    public async Task<IReadOnlyList<JsonObject>> LivePodsAsync() =>
        [.. (await ListAsync($"{Path}/pods")).Where(pod => pod["metadata"]!["deletionTimestamp"] is null)];

    /// <summary>Until the pod is there and looks like this.</summary>
    public async Task<JsonObject> PodAsync(string pod, Func<JsonObject, bool> condition)
    {
        var last = default(JsonObject);
        await Eventually.True(
            async () => (last = await FindPodAsync(pod)) is not null && condition(last),
            () => Task.FromResult(last?.ToJsonString() ?? "no pod"));
        return last!;
    }

    public Task<JsonObject> ReadyPodAsync(string pod) => PodAsync(pod, found => found.IsReady());

    public Task GoneAsync(string path) => Eventually.True(async () => await cluster.FindAsync(path) is null);

    /// <summary>Until so many live pods are ready, and no others are there.</summary>
    public Task ReadyPodsAsync(int count) => Eventually.True(
        async () => await ListAsync($"{Path}/pods") is var pods && pods.Count == count && pods.All(pod => pod.IsReady()),
        async () =>
            string.Join('\n', (await ListAsync($"{Path}/pods"))
            .Select(pod => $"{pod["metadata"]!["name"]}: {pod["status"]?.ToJsonString()}")));
}

/// <summary>Short ways through the JSON of a pod.</summary>
internal static class PodJson
{
    public static string NameOf(this JsonObject resource) => resource["metadata"]!["name"]!.GetValue<string>();

    public static string UidOf(this JsonObject resource) => resource["metadata"]!["uid"]!.GetValue<string>();

    public static string? Phase(this JsonObject pod) => pod["status"]?["phase"]?.GetValue<string>();

    public static bool IsReady(this JsonObject pod) => pod.Condition("Ready")?["status"]?.GetValue<string>() == "True";

    public static JsonObject? Condition(this JsonObject resource, string type) => resource["status"]?["conditions"]?.AsArray()
        .FirstOrDefault(condition => condition!["type"]!.GetValue<string>() == type)?.AsObject();

    public static JsonObject? Container(this JsonObject pod, string name = "main") =>
        (pod["status"]?["containerStatuses"]?.AsArray() ?? []).Concat(pod["status"]?["initContainerStatuses"]?.AsArray() ?? [])
        .FirstOrDefault(status => status!["name"]!.GetValue<string>() == name)?.AsObject();

    public static int Restarts(this JsonObject pod, string container = "main") =>
        pod.Container(container)?["restartCount"]?.GetValue<int>() ?? 0;

    public static string? Waiting(this JsonObject pod, string container = "main") =>
        pod.Container(container)?["state"]?["waiting"]?["reason"]?.GetValue<string>();
}
