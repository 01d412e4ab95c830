using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using k8s;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Kube.Tests.Conformance;
using ModuleController.Kube.Tests.Recordings;

[assembly: AssemblyFixture(typeof(ConformanceCluster))]

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>
/// The cluster that the conformance tests talk to, over HTTP alone: the one that CONFORMANCE_KUBECONFIG names, else a
/// DevCluster of our own. They have a namespace and a CustomResourceDefinition to themselves, which go at the end.
/// </summary>
public sealed class ConformanceCluster : IAsyncLifetime
{
    public const string Group = "conformance.modulecontroller.dev";

    private readonly Exchanges _exchanges = new();
    private ApiServerHost? _host;
    private readonly ConcurrentDictionary<string, Kubernetes> _clients = new();
    private KubernetesClientConfiguration _configuration = null!;
    private Kubernetes _client = null!;
    private int _names;

    /// <summary>Our own server; skips the test on any other cluster.</summary>
    public ApiServerHost Host
    {
        get
        {
            Assert.SkipWhen(_host is null, "only DevCluster can be asked this; unset CONFORMANCE_KUBECONFIG");
            return _host!;
        }
    }

    public string Namespace { get; } = $"conformance-{Guid.NewGuid().ToString()[..8]}";

    public string Pods => $"/api/v1/namespaces/{Namespace}/pods";

    public string ConfigMaps => $"/api/v1/namespaces/{Namespace}/configmaps";

    public string Deployments => $"/apis/apps/v1/namespaces/{Namespace}/deployments";

    public string Widgets => $"/apis/{Group}/v1/namespaces/{Namespace}/widgets";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var file = Environment.GetEnvironmentVariable("CONFORMANCE_KUBECONFIG");
        if (string.IsNullOrEmpty(file)) _host = await ApiServerHost.StartAsync(new(), Cancellation);
        var config = _host is null
            ? KubernetesClientConfiguration.BuildConfigFromConfigFile(file)
            : await KubernetesClientConfiguration.BuildConfigFromConfigFileAsync(
                new MemoryStream(Encoding.UTF8.GetBytes(_host.Kubeconfig)));
        (_configuration, _client) = (config, new(config));
        _exchanges.Start(_host is not null, Repository.VersionOf((await GetAsync("/version")).Text));
        await CreateAsync("/api/v1/namespaces",
            new JsonObject { ["metadata"] = new JsonObject { ["name"] = Namespace } });
        await CreateAsync(Objects.DefinitionsPath, Objects.Definition("widgets", "Widget", Objects.WidgetSchema));
        await EstablishedAsync("widgets");
    }

    public async ValueTask DisposeAsync()
    {
        await SendAsync(HttpMethod.Delete, $"{Objects.DefinitionsPath}/widgets.{Group}");
        await SendAsync(HttpMethod.Delete, $"/api/v1/namespaces/{Namespace}");
        foreach (var client in _clients.Values) client.Dispose();
        _client.Dispose();
        _exchanges.Save();
        if (_host is not null) await _host.DisposeAsync();
    }

    /// <summary>A name that no other test uses.</summary>
    public string NewName(string prefix = "x")
    {
        var name = $"{prefix}-{Interlocked.Increment(ref _names):0000}";
        _exchanges.Named(name);
        return name;
    }

    public Task<Answer> GetAsync(string path, string accept = "application/json") =>
        SendAsync(HttpMethod.Get, path, accept: accept);

    public Task<Answer> PostAsync(string path, JsonNode body) => SendAsync(HttpMethod.Post, path, body);

    public Task<Answer> PutAsync(string path, JsonNode body) => SendAsync(HttpMethod.Put, path, body);

    public Task<Answer> DeleteAsync(string path, JsonNode? body = null) => SendAsync(HttpMethod.Delete, path, body);

    public Task<Answer> PatchAsync(string path, string json, string type = "merge-patch") =>
        SendAsync(HttpMethod.Patch, path, JsonNode.Parse(json), $"application/{type}+json");

    /// <summary>Creates an object and returns it as it was stored.</summary>
    public async Task<JsonNode> CreateAsync(string path, JsonNode body)
    {
        var answer = await PostAsync(path, body);
        Assert.True(answer.Code == 201, $"{path}: {answer.Code} {answer.Body}");
        return answer.Body;
    }

    /// <summary>A new ServiceAccount of the namespace, and a token of it.</summary>
    public async Task<(string Name, string Token)> NewAccountAsync()
    {
        var name = NewName("account");
        var accounts = $"/api/v1/namespaces/{Namespace}/serviceaccounts";
        await CreateAsync(accounts, new JsonObject { ["metadata"] = new JsonObject { ["name"] = name } });
        var answer = await CreateAsync($"{accounts}/{name}/token", new JsonObject
        {
            ["apiVersion"] = "authentication.k8s.io/v1",
            ["kind"] = "TokenRequest",
            ["spec"] = new JsonObject { ["expirationSeconds"] = 3600 },
        });
        return (name, answer.Text("status", "token")!);
    }

    /// <summary>Sends a request with a token in place of the administrator's credentials, or, without one, with none.</summary>
    public async Task<Answer> SendAsAsync(
        string? token, HttpMethod method, string path, JsonNode? body = null, string type = "application/json", string? impersonated = null,
        string accept = "application/json")
    {
        var client = _clients.GetOrAdd(token ?? "", _ => new(new KubernetesClientConfiguration
        {
            Host = _configuration.Host,
            SslCaCerts = _configuration.SslCaCerts,
            SkipTlsVerify = _configuration.SkipTlsVerify,
            AccessToken = token,
        }));
        using var response = await SendRawAsync(method, path, body, type, accept, HttpCompletionOption.ResponseContentRead,
            client, impersonated);
        return new((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation), response.Headers);
    }

    public async Task<Answer> SendAsync(
        HttpMethod method, string path, JsonNode? body = null, string type = "application/json",
            string accept = "application/json", string? impersonated = null)
    {
        using var response = await SendRawAsync(method, path, body, type, accept,
            HttpCompletionOption.ResponseContentRead, impersonated: impersonated);
        var text = await response.Content.ReadAsStringAsync(Cancellation);
        var forms = (type == "application/json" ? "" : $" {type}") + (accept == "application/json" ? "" : $" as {accept}");
        _exchanges.Observe(Namespace, $"{method} {path}{forms}", body, (int)response.StatusCode, text);
        return new((int)response.StatusCode, text, response.Headers);
    }

    /// <summary>The code of a GET that is repeated until it has the right one, and so is not recorded.</summary>
    public async Task<int> PollAsync(string path)
    {
        using var response = await SendRawAsync(
            HttpMethod.Get, path, null, "", "application/json", HttpCompletionOption.ResponseContentRead);
        return (int)response.StatusCode;
    }

    /// <summary>The answer to a POST that is repeated.</summary>
    public async Task<string> PollAsync(string path, JsonNode body)
    {
        using var response = await SendRawAsync(
            HttpMethod.Post, path, body, "application/json", "application/json", HttpCompletionOption.ResponseContentRead);
        return await response.Content.ReadAsStringAsync(Cancellation);
    }

    /// <summary>Opens a watch; its events are read one by one.</summary>
    public async Task<WatchReader> WatchAsync(string path, string accept = "application/json")
    {
        var response = await SendRawAsync(HttpMethod.Get, $"{path}{(path.Contains('?') ? "&" : "?")}watch=true", null, "", accept,
            HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(200, (int)response.StatusCode);
        return new(response, new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation)));
    }

    /// <summary>Waits, on a watch, until a definition is served.</summary>
    public async Task EstablishedAsync(string plural)
    {
        await using var watch =
            await WatchAsync($"{Objects.DefinitionsPath}?fieldSelector=metadata.name%3D{plural}.{Group}");
        while ((await watch.NextAsync())?["object"].Objects("status", "conditions")
            .Any(one => one.Text("type") == "Established" && one.Text("status") == "True") is false)
        {
        }
    }

    private async Task<HttpResponseMessage> SendRawAsync(
        HttpMethod method, string path, JsonNode? body, string type, string accept, HttpCompletionOption completion,
        Kubernetes? client = null, string? impersonated = null)
    {
        client ??= _client;
        using var request = new HttpRequestMessage(method, new Uri(client.BaseUri, path));
        request.Headers.TryAddWithoutValidation("Accept", accept);
        request.Headers.UserAgent.ParseAdd("conformance/1");
        if (impersonated is not null) request.Headers.Add("Impersonate-User", impersonated);
        if (body is not null)
        {
            request.Content = new StringContent(body.ToJsonString());
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        }

        if (client.Credentials is not null) await client.Credentials.ProcessHttpRequestAsync(request, Cancellation);
        return await client.HttpClient.SendAsync(request, completion, Cancellation);
    }
}

/// <summary>What came back.</summary>
public sealed record Answer(int Code, string Text, HttpResponseHeaders Headers)
{
    public JsonNode Body => field ??= JsonNode.Parse(Text)!;

    public string? Reason => Body.Text("reason");

    public string Message => Body.Text("message") ?? "";

    public string Version => Body.Text("metadata", "resourceVersion")!;

    /// <summary>The fields that a 422 names as its causes.</summary>
    public IEnumerable<string> Fields => Body.Objects("details", "causes").Select(cause => cause.Text("field")!);
}

/// <summary>The events of one watch, in order.</summary>
public sealed class WatchReader(HttpResponseMessage response, StreamReader lines) : IAsyncDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);

    /// <summary>The next event; null at the end of the stream.</summary>
    public async Task<JsonNode?> NextAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Timeout);
        return await lines.ReadLineAsync(deadline.Token) is { } line ? JsonNode.Parse(line) : null;
    }

    /// <summary>The next events as "ADDED name".</summary>
    public async Task<string[]> NextAsync(int count)
    {
        var events = new string[count];
        for (var i = 0; i < count; i++)
        {
            var one = await NextAsync();
            events[i] = $"{one.Text("type")} {one.Text("object", "metadata", "name")}";
        }

        return events;
    }

    public ValueTask DisposeAsync()
    {
        lines.Dispose();
        response.Dispose();
        return ValueTask.CompletedTask;
    }
}
