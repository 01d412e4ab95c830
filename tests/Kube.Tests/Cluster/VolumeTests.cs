using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Dev.Kubelet.Volumes;
using ModuleController.Kube.Client;

namespace ModuleController.Kube.Tests.Clusters;

/// <summary>The files that a pod finds in its volumes.</summary>
public sealed class VolumeTests : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("volumes-").FullName;
    private ApiServerHost _host = null!;
    private KubeClient _client = null!;
    private HttpClient _http = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await ApiServerHost.StartAsync(new(), Cancellation);
        _client = new(Transport.To(_host.ServerUri, _host.AdminToken), new ResourceJson(KubeletJson.Default));
        _http = _host.CreateClient();
        await CreateAsync("configmaps", "{'metadata': {'name': 'conf'}, 'data': {'a': 'A', 'b': 'B'}, 'binaryData': {'c': 'AAH/'}}");
        await CreateAsync("secrets", "{'metadata': {'name': 'keys'}, 'data': {'user': 'bWU=', 'password': 'c2VjcmV0'}}");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _client.Dispose();
        await _host.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task The_entries_of_a_configmap_are_files_text_and_binary()
    {
        await MountAsync("{'name': 'v', 'configMap': {'name': 'conf'}}");
        Assert.Equal(["a", "b", "c"], Files());
        Assert.Equal("A", Text("a"));
        Assert.Equal([0, 1, 255], await File.ReadAllBytesAsync(FileOf("c"), Cancellation));
        Assert.Equal("644", ModeOf("a"));
    }

    [Fact]
    public async Task Items_select_rename_and_have_their_own_mode()
    {
        await MountAsync("""
            {'name': 'v', 'secret': {'secretName': 'keys', 'defaultMode': 288, 'items': [
              {'key': 'user', 'path': 'deep/er/name'}, {'key': 'password', 'path': 'password', 'mode': 256}]}}
            """);
        Assert.Equal(["deep/er/name", "password"], Files());
        Assert.Equal("me", Text("deep/er/name"));
        Assert.Equal("secret", Text("password"));
        Assert.Equal(("440", "400"), (ModeOf("deep/er/name"), ModeOf("password")));
    }

    [Fact]
    public async Task Mounting_again_replaces_files_that_nobody_may_write()
    {
        const string Volume = "{'name': 'v', 'configMap': {'name': 'conf', 'defaultMode': 256}}";
        await MountAsync(Volume);
        await MountAsync(Volume);
        Assert.Equal("A", Text("a"));
    }

    [Fact]
    public async Task Fields_of_the_pod_are_files()
    {
        await MountAsync("""
            {'name': 'v', 'downwardAPI': {'defaultMode': 256, 'items': [
              {'path': 'name', 'fieldRef': {'fieldPath': 'metadata.name'}}, {'path': 'namespace', 'fieldRef': {'fieldPath': 'metadata.namespace'}},
              {'path': 'uid', 'fieldRef': {'fieldPath': 'metadata.uid'}, 'mode': 420}, {'path': 'labels', 'fieldRef': {'fieldPath': 'metadata.labels'}},
              {'path': 'annotations', 'fieldRef': {'fieldPath': 'metadata.annotations'}},
              {'path': 'one', 'fieldRef': {'fieldPath': 'metadata.labels[\u0027app\u0027]'}}]}}
            """);
        Assert.Equal(("reader", "default", "uid-1"), (Text("name"), Text("namespace"), Text("uid")));
        Assert.Equal("app=\"shop\"\ntier=\"web\"", Text("labels"));
        Assert.Equal("note=\"say \\\"hi\\\"\\n\\tC:\\\\\"", Text("annotations"));
        Assert.Equal("shop", Text("one"));
        Assert.Equal(("400", "644"), (ModeOf("name"), ModeOf("uid")));
    }

    [Fact]
    public async Task The_volume_that_a_real_cluster_adds_to_each_pod_has_token_certificate_and_namespace()
    {
        await CreateAsync("configmaps", "{'metadata': {'name': 'kube-root-ca.crt'}, 'data': {'ca.crt': 'a certificate'}}");
        var pod = await _client.CreateAsync(
            new RunnerPod
            {
                Metadata = new() { Namespace = "default", Name = "reader" },
                Spec = new() { Containers = [new() { Name = "main", Image = "idle" }] }
            },
            "test", Cancellation);
        await MountAsync("""
            {'name': 'v', 'projected': {'defaultMode': 420, 'sources': [
              {'serviceAccountToken': {'expirationSeconds': 3607, 'path': 'token'}},
              {'configMap': {'name': 'kube-root-ca.crt', 'items': [{'key': 'ca.crt', 'path': 'ca.crt'}]}},
              {'downwardAPI': {'items': [{'path': 'namespace', 'fieldRef': {'apiVersion': 'v1', 'fieldPath': 'metadata.namespace'}}]}}]}}
            """, pod.Metadata.Uid!);
        Assert.Equal(["ca.crt", "namespace", "token"], Files());
        Assert.Equal(("a certificate", "default"), (Text("ca.crt"), Text("namespace")));
        Assert.NotEmpty(Text("token"));
        Assert.Equal("644", ModeOf("token"));
    }

    [Fact]
    public async Task A_projected_volume_has_configmaps_and_secrets_side_by_side_and_the_last_source_wins()
    {
        await MountAsync("""
            {'name': 'v', 'projected': {'sources': [
              {'configMap': {'name': 'conf', 'items': [{'key': 'a', 'path': 'same'}, {'key': 'b', 'path': 'b'}]}},
              {'secret': {'name': 'keys', 'items': [{'key': 'user', 'path': 'same'}]}}]}}
            """);
        Assert.Equal(["b", "same"], Files());
        Assert.Equal("me", Text("same"));
    }

    [Theory]
    [InlineData("'configMap': {'name': 'none', 'optional': true}")]
    [InlineData("'secret': {'secretName': 'none', 'optional': true}")]
    [InlineData("'configMap': {'name': 'conf', 'optional': true, 'items': [{'key': 'none', 'path': 'x'}]}")]
    [InlineData("'projected': {'sources': [{'secret': {'name': 'none', 'optional': true}}]}")]
    [InlineData("'emptyDir': {}")]
    public async Task What_is_optional_may_be_missing(string source)
    {
        await MountAsync($"{{'name': 'v', {source}}}");
        Assert.Empty(Files());
    }

    [Theory]
    [InlineData("'configMap': {'name': 'none'}", "configmap \"none\" not found")]
    [InlineData("'secret': {'secretName': 'none'}", "secret \"none\" not found")]
    [InlineData("'projected': {'sources': [{'secret': {'name': 'none'}}]}", "secret \"none\" not found")]
    [InlineData("'configMap': {'name': 'conf', 'items': [{'key': 'none', 'path': 'x'}]}",
        "configmap references non-existent config key: none")]
    [InlineData("'secret': {'secretName': 'keys', 'items': [{'key': 'none', 'path': 'x'}]}", "references non-existent secret key: none")]
    [InlineData("'configMap': {'name': 'conf', 'items': [{'key': 'a', 'path': '../x'}]}",
        "invalid path \"../x\": must be relative and not contain '..'")]
    [InlineData("'projected': {'sources': [{'clusterTrustBundle': {'path': 'x'}}]}",
        "of projected sources only serviceAccountToken, configMap, secret and downwardAPI are supported")]
    [InlineData("'downwardAPI': {'items': [{'path': 'x', 'resourceFieldRef': {'resource': 'limits.cpu'}}]}",
        "\"x\": resourceFieldRef is not supported")]
    [InlineData("'hostPath': {'path': '/'}", "only emptyDir, configMap, secret, downwardAPI and projected volumes are supported")]
    public async Task What_cannot_be_mounted_is_named_with_its_volume(string source, string problem)
    {
        var failed = await Assert.ThrowsAsync<VolumeException>(() => MountAsync($"{{'name': 'v', {source}}}"));
        Assert.Equal($"MountVolume.SetUp failed for volume \"v\" : {problem}", failed.Message);
    }

    [Fact]
    public async Task A_token_of_an_account_that_does_not_exist_is_named()
    {
        var failed = await Assert.ThrowsAsync<VolumeException>(
            () => MountAsync("{'name': 'v', 'projected': {'sources': [{'serviceAccountToken': {'path': 'token'}}]}}", account: "nobody"));
        Assert.Equal("MountVolume.SetUp failed for volume \"v\" : failed to fetch token: serviceaccounts \"nobody\" not found",
            failed.Message);
    }

    private async Task CreateAsync(string resource, string body)
    {
        using var content = new StringContent(body.Replace('\'', '"'), System.Text.Encoding.UTF8, "application/json");
        using var response = await _http.PostAsync(new Uri($"/api/v1/namespaces/default/{resource}", UriKind.Relative), content,
            Cancellation);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Cancellation));
    }

    private Task MountAsync(string volume, string uid = "uid-1", string account = "default")
    {
        var spec = new JsonObject { ["serviceAccountName"] = account, ["volumes"] = new JsonArray(RunningCluster.Json(volume)) };
        var json = new JsonObject { ["spec"] = spec };
        var pod = json.Deserialize(KubeletJson.Default.RunnerPod)! with
        {
            Metadata = new()
            {
                Namespace = "default",
                Name = "reader",
                Uid = uid,
                Labels = new Dictionary<string, string> { ["tier"] = "web", ["app"] = "shop" },
                Annotations = new Dictionary<string, string> { ["note"] = "say \"hi\"\n\tC:\\" },
            },
        };
        return new PodVolumes(pod, new(new("default", "reader", uid, "127.0.0.1"), 0, _directory), _client, TimeProvider.System)
            .MountAsync(Cancellation);
    }

    private string FileOf(string file) => Path.Combine(_directory, "volumes", "v", file);

    private string Text(string file) => File.ReadAllText(FileOf(file));

    private string ModeOf(string file) => OperatingSystem.IsWindows() ? "" : Convert.ToString((int)File.GetUnixFileMode(FileOf(file)), 8);

    private IReadOnlyList<string> Files()
    {
        var root = Path.Combine(_directory, "volumes", "v");
        if (Directory.Exists(Path.Combine(root, "..data"))) root = Path.Combine(root, "..data");
        return [.. Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(root, file))
            .Order(StringComparer.Ordinal)];
    }
}
