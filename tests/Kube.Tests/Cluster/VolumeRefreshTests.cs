using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Dev.Kubelet.Volumes;
using ModuleController.Kube.Client;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

/// <summary>Files of ConfigMaps and Secrets follow their objects.</summary>
public sealed class VolumeRefreshTests : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("volumes-").FullName;
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly CancellationTokenSource _ending = new();
    private ApiServerHost _host = null!;
    private KubeClient _client = null!;
    private HttpClient _http = null!;
    private RunnerPod _pod = null!;
    private Task _refreshing = Task.CompletedTask;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private PodPlace Place => new(new("default", "reader", "uid-1", "127.0.0.1"), 0, _directory);

    private string Root => Place.OfVolume("v");

    public async ValueTask InitializeAsync()
    {
        _host = await ApiServerHost.StartAsync(new(), Cancellation);
        _client = new(Transport.To(_host.ServerUri, _host.AdminToken), new ResourceJson(KubeletJson.Default));
        _http = _host.CreateClient();
        await SendAsync(HttpMethod.Post, "configmaps", "{'metadata': {'name': 'conf'}, 'data': {'a': '1', 'b': '1'}}");
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _refreshing;
        _ending.Dispose();
        _http.Dispose();
        _client.Dispose();
        await _host.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_change_replaces_all_files_at_once()
    {
        await MountAsync("'configMap': {'name': 'conf'}");
        var version = new FileInfo(Path.Combine(Root, "..data")).LinkTarget!;
        Assert.Equal("..data/a", new FileInfo(Path.Combine(Root, "a")).LinkTarget);
        using (var reader = File.OpenText(Path.Combine(Root, "a")))
        {
            await SendAsync(HttpMethod.Patch, "configmaps/conf", "{'data': {'a': '2', 'b': null, 'c': '2'}}");
            await UntilAsync(() => File.ReadAllText(Path.Combine(Root, "a")) == "2");
            Assert.Equal("1", await reader.ReadToEndAsync(Cancellation));
        }

        await UntilAsync(() => Shown() == "a c" && !Directory.Exists(Path.Combine(Root, version)));
        Assert.Equal("2", await File.ReadAllTextAsync(Path.Combine(Root, "c"), Cancellation));
    }

    [Fact]
    public async Task What_an_interrupted_change_left_is_removed()
    {
        var rest = Directory.CreateDirectory(Path.Combine(Root, "..rest")).FullName;
        File.CreateSymbolicLink(Path.Combine(Root, "..data_tmp"), "..rest");
        await MountAsync("'secret': {'secretName': 'none', 'optional': true}");
        Assert.Equal(["..data"], new DirectoryInfo(Root).EnumerateFileSystemInfos().Where(entry => entry.LinkTarget is not null)
            .Select(entry => entry.Name));
        Assert.False(Directory.Exists(rest));
    }

    [Fact]
    public async Task What_is_optional_appears_and_disappears_with_its_object()
    {
        await MountAsync("'projected': {'sources': [{'configMap': {'name': 'later', 'optional': true}}, {'configMap': {'name': 'conf'}}]}");
        Assert.Equal("a b", Shown());
        await SendAsync(HttpMethod.Post, "configmaps", "{'metadata': {'name': 'later'}, 'data': {'ca.crt': 'x'}}");
        await UntilAsync(() => Shown() == "a b ca.crt");
        await SendAsync(HttpMethod.Delete, "configmaps/later", "{}");
        await UntilAsync(() => Shown() == "a b");
    }

    [Fact]
    public async Task Files_stay_when_their_object_is_deleted_and_follow_the_next_one()
    {
        await MountAsync("'configMap': {'name': 'conf'}");
        await SendAsync(HttpMethod.Delete, "configmaps/conf", "{}");
        var reads = Reads();
        await UntilAsync(() => Reads() > reads + 1);
        Assert.Equal("a b", Shown());
        await SendAsync(HttpMethod.Post, "configmaps", "{'metadata': {'name': 'conf'}, 'data': {'d': '4'}}");
        await UntilAsync(() => Shown() == "d");
    }

    [Fact]
    public async Task A_subPath_stays_as_it_was_when_the_container_started()
    {
        await MountAsync("'configMap': {'name': 'conf'}");
        var container = new Container
        {
            Name = "main",
            Image = "idle",
            Args = ["/etc/a", "/all/a"],
            VolumeMounts = [new("v", "/etc/a", "a"), new("v", "/all")],
        };
        var files = Start();
        await SendAsync(HttpMethod.Patch, "configmaps/conf", "{'data': {'a': '2'}}");
        await UntilAsync(() => File.ReadAllText(files[1]) == "2");
        Assert.Equal("1", await File.ReadAllTextAsync(files[0], Cancellation));
        Assert.Equal("2", await File.ReadAllTextAsync(Start()[0], Cancellation));

        IReadOnlyList<string> Start()
        {
            var log = new ContainerLog();
            return PodEnvironment.Of(_pod, container, Place, log).Args;
        }
    }

    private string Shown() => string.Join(' ', Directory.EnumerateFileSystemEntries(Root).Select(path => Path.GetFileName(path))
        .Where(name => !name.StartsWith("..", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

    private long Reads() => _host.Counters.Snapshot()
        .Where(one => one.Key is { Verb: "get", Resource: "configmaps" }).Sum(one => one.Value);

    private Task UntilAsync(Func<bool> condition) => Eventually.True(() =>
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        return condition();
    });

    private async Task MountAsync(string source)
    {
        var volume = RunningCluster.Json($"{{'name': 'v', {source}}}");
        var json = new JsonObject { ["spec"] = new JsonObject { ["volumes"] = new JsonArray(volume) } };
        _pod = json.Deserialize(KubeletJson.Default.RunnerPod)! with
        {
            Metadata = new() { Namespace = "default", Name = "reader", Uid = "uid-1" },
        };
        var volumes = new PodVolumes(_pod, Place, _client, _time);
        await volumes.MountAsync(Cancellation);
        _refreshing = volumes.RefreshAsync(_ending.Token);
    }

    private async Task SendAsync(HttpMethod method, string resource, string body)
    {
        using var request = new HttpRequestMessage(method, new Uri($"/api/v1/namespaces/default/{resource}", UriKind.Relative));
        request.Content = new StringContent(body.Replace('\'', '"'), System.Text.Encoding.UTF8,
            method == HttpMethod.Patch ? "application/merge-patch+json" : "application/json");
        using var response = await _http.SendAsync(request, Cancellation);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Cancellation));
    }
}
