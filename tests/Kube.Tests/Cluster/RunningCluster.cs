using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Runtimes;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

/// <summary>
/// A cluster for the tests of one class; each test has a namespace of its own. The image "idle" does nothing until it is
/// asked to end, <c>sh</c> is this machine's shell, others are functions that a test adds.
/// </summary>
public sealed class RunningCluster : IAsyncLifetime
{
    private readonly LogGuard _logs = new();
    private HttpClient? _http;
    private Dev.Cluster.Cluster? _cluster;

    public ConcurrentDictionary<string, Func<ContainerStart, CancellationToken, Task<int>>> Images { get; } = new()
    {
        ["idle"] = async (_, stop) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop);
            return 0;
        },
    };

    public HttpClient Http => _http!;

    public ApiServerHost Server => _cluster!.Server;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _cluster = await Dev.Cluster.Cluster.StartAsync(
            new()
            {
                Runtime = new DelegateRuntime(Images, new ProcessRuntime(new([new() { Image = "sh", Command = ["/bin/sh"] }]))),
                Loggers = _logs,
            },
            Cancellation);
        _http = _cluster.Server.CreateClient();
    }

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        if (_cluster is not null) await _cluster.DisposeAsync();
        _logs.Dispose();
    }

    /// <summary>JSON with single quotes.</summary>
    public static JsonObject Json(string text) => JsonNode.Parse(text.Replace('\'', '"'))!.AsObject();

    /// <summary>A namespace that no other test uses.</summary>
    public async Task<TestNamespace> NewNamespaceAsync()
    {
        var name = $"t-{Guid.NewGuid().ToString()[..8]}";
        await PostAsync("/api/v1/namespaces", new() { ["metadata"] = new JsonObject { ["name"] = name } });
        return new(this, name);
    }

    /// <summary>The object, or null where there is none.</summary>
    public async Task<JsonObject?> FindAsync(string path)
    {
        using var response = await Http.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
        if (response.StatusCode == HttpStatusCode.NotFound) return null;
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<JsonObject>(Cancellation);
    }

    public Task<JsonObject> PostAsync(string path, JsonObject body) => SendAsync(HttpMethod.Post, path, body, "application/json");

    public Task<JsonObject> MergeAsync(string path, string patch) =>
        SendAsync(HttpMethod.Patch, path, Json(patch), "application/merge-patch+json");

    public Task<JsonObject> DeleteAsync(string path, string? options = null) =>
        SendAsync(HttpMethod.Delete, path, options is null ? null : Json(options), "application/json");

    public async Task<JsonObject> SendAsync(HttpMethod method, string path, JsonObject? body, string type)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null) request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, type);
        using var response = await Http.SendAsync(request, Cancellation);
        var text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {text}");
        return JsonNode.Parse(text)!.AsObject();
    }
}
