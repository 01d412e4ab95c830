using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using k8s;
using ModuleController.Dev.Cluster.Demo;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Runtimes;
using ModuleController.Kube.Tests.Recordings;
using ModuleController.Tests;

[assembly: AssemblyFixture(typeof(RecordedCluster))]

namespace ModuleController.Kube.Tests.Recordings;

/// <summary>
/// The cluster that recordings are replayed against: the one that CONFORMANCE_KUBECONFIG names, else a DevCluster of our
/// own with its controllers. It has our kinds and the kind Thing, which the recordings change.
/// </summary>
public sealed class RecordedCluster : IAsyncLifetime
{
    private const string DefinitionsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

    private static readonly Dictionary<string, Func<ContainerStart, CancellationToken, Task<int>>> NoImages = [];

    private readonly LogGuard _logs = new();
    private readonly List<string> _created = [];
    private Dev.Cluster.Cluster? _cluster;
    private Kubernetes _client = null!;
    private Kubernetes _stranger = null!;
    private string _version = "";

    /// <summary>Whether the answers are DevCluster's, whose differences are known.</summary>
    public bool IsDevCluster => _cluster is not null;

    /// <summary>Skips the test on a cluster of another version than that of the recordings.</summary>
    public void SkipOtherVersions() => Assert.SkipUnless(IsDevCluster || RecordTo is not null || _version == Repository.Version,
        $"the recordings are of {Repository.Version}, the cluster is {_version}");

    /// <summary>The folder into which answers are recorded; null: they are compared.</summary>
    public static string? RecordTo => Environment.GetEnvironmentVariable("RECORD") is { Length: > 0 } folder
        ? Path.Combine(Repository.Root, folder) : null;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var file = Environment.GetEnvironmentVariable("CONFORMANCE_KUBECONFIG");
        if (string.IsNullOrEmpty(file))
            _cluster = await Dev.Cluster.Cluster.StartAsync(new() { Runtime = new DelegateRuntime(NoImages), Loggers = _logs },
                Cancellation);
        KubernetesClientConfiguration Config() => _cluster is null
            ? KubernetesClientConfiguration.BuildConfigFromConfigFile(file)
            : KubernetesClientConfiguration.BuildConfigFromConfigFile(new MemoryStream(Encoding.UTF8.GetBytes(_cluster.Server.Kubeconfig)));
        _client = new(Config());
        var nobody = Config();
        (nobody.ClientCertificateData, nobody.ClientCertificateKeyData, nobody.AccessToken) = (null, null, null);
        (nobody.ClientCertificateFilePath, nobody.ClientKeyFilePath) = (null, null);
        _stranger = new(nobody);
        using var version = await SendAsync(HttpMethod.Get, "/version");
        _version = Repository.VersionOf(await version.Content.ReadAsStringAsync(Cancellation));
        foreach (var manifest in Directory.GetFiles(Path.Combine(Repository.Root, "deploy", "crds"), "module*.yaml").Order())
            await DefineAsync(YamlObjects.Parse(await File.ReadAllTextAsync(manifest, Cancellation)).Single());
        var things = await File.ReadAllTextAsync(Repository.Fixture("definitions/things.json"), Cancellation);
        await DefineAsync(JsonNode.Parse(things)!.AsObject());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var path in _created) await DeleteAsync(path);
        _client.Dispose();
        _stranger.Dispose();
        if (_cluster is not null) await _cluster.DisposeAsync();
        _logs.Dispose();
    }

    /// <summary>Lets DevCluster forget its log; another cluster's is as long as it is.</summary>
    public void Compact() => _cluster?.Server.Faults.CompactNow();

    public async Task DeleteAsync(string path)
    {
        using var answer = await SendAsync(HttpMethod.Delete, path);
    }

    public Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, HttpContent? body = null, string accept = "application/json", string? token = null) =>
        SendAsync(new(method, path) { Content = body }, accept, token);

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, string accept, string? token)
    {
        using (request)
        {
            var client = token is null ? _client : _stranger;
            request.RequestUri = new(client.BaseUri, request.RequestUri!);
            request.Headers.TryAddWithoutValidation("Accept", accept);
            request.Headers.UserAgent.ParseAdd("conformance/1");
            if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            else if (client.Credentials is not null) await client.Credentials.ProcessHttpRequestAsync(request, Cancellation);
            return await client.HttpClient.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        }
    }

    /// <summary>Creates a definition, unless the cluster has it already, and waits until it is served.</summary>
    private async Task DefineAsync(JsonObject definition)
    {
        var (name, spec) = (definition["metadata"]!["name"]!.GetValue<string>(), definition["spec"]!);
        await Eventually.True(async () =>
        {
            using var body = new StringContent(definition.ToJsonString(), Encoding.UTF8, "application/json");
            using var created = await SendAsync(HttpMethod.Post, DefinitionsPath, body);
            if ((int)created.StatusCode == 201) _created.Add($"{DefinitionsPath}/{name}");
            if (created.IsSuccessStatusCode) return true;
            Assert.True((int)created.StatusCode == 409, await created.Content.ReadAsStringAsync(Cancellation));
            using var found = await SendAsync(HttpMethod.Get, $"{DefinitionsPath}/{name}");
            var text = await found.Content.ReadAsStringAsync(Cancellation);      // one of a run before may still be ending
            return found.IsSuccessStatusCode && JsonNode.Parse(text)!["metadata"]!["deletionTimestamp"] is null;
        });
        var path = $"/apis/{spec["group"]}/{spec["versions"]![0]!["name"]}/{spec["names"]!["plural"]}";
        await Eventually.True(async () =>
        {
            using var list = await SendAsync(HttpMethod.Get, path);
            return list.IsSuccessStatusCode;
        });
    }
}

/// <summary>Files of this repository.</summary>
public static class Repository
{
    /// <summary>The version of Kubernetes that the recordings are of.</summary>
    public const string Version = "1.34";

    public static string Root { get; } = FindRoot();

    public static string Fixture(string path) => Path.Combine(Root, "tests", "fixtures", "kubernetes", Version, path);

    /// <summary>The version in an answer of /version, such as "1.34".</summary>
    public static string VersionOf(string answer) =>
        JsonNode.Parse(answer) is { } version ? $"{version["major"]}.{version["minor"]}".TrimEnd('+') : "";

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "ModuleController.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("the tests run outside of their repository");
    }
}
