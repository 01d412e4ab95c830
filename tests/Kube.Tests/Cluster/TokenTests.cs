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
            var renewing = volumes.RenewAsync(ending.Token);

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
