using System.Text.Json.Nodes;
using ModuleController.Core.Injection;
using ModuleController.Core.Tests.Crds;

namespace ModuleController.Core.Tests.Injection;

/// <summary>Objects of a manifest, and the example of a base as the measure of what an agent needs.</summary>
public class ManifestInjectionTests
{
    private const string Plain = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: base }
        spec:
          selector: { matchLabels: { app: base } }
          template:
            metadata:
              labels: { app: base, koupleless.io/inject: "true" }
            spec:
              containers:
                - { name: base, image: "your.example/base:1.0.0" }
        """;

    [Fact]
    public void The_example_gets_the_agent_without_a_problem()
    {
        var result = Inject(YamlDocuments.Read("deploy/examples/base.yaml").Single());

        Assert.Equal(ManifestOutcome.Injected, result.Outcome);
        Assert.Empty(result.Problems);
        var pod = result.Manifest["spec"]!["template"]!["spec"]!;
        Assert.Equal(["ark", "agent-modules"], pod["containers"]![0]!["volumeMounts"]!.AsArray().Select(mount => (string?)mount!["name"]));
    }

    [Fact]
    public void Only_the_pod_template_changes_and_a_second_pass_changes_nothing()
    {
        var manifest = Parse(Plain);
        var first = Inject(manifest);

        Assert.Equal(ManifestOutcome.Injected, first.Outcome);
        Assert.All(JsonDifference.Between(manifest, first.Manifest),
            change => Assert.StartsWith("/spec/template/", (string?)change!["path"], StringComparison.Ordinal));
        Assert.True(JsonNode.DeepEquals(first.Manifest, Inject(first.Manifest).Manifest));
    }

    [Theory]
    [InlineData("StatefulSet")]
    [InlineData("DaemonSet")]
    [InlineData("Job")]
    [InlineData("ReplicaSet")]
    public void Another_workload_is_reported_and_stays_as_it_is(string kind) =>
        AssertRejected(Parse(Plain.Replace("Deployment", kind, StringComparison.Ordinal)),
            $"{kind} base: a base is a Deployment: this kind does not get the agent");

    [Fact]
    public void A_pod_and_a_CronJob_are_reported_too()
    {
        AssertRejected(Pods.Base(), "Pod without a name: a base is a Deployment: this kind does not get the agent");
        AssertRejected(
            Parse("""
                kind: CronJob
                metadata: { name: nightly }
                spec: { jobTemplate: { spec: { template: { metadata: { labels: { koupleless.io/inject: "true" } } } } } }
                """),
            "CronJob nightly: a base is a Deployment: this kind does not get the agent");
    }

    [Fact]
    public void A_label_on_the_Deployment_instead_of_its_template_is_reported()
    {
        var manifest = Parse(Plain);
        manifest["spec"]!["template"]!["metadata"]!["labels"]!.AsObject().Remove(InjectionKeys.Inject);
        Assert.Equal(ManifestOutcome.NotRequested, Inject(manifest).Outcome);

        manifest["metadata"]!["labels"] = new JsonObject { [InjectionKeys.Inject] = "true" };
        AssertRejected(manifest,
            "Deployment base: label koupleless.io/inject is on the Deployment and not on its pod template (spec.template.metadata.labels)");
    }

    [Fact]
    public void A_label_with_another_value_is_reported() => AssertRejected(
        Parse(Plain.Replace("\"true\"", "\"yes\"", StringComparison.Ordinal)),
        "Deployment base: label koupleless.io/inject must be \"true\" or \"false\", not \"yes\"");

    [Fact]
    public void An_excluded_namespace_is_reported()
    {
        var manifest = Parse(Plain);
        manifest["metadata"]!["namespace"] = "kube-system";
        AssertRejected(manifest, "Deployment base: pods of namespace kube-system never get the agent");
    }

    [Fact]
    public void What_prevents_the_injection_is_reported_and_the_object_stays_as_it_is()
    {
        var manifest = Parse(Plain);
        manifest["spec"]!["template"]!["spec"]!["containers"] = new JsonArray();
        AssertRejected(manifest, "Deployment base: spec.containers is empty");
    }

    [Fact]
    public void The_items_of_a_list_are_injected()
    {
        var list = new JsonObject { ["kind"] = "List", ["items"] = new JsonArray(Parse("kind: Service"), Parse(Plain)) };
        var result = Inject(list);

        Assert.Equal(ManifestOutcome.Injected, result.Outcome);
        AssertEqual(Inject(Parse(Plain)).Manifest, result.Manifest["items"]![1]!);
        AssertEqual(Parse("kind: Service"), result.Manifest["items"]![0]!);
    }

    [Theory]
    [InlineData("kind: Deployment")]
    [InlineData("{ kind: Deployment, spec: { template: none } }")]
    [InlineData("{ kind: [], spec: 1, metadata: { labels: [] } }")]
    [InlineData("{ kind: CronJob, spec: { jobTemplate: [] } }")]
    public void An_object_of_another_shape_requests_nothing(string yaml) =>
        Assert.Equal(ManifestOutcome.NotRequested, Inject(Parse(yaml)).Outcome);

    private static void AssertRejected(JsonObject manifest, string problem)
    {
        var result = Inject(manifest);

        Assert.Equal(ManifestOutcome.NotInjected, result.Outcome);
        Assert.Equal([problem], result.Problems);
        Assert.Same(manifest, result.Manifest);
    }

    private static InjectedManifest Inject(JsonObject manifest) => ManifestInjector.Inject(manifest, "shop", Pods.Options);

    private static JsonObject Parse(string yaml) => YamlDocuments.Parse(yaml)!.AsObject();

    private static void AssertEqual(JsonNode expected, JsonNode actual) =>
        Assert.True(JsonNode.DeepEquals(expected, actual), $"expected {expected.ToJsonString()}\nactual   {actual.ToJsonString()}");
}
