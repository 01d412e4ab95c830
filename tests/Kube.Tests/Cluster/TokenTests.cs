using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Resources;
using ModuleController.Dev.Kubelet.Volumes;
using ModuleController.Kube.Client;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Clusters;

/// <summary>Service account tokens of pods, which agents show to the controller.</summary>
public sealed class TokenTests(RunningCluster cluster) : IClassFixture<RunningCluster>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_pod_finds_a_token_that_names_it_and_that_dies_with_it()
    {
        var ns = await cluster.NewNamespaceAsync();
        await ns.RunAsync("agent", """
            {
              'volumes': [{'name': 'token', 'projected': {'sources': [{'serviceAccountToken': {'audience': 'modulecontroller', 'path': 'token', 'expirationSeconds': 600}}]}}],
              'containers': [{
                'name': 'main', 'image': 'sh', 'command': ['sh', '-c', 'cat /run/secret/token; echo; exec sleep 600'],
                'volumeMounts': [{'name': 'token', 'mountPath': '/run/secret'}]
              }]
            }
            """);
        var pod = await ns.ReadyPodAsync("agent");
        var token = "";
        await Eventually.True(async () => (token = (await cluster.Http.GetStringAsync(
            new Uri($"{ns.PodPath("agent")}/log", UriKind.Relative), Cancellation)).Trim()).Length > 0);

        var status = await ReviewAsync(token, "modulecontroller");
        Assert.True(status["authenticated"]!.GetValue<bool>());
        Assert.Equal($"system:serviceaccount:{ns.Name}:default", status["user"]!["username"]!.GetValue<string>());
        Assert.Equal(pod.UidOf(), status["user"]!["extra"]!["authentication.kubernetes.io/pod-uid"]![0]!.GetValue<string>());
        Assert.Null((await ReviewAsync(token, "another"))["authenticated"]);

        await cluster.DeleteAsync(ns.PodPath("agent"));
        await ns.GoneAsync(ns.PodPath("agent"));
        Assert.Null((await ReviewAsync(token, "modulecontroller"))["authenticated"]);
    }

    [Fact]
    public async Task A_token_is_renewed_at_four_fifths_of_its_life()
    {
        var time = new FakeTimeProvider(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using var host = await ApiServerHost.StartAsync(new() { Time = time }, Cancellation);
        using var client = new KubeClient(Transport.To(host.ServerUri, host.AdminToken), new ResourceJson(KubeletJson.Default));
        var pod = await client.CreateAsync(
            new RunnerPod
            {
                Metadata = new() { Namespace = "default", Name = "agent" },
                Spec = new()
                {
                    Containers = [new() { Name = "main", Image = "idle" }],
                    Volumes = [new("token", Projected: new([new(new("sub/token", ExpirationSeconds: 1000))]))],
                },
            },
            "test", Cancellation);
        var place = new PodPlace(
            new("default", "agent", pod.Metadata.Uid!, "127.0.0.1"), 0, Directory.CreateTempSubdirectory("tokens-").FullName);
        var file = Path.Combine(place.OfVolume("token"), "sub", "token");
        try
        {
            var volumes = new PodVolumes(pod, place, client, time);
            await volumes.MountAsync(Cancellation);
            var first = await File.ReadAllTextAsync(file, Cancellation);
            using var ending = new CancellationTokenSource();
            var renewing = volumes.RefreshAsync(ending.Token);

            time.Advance(TimeSpan.FromSeconds(799));
            Assert.Equal(first, await File.ReadAllTextAsync(file, Cancellation));
            time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.True(async () => await File.ReadAllTextAsync(file, Cancellation) != first);
            await ending.CancelAsync();
            await renewing;
        }
        finally
        {
            Directory.Delete(place.Directory, recursive: true);
        }
    }

    [Fact]
    public async Task A_bearer_token_ends_a_minute_after_its_expiry_or_with_its_pod_or_account()
    {
        var time = new FakeTimeProvider(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using var host = await ApiServerHost.StartAsync(new() { Time = time }, Cancellation);
        await PostAsync(host, "serviceaccounts", """{"metadata": {"name": "agent"}}""");
        await PostAsync(host, "pods", """
            {"metadata": {"name": "agent"}, "spec": {"serviceAccountName": "agent", "containers": [{"name": "main", "image": "idle"}]}}
            """);
        var bound = """{"spec": {"expirationSeconds": 900, "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "agent"}}}""";
        var ofPod = await TokenAsync(bound);
        var ofAccount = await TokenAsync("""{"spec": {}}""");
        Assert.Equal((200, 200), (await CodeAsync(ofPod), await CodeAsync(ofAccount)));

        time.Advance(TimeSpan.FromSeconds(960));
        Assert.Equal(200, await CodeAsync(ofPod));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((401, 200), (await CodeAsync(ofPod), await CodeAsync(ofAccount)));

        ofPod = await TokenAsync(bound);
        Assert.Equal(200, await CodeAsync(ofPod));
        await DeleteAsync(host, "pods/agent?gracePeriodSeconds=0");
        Assert.Equal((401, 200), (await CodeAsync(ofPod), await CodeAsync(ofAccount)));
        await DeleteAsync(host, "serviceaccounts/agent");
        Assert.Equal(401, await CodeAsync(ofAccount));

        async Task<string> TokenAsync(string request) =>
            (await PostAsync(host, "serviceaccounts/agent/token", request))["status"]!["token"]!.GetValue<string>();

        async Task<int> CodeAsync(string token)
        {
            using var user = host.CreateClient(token);
            using var response = await user.GetAsync(new Uri("/openid/v1/jwks", UriKind.Relative), Cancellation);
            return (int)response.StatusCode;
        }
    }

    [Fact]
    public async Task A_new_key_signs_and_those_before_it_verify_until_they_are_removed()
    {
        await using var host = await ApiServerHost.StartAsync(new(), Cancellation);
        await PostAsync(host, "serviceaccounts", """{"metadata": {"name": "agent"}}""");
        var before = await TokenAsync();
        host.Log.TokenKeys.Rotate();
        var after = await TokenAsync();
        Assert.Equal((2, 2), (await KeysAsync(before), await KeysAsync(after)));
        Assert.NotEqual(before.Split('.')[0], after.Split('.')[0]);

        host.Log.TokenKeys.RemoveOld();
        Assert.Equal(1, await KeysAsync(after));
        await Assert.ThrowsAsync<HttpRequestException>(() => KeysAsync(before));

        async Task<string> TokenAsync() => (await PostAsync(host, "serviceaccounts/agent/token", """{"spec": {}}"""))["status"]!["token"]!
            .GetValue<string>();

        async Task<int> KeysAsync(string token)
        {
            using var user = host.CreateClient(token);
            var answer = await user.GetStringAsync(new Uri("/openid/v1/jwks", UriKind.Relative), Cancellation);
            return JsonNode.Parse(answer)!["keys"]!.AsArray().Count;
        }
    }

    private static async Task<JsonNode> PostAsync(ApiServerHost host, string path, string body)
    {
        using var client = host.CreateClient();
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(new Uri($"/api/v1/namespaces/default/{path}", UriKind.Relative), content, Cancellation);
        var text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }

    private static async Task DeleteAsync(ApiServerHost host, string path)
    {
        using var client = host.CreateClient();
        using var response = await client.DeleteAsync(new Uri($"/api/v1/namespaces/default/{path}", UriKind.Relative), Cancellation);
        Assert.True(response.IsSuccessStatusCode);
    }

    private async Task<JsonObject> ReviewAsync(string token, string audience)
    {
        var review = await cluster.PostAsync("/apis/authentication.k8s.io/v1/tokenreviews", new()
        {
            ["apiVersion"] = "authentication.k8s.io/v1",
            ["kind"] = "TokenReview",
            ["spec"] = new JsonObject { ["token"] = token, ["audiences"] = new JsonArray(audience) },
        });
        return review["status"]!.AsObject();
    }
}
