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
    public void One_label_yields_the_agent_of_the_example()
    {
        var example = YamlDocuments.Read("deploy/examples/base.yaml").Single(document => (string?)document["kind"] == "Deployment");
        var expectedPod = example["spec"]!["template"]!["spec"]!.AsObject();
        var expected = expectedPod["initContainers"]![0]!.AsObject();
        // The example sets these for the whole pod, and no CPU limit.
        expected["securityContext"]!["runAsNonRoot"] = expectedPod["securityContext"]!["runAsNonRoot"]!.DeepClone();
        expected["securityContext"]!["seccompProfile"] = expectedPod["securityContext"]!["seccompProfile"]!.DeepClone();
        expected["resources"]!["limits"]!["cpu"] = Pods.Options.Resources.CpuLimit;

        var pod = Inject(Parse(Plain)).Manifest["spec"]!["template"]!["spec"]!.AsObject();

        AssertEqual(WithNamesOfInjection(expected), Pods.Agent(new() { ["spec"] = pod.DeepClone() }));
        AssertEqual(expectedPod["readinessGates"]!, pod["readinessGates"]!);
        AssertEqual(
            WithNamesOfInjection(expectedPod["containers"]![0]!["volumeMounts"]![0]!), pod["containers"]![0]!["volumeMounts"]![0]!);
        foreach (var name in (string[])["modules", "agent-tmp", "agent-token"])
            AssertEqual(WithNamesOfInjection(Volume(expectedPod, name)), Volume(pod, (string)WithNamesOfInjection(name)!));
        Assert.Equal((string?)Volume(expectedPod, "controller-ca")["configMap"]!["name"],
            (string?)Volume(pod, "agent-ca")["projected"]!["sources"]![0]!["configMap"]!["name"]);
    }

    [Fact]
    public void The_example_itself_has_an_agent_and_stays_as_it_is()
    {
        foreach (var document in YamlDocuments.Read("deploy/examples/base.yaml"))
        {
            if (document["spec"]?["template"] is { } template) template["metadata"]!["labels"]![InjectionKeys.Inject] = "true";
            Assert.True(JsonNode.DeepEquals(document, Inject(document).Manifest));
        }
    }

    [Fact]
    public void Only_the_pod_template_changes_and_a_second_pass_changes_nothing()
    {
        var manifest = Parse(Plain);
        var first = Inject(manifest);

        Assert.Equal(ManifestOutcome.Injected, first.Outcome);
        Assert.All(JsonPatch.Between(manifest, first.Manifest),
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

    private static JsonNode Volume(JsonObject podSpec, string name) =>
        podSpec["volumes"]!.AsArray().Single(volume => (string?)volume!["name"] == name)!;

    private static JsonNode WithNamesOfInjection(JsonNode node) => JsonNode.Parse(node.ToJsonString()
        .Replace("\"modules\"", "\"agent-modules\"", StringComparison.Ordinal)
        .Replace("\"controller-ca\"", "\"agent-ca\"", StringComparison.Ordinal))!;

    private static void AssertEqual(JsonNode expected, JsonNode actual) =>
        Assert.True(JsonNode.DeepEquals(expected, actual), $"expected {expected.ToJsonString()}\nactual   {actual.ToJsonString()}");
}
