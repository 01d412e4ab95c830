using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using ModuleController.ControlPlane.Admission;
using ModuleController.Core.Injection;
using ModuleController.Core.Meta;

namespace ModuleController.SystemTests.Admission;

/// <summary>The webhooks of pods and Deployments, as an API server calls them.</summary>
public sealed class PodWebhookTests
{
    private static readonly PodInjection Handler = new(new(), _ => null);

    [Fact]
    public async Task A_pod_of_a_Deployment_gets_the_agent_and_a_second_pass_changes_nothing()
    {
        await using var bench = await WebhookBench.StartAsync(Handler);

        var response = await bench.DecidedAsync("pods", WebhookBench.Review(Pod()));

        Assert.True((bool)response["allowed"]!);
        Assert.Null(response["warnings"]);
        var injected = PodInjector.InjectPod(Pod(), new()).Pod;
        Assert.True(JsonNode.DeepEquals(InjectionPatch.Between(Pod(), injected), PatchOf(response)));
        var second = await bench.DecidedAsync("pods", WebhookBench.Review(injected));
        Assert.True((bool)second["allowed"]!);
        Assert.Null(second["patch"]);
    }

    [Fact]
    public async Task A_pod_of_1_MB_and_one_without_a_name_get_the_agent()
    {
        await using var bench = await WebhookBench.StartAsync(Handler);
        var large = Pod();
        large["spec"]!["containers"]![0]!["env"] = new JsonArray(
            [.. Enumerable.Range(0, 100).Select(i => new JsonObject { ["name"] = $"V{i}", ["value"] = new string('x', 10_000) })]);
        var nameless = Pod();
        nameless["metadata"]!.AsObject().Remove("name");
        nameless["metadata"]!["generateName"] = "base-";

        foreach (var pod in (JsonObject[])[large, nameless])
        {
            var patch = PatchOf(await bench.DecidedAsync("pods", WebhookBench.Review(pod)));
            // What the pod has is not repeated: the API server keeps a patch in its audit log.
            Assert.Contains("/spec/initContainers", patch.Select(step => (string)step!["path"]!));
            Assert.InRange(patch.ToJsonString().Length, 500, 10_000);
        }
    }

    [Theory]
    [InlineData(
        "base-container", "nobody", "annotation koupleless.io/base-container must name a container of spec.containers, not \"nobody\"")]
    [InlineData("arklet-port", "0", "annotation koupleless.io/arklet-port must be a port from 1 to 65535, not \"0\"")]
    public async Task What_can_not_be_done_is_a_warning_and_the_pod_is_created_with_its_status(
        string annotation, string value, string problem)
    {
        await using var bench = await WebhookBench.StartAsync(Handler);
        var pod = Pod();
        pod["metadata"]!["annotations"] = new JsonObject { [$"koupleless.io/{annotation}"] = value };

        var response = await bench.DecidedAsync("pods", WebhookBench.Review(pod));

        Assert.True((bool)response["allowed"]!);
        Assert.Equal($"koupleless.io/injection-status: {problem}", (string)Assert.Single(response["warnings"]!.AsArray())!);
        Assert.Contains($"not injected: {problem}",
            PatchOf(response).Select(step => step!["value"]).OfType<JsonValue>().Select(text => (string)text!));
    }

    [Theory]
    [InlineData("StatefulSet", "apps/v1")]
    [InlineData("DaemonSet", "apps/v1")]
    [InlineData("Job", "batch/v1")]
    [InlineData(null, null)]
    public async Task A_pod_of_no_Deployment_is_created_without_the_agent(string? kind, string? apiVersion)
    {
        await using var bench = await WebhookBench.StartAsync(Handler);

        var response = await bench.DecidedAsync("pods", WebhookBench.Review(Pod(kind, apiVersion)));

        Assert.True((bool)response["allowed"]!);
        Assert.Contains("a base is a Deployment", (string)response["warnings"]![0]!, StringComparison.Ordinal);
        Assert.DoesNotContain(PatchOf(response), step => ((string)step!["path"]!).StartsWith("/spec", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("kube-system")]
    [InlineData("modulecontroller-system")]
    public async Task Pods_of_a_namespace_without_injection_stay_as_they_are_if_the_selector_names_another(string ns)
    {
        await using var bench = await WebhookBench.StartAsync(Handler);
        var review = WebhookBench.Review(Pod());
        review["request"]!["namespace"] = ns;

        var response = await bench.DecidedAsync("pods", review);

        Assert.True((bool)response["allowed"]!);
        Assert.Null(response["patch"]);
        Assert.Equal($"pods of namespace {ns} never get the agent", (string)response["warnings"]![0]!);
    }

    [Fact]
    public async Task A_pod_outside_the_only_namespace_that_is_reconciled_stays_as_it_is()
    {
        await using var bench = await WebhookBench.StartAsync(new PodInjection(new(), _ => null, "shop"));
        var review = WebhookBench.Review(Pod());

        var response = await bench.DecidedAsync("pods", review);
        Assert.True((bool)response["allowed"]!);
        Assert.Null(response["patch"]);
        Assert.Equal("the pod gets no agent: the controller reconciles namespace shop only", (string)response["warnings"]![0]!);

        review["request"]!["namespace"] = "shop";
        Assert.NotNull((await bench.DecidedAsync("pods", review))["patch"]);
    }

    [Fact]
    public async Task A_pod_whose_ReplicaSet_belongs_to_no_Deployment_is_created_without_the_agent()
    {
        List<ObjectKey> asked = [];
        await using var bench = await WebhookBench.StartAsync(new PodInjection(new(), key =>
        {
            asked.Add(key);
            return new() { Metadata = new() { Name = key.Name } };
        }));

        var response = await bench.DecidedAsync("pods", WebhookBench.Review(Pod()));

        Assert.Contains("no Deployment owns ReplicaSet", (string)response["warnings"]![0]!, StringComparison.Ordinal);
        Assert.DoesNotContain(PatchOf(response), step => ((string)step!["path"]!).StartsWith("/spec", StringComparison.Ordinal));
        Assert.Equal("default", Assert.Single(asked).Namespace);
    }

    [Fact]
    public async Task A_review_of_something_else_is_malformed()
    {
        await using var bench = await WebhookBench.StartAsync(Handler, new DeploymentWarning());
        var update = WebhookBench.Review(Pod(), "UPDATE").ToJsonString();

        Assert.Equal((HttpStatusCode.BadRequest, "Update of Pod is not the creation of a pod\n"), await bench.PostAsync("pods", update));
        Assert.Equal((HttpStatusCode.BadRequest, "Update of Pod is not the write of a Deployment\n"),
            await bench.PostAsync("deployments", update));
    }

    [Fact]
    public async Task A_Deployment_with_the_label_in_the_wrong_place_is_allowed_with_a_warning()
    {
        await using var bench = await WebhookBench.StartAsync(new DeploymentWarning());
        var review = WebhookBench.Review((JsonObject)JsonNode.Parse("""
            {"metadata":{"name":"base","labels":{"koupleless.io/inject":"true"}},"spec":{"template":{"metadata":{"labels":{"app":"base"}}}}}
            """)!);
        review["request"]!["kind"] = new JsonObject { ["group"] = "apps", ["version"] = "v1", ["kind"] = "Deployment" };
        review["request"]!["name"] = "base";

        var response = await bench.DecidedAsync("deployments", review);

        Assert.True((bool)response["allowed"]!);
        Assert.Contains("kubectl -n default patch deployment base", (string)response["warnings"]![0]!, StringComparison.Ordinal);
    }

    private static JsonArray PatchOf(JsonNode response) =>
        JsonNode.Parse(Encoding.UTF8.GetString(Convert.FromBase64String((string)response["patch"]!)))!.AsArray();

    private static JsonObject Pod(string? owner = "ReplicaSet", string? apiVersion = "apps/v1") => new()
    {
        ["metadata"] = new JsonObject
        {
            ["name"] = "base-0",
            ["labels"] = new JsonObject { [InjectionKeys.Inject] = "true" },
            ["ownerReferences"] = owner is null ? new JsonArray() : new JsonArray(new JsonObject
            {
                ["apiVersion"] = apiVersion,
                ["kind"] = owner,
                ["name"] = "base",
                ["uid"] = "1",
                ["controller"] = true,
            }),
        },
        ["spec"] = new JsonObject { ["containers"] = new JsonArray(new JsonObject { ["name"] = "base", ["image"] = "base" }) },
    };
}
