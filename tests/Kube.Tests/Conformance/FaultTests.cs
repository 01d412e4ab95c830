using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.ApiServer.Requests;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Dev.Kubelet;
using ModuleController.Kube.Tests.Recordings;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>What only DevCluster has: faults, a clock of the test's, state that outlives the server, logs through a hook.</summary>
public sealed class FaultTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time =
        new(DateTimeOffset.Parse("2026-01-01T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture));
    private readonly System.Net.IPAddress _address = OwnAddress.Next();
    private ApiServerHost _host = null!;
    private HttpClient _http = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await ApiServerHost.StartAsync(new() { Address = _address, Time = _time, PodLogs = new EchoedLogs() }, Cancellation);
        _http = _host.CreateClient();
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task After_a_compaction_an_old_watch_gets_410_in_the_stream()
    {
        var version = await CreateAsync("one");
        await CreateAsync("two");
        _host.Faults.CompactNow();
        await using var watch = await WatchAsync($"?resourceVersion={version}");
        var error = await watch.NextAsync();
        Assert.Equal(("ERROR", 410L, "Expired"),
            (error.Text("type"), error.Number("object", "code"), error.Text("object", "reason")));
        Assert.Null(await watch.NextAsync());
    }

    [Fact]
    public async Task After_a_compaction_the_next_page_of_a_list_is_410()
    {
        await CreateAsync("one");
        await CreateAsync("two");
        var page = JsonNode.Parse(await _http.GetStringAsync(Path("?limit=1"), Cancellation));
        await CreateAsync("three");
        _host.Faults.CompactNow();
        using var next = await _http.GetAsync(Path($"?limit=1&continue={Uri.EscapeDataString(page.Text("metadata", "continue")!)}"),
            Cancellation);
        Assert.Equal(410, (int)next.StatusCode);
    }

    [Fact]
    public async Task A_future_version_is_504()
    {
        using var answer = await _http.GetAsync(Path("?resourceVersion=999999"), Cancellation);
        Assert.Equal(504, (int)answer.StatusCode);
    }

    [Fact]
    public async Task Watches_that_are_cut_end()
    {
        await using var watch = await WatchAsync("?resourceVersion=1");
        await using var other = await WatchAsync("?resourceVersion=1");
        _host.Faults.CutWatches("pods");
        await CreateAsync("one");
        Assert.Equal(["ADDED one"], await watch.NextAsync(1));
        _host.Faults.CutWatches("configmaps");
        Assert.Null(await watch.NextAsync());
        Assert.Equal(["ADDED one"], await other.NextAsync(1));
        Assert.Null(await other.NextAsync());
    }

    [Fact]
    public async Task Only_the_requested_number_of_writes_is_rejected()
    {
        _host.Faults.RejectNext(1, "create", "configmaps", 429, TimeSpan.FromSeconds(7));
        using var refused = await PostAsync("one");
        Assert.Equal(429, (int)refused.StatusCode);
        var recorded = Recording.Load(Repository.Fixture("too-many-requests.json")).Steps[^1].Answer;
        Assert.Equal(recorded.Text("body"), await refused.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(TimeSpan.FromSeconds(7), refused.Headers.RetryAfter?.Delta);
        await CreateAsync("one");
        _host.Faults.RejectNext(2, "write");
        for (var i = 0; i < 2; i++)
        {
            using var failed = await PostAsync("two");
            Assert.Equal(500, (int)failed.StatusCode);
        }

        await CreateAsync("two");
    }

    [Fact]
    public async Task A_write_whose_answer_is_lost_was_carried_out()
    {
        _host.Faults.LoseAnswersOfNext(1);
        using var lost = await PostAsync("one");
        Assert.Equal(504, (int)lost.StatusCode);
        using var again = await PostAsync("one");
        Assert.Equal(409, (int)again.StatusCode);
    }

    [Fact]
    public async Task Delayed_events_arrive_after_their_delay()
    {
        await using var watch = await WatchAsync("?resourceVersion=1");
        _host.Faults.EventDelay = TimeSpan.FromSeconds(5);
        await CreateAsync("one");
        var next = watch.NextAsync();
        Assert.False(next.IsCompleted);
        while (!next.IsCompleted)      // the clock moves on until the delay, whenever it began, is over
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.Equal("one", (await next).Text("object", "metadata", "name"));
    }

    [Fact]
    public async Task Bookmarks_are_sent_each_minute_and_at_the_end()
    {
        var version = await CreateAsync("one");
        await using var watch = await WatchAsync("?resourceVersion=1&allowWatchBookmarks=true&timeoutSeconds=90");
        Assert.Equal(["ADDED one"], await watch.NextAsync(1));
        await CreateAsync("two");
        Assert.Equal(["ADDED two"], await watch.NextAsync(1));
        for (var i = 0; i < 2; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(60));
            var bookmark = await watch.NextAsync();
            Assert.Equal("BOOKMARK", bookmark.Text("type"));
            Assert.True(long.Parse(bookmark.Text("object", "metadata", "resourceVersion")!,
                System.Globalization.CultureInfo.InvariantCulture) > version);
        }

        Assert.Null(await watch.NextAsync());
    }

    [Fact]
    public async Task A_restarted_server_continues_with_its_objects()
    {
        var version = await CreateAsync("one");
        var port = _host.ServerUri.Port;
        await _host.DisposeAsync();
        await Addresses.UntilFreeAsync(new(_address, port), Cancellation);
        _host = await ApiServerHost.StartAsync(new() { Address = _address, Port = port, Time = _time, Log = _host.Log }, Cancellation);
        await CreateAsync("two");
        await using var watch = await WatchAsync($"?resourceVersion={version}");
        Assert.Equal(["ADDED two"], await watch.NextAsync(1));
    }

    [Fact]
    public async Task Logs_come_from_the_kubelet()
    {
        using var pod = await _http.PostAsync(new Uri(_host.ServerUri, "/api/v1/namespaces/default/pods"),
            Json(Objects.Pod("p")), Cancellation);
        Assert.Equal("default p main follow=False tail=3",
            await _http.GetStringAsync(new Uri(_host.ServerUri, "/api/v1/namespaces/default/pods/p/log?tailLines=3"),
                Cancellation));
        using var other = await _http.GetAsync(new Uri(_host.ServerUri,
            "/api/v1/namespaces/default/pods/p/log?container=none"), Cancellation);
        Assert.Equal(400, (int)other.StatusCode);
    }

    [Fact]
    public async Task Requests_are_counted_by_verb_resource_and_code()
    {
        using var answer = await _http.GetAsync(
            new Uri(_host.ServerUri, "/api/v1/namespaces/default/configmaps/not-there"), Cancellation);
        await Eventually.True(() => _host.Counters.Snapshot()
            .Any(entry => entry is { Key: { Verb: "get", Resource: "configmaps", Code: 404 }, Value: 1 }));
    }

    [Fact]
    public async Task A_watcher_that_falls_behind_is_cut_off()
    {
        var log = new EventLog(watcherLag: 2);
        using var slow = log.Subscribe("things", log.Revision);
        for (var i = 0; i < 4; i++) log.Commit(new("things", "", $"{i}"), _ => { }, _ => new(new()));
        var seen = new List<string>();
        await foreach (var change in slow.Live.ReadAllAsync(Cancellation)) seen.Add(change.Key.Name);
        Assert.Equal(["0", "1"], seen);
    }

    [Fact]
    public async Task With_the_admission_plugin_for_owner_references_an_owner_is_blocked_only_by_those_who_may_update_its_finalizers()
    {
        await using var host = await ApiServerHost.StartAsync(new() { EnforcesOwnerPermissions = true }, Cancellation);
        const string Home = "/api/v1/namespaces/default/configmaps";
        using var admin = host.CreateClient();
        async Task<JsonNode> SendAsync(HttpClient http, HttpMethod method, string path, JsonNode body)
        {
            using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, method == HttpMethod.Patch
                ? "application/merge-patch+json" : "application/json");
            using var response = await http.SendAsync(request, Cancellation);
            return JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!;
        }

        const string Rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
        async Task AllowAsync(string name, string rule)
        {
            await SendAsync(admin, HttpMethod.Post, $"{Rbac}/roles",
                JsonNode.Parse($$$"""{"metadata": {"name": "{{{name}}}"}, "rules": [{{{rule}}}]}""")!);
            await SendAsync(admin, HttpMethod.Post, $"{Rbac}/rolebindings", JsonNode.Parse($$$"""
                {"metadata": {"name": "{{{name}}}"}, "roleRef": {"kind": "Role", "name": "{{{name}}}"}, "subjects": [{"kind": "User", "name": "jo"}]}
                """)!);
        }

        JsonNode Owned(string name, string block) => JsonNode.Parse($$$"""
            {"metadata": {"name": "{{{name}}}", "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "u", "blockOwnerDeletion": {{{block}}}}]}}
            """)!;
        await AllowAsync("write", """{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "patch"]}""");
        using var jo = host.CreateClient(host.TokenOf("jo"));
        Assert.Equal(
            "configmaps \"a\" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set "
                + "finalizers on: , <nil>",
            (await SendAsync(jo, HttpMethod.Post, Home, Owned("a", "true"))).Text("message"));
        Assert.NotNull((await SendAsync(jo, HttpMethod.Post, Home, Owned("b", "false"))).Text("metadata", "uid"));
        Assert.Equal("configmaps \"b\" is forbidden: cannot set an ownerRef on a resource you can't delete: , <nil>",
            (await SendAsync(jo, HttpMethod.Patch, $"{Home}/b", JsonNode.Parse("""{"metadata": {"ownerReferences": null}}""")!)).Text("message"));

        await AllowAsync("finalize", """{"apiGroups": ["apps"], "resources": ["deployments/finalizers"], "verbs": ["update"]}""");
        Assert.NotNull((await SendAsync(jo, HttpMethod.Post, Home, Owned("a", "true"))).Text("metadata", "uid"));
    }

    private Uri Path(string query = "") => new(_host.ServerUri, $"/api/v1/namespaces/default/configmaps{query}");

    private static StringContent Json(JsonNode node) => new(node.ToJsonString(), Encoding.UTF8, "application/json");

    private Task<HttpResponseMessage> PostAsync(string name) =>
        _http.PostAsync(Path(), Json(Objects.ConfigMap(name)), Cancellation);

    private async Task<long> CreateAsync(string name)
    {
        using var answer = await PostAsync(name);
        Assert.Equal(201, (int)answer.StatusCode);
        var version = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))
            .Text("metadata", "resourceVersion")!;
        return long.Parse(version, System.Globalization.CultureInfo.InvariantCulture);
    }

    private async Task<WatchReader> WatchAsync(string query)
    {
        var response = await _http.GetAsync(Path($"{query}&watch=true"), HttpCompletionOption.ResponseHeadersRead,
            Cancellation);
        return new(response, new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation)));
    }

    private sealed class EchoedLogs : IPodLogs
    {
        public Task WriteAsync(string ns, string pod, string container, bool follow, int? tail, Stream output,
            CancellationToken cancellation) =>
            output.WriteAsync(Encoding.UTF8.GetBytes($"{ns} {pod} {container} follow={follow} tail={tail}"),
                cancellation).AsTask();
    }
}
