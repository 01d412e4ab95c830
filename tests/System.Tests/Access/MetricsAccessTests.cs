using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane;
using ModuleController.ControlPlane.Access;
using ModuleController.SystemTests.Gateway;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Access;

/// <summary>With a port of its own, <c>/metrics</c> is only for those who may get it, with the shipped roles.</summary>
public sealed class MetricsAccessTests : IAsyncLifetime
{
    private const string TokenReviews = "tokenreviews.authentication.k8s.io";

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private GatewayRig _rig = null!;

    private ControlPlaneHost Controller => _rig.Controller;

    public async ValueTask InitializeAsync()
    {
        _rig = await GatewayRig.StartAsync();
        await ApplyAsync("role", "reader-role");
        await _rig.StartLeaderAsync(change: options => options with { MetricsPort = 0, IsTlsAutomatic = true }, time: _time);
        using var http = new HttpClient();
        await Eventually.True(async () =>
        {
            using var ready = await http.GetAsync(new Uri(Controller.HttpAddress, "/readyz"), GatewayRig.Cancellation);
            return ready.StatusCode == HttpStatusCode.OK;
        });
    }

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task It_is_served_over_both_versions_of_HTTP(string version) => Assert.Equal(
        HttpStatusCode.Unauthorized, (await SendAsync(Controller.MetricsAddress!, "/metrics", Version.Parse(version))).Status);

    [Fact]
    public async Task Who_may_get_it_reads_it_and_others_learn_why_not()
    {
        var token = await TokenAsync("prometheus");

        Assert.Equal((HttpStatusCode.Unauthorized, "a bearer token is needed\n"), await GetAsync(null));
        Assert.Equal((HttpStatusCode.Unauthorized, "the API server does not accept the token\n"), await GetAsync("none"));
        Assert.Equal(
            (HttpStatusCode.Forbidden, "user system:serviceaccount:default:prometheus may not get /metrics\n"), await GetAsync(token));

        await BindAsync("prometheus");
        await Eventually.True(async () => (await GetAsync(token)).Status == HttpStatusCode.OK);
        Assert.Contains("kube_api_requests", (await GetAsync(token)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_token_of_an_agent_is_not_accepted()
    {
        await BindAsync("agent");
        var uid = await _rig.CreatePodAsync("base-0");

        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(await _rig.TokenAsync("base-0", uid))).Status);
    }

    [Fact]
    public async Task No_other_port_serves_it()
    {
        using var http = new HttpClient();
        using var plain = await http.GetAsync(new Uri(Controller.HttpAddress, "/metrics"), GatewayRig.Cancellation);
        using var health = await http.GetAsync(new Uri(Controller.HttpAddress, "/healthz"), GatewayRig.Cancellation);

        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.OK), (plain.StatusCode, health.StatusCode));
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(Controller.AgentAddress, "/metrics", HttpVersion.Version20)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(Controller.AgentAddress, "/healthz", HttpVersion.Version20)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(Controller.MetricsAddress!, "/healthz")).Status);
    }

    [Fact]
    public async Task An_accepted_token_needs_the_API_server_again_only_after_five_minutes()
    {
        var token = await TokenAsync("prometheus");
        await BindAsync("prometheus");
        await Eventually.True(async () => (await GetAsync(token)).Status == HttpStatusCode.OK);
        var reviews = _rig.Requests("create", TokenReviews);

        await _rig.StopApiServerAsync();
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(token)).Status);
        Assert.Equal(reviews, _rig.Requests("create", TokenReviews));
        _time.Advance(MetricsAccess.AcceptedFor);
        var asked = GetAsync(token);
        // The client tries a request several times.
        await Eventually.True(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return asked.IsCompleted;
        });
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await asked).Status);
        await _rig.RestartApiServerAsync();
    }

    private Task<(HttpStatusCode Status, string Text)> GetAsync(string? token) =>
        SendAsync(Controller.MetricsAddress!, "/metrics", token: token);

    private static async Task<(HttpStatusCode Status, string Text)> SendAsync(
        Uri server, string path, Version? version = null, string? token = null)
    {
        using var http = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new()
            {
                RemoteCertificateValidationCallback = (_, _, _, errors) => errors != SslPolicyErrors.RemoteCertificateNotAvailable,
            },
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server, path))
        {
            Version = version ?? HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await http.SendAsync(request, GatewayRig.Cancellation);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(GatewayRig.Cancellation));
    }

    private async Task ApplyAsync(params string[] files)
    {
        foreach (var file in files)
        {
            var path = Path.Combine(Manifests.Root, "deploy", "metrics", $"{file}.yaml");
            foreach (var item in KubernetesYaml.LoadAllFromString(await File.ReadAllTextAsync(path, GatewayRig.Cancellation)))
            {
                if (item is V1ClusterRoleBinding binding) binding.Subjects.Single().NamespaceProperty = "default";
                await PostAsync(item is V1ClusterRole ? "clusterroles" : "clusterrolebindings", KubernetesJson.Serialize(item));
            }
        }
    }

    private Task BindAsync(string account) => PostAsync("clusterrolebindings", $$"""
        {"metadata":{"name":"{{account}}"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole",
         "name":"modulecontroller-metrics-reader"},"subjects":[{"kind":"ServiceAccount","name":"{{account}}","namespace":"default"}]}
        """);

    private Task PostAsync(string resource, string json) =>
        _rig.PostAsync($"/apis/rbac.authorization.k8s.io/v1/{resource}", JsonNode.Parse(json)!);

    private async Task<string> TokenAsync(string account)
    {
        const string Accounts = "/api/v1/namespaces/default/serviceaccounts";
        await _rig.PostAsync(Accounts, new JsonObject { ["metadata"] = new JsonObject { ["name"] = account } });
        var answer = await _rig.PostAsync($"{Accounts}/{account}/token", JsonNode.Parse("""{"spec":{"audiences":[]}}""")!);
        return (string)answer["status"]!["token"]!;
    }
}
