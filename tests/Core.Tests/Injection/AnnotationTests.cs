using System.Text.Json.Nodes;
using ModuleController.Core.Injection;

namespace ModuleController.Core.Tests.Injection;

/// <summary>What annotations of a pod select, and what an invalid one says.</summary>
public class AnnotationTests
{
    [Fact]
    public void An_annotation_names_the_base_container()
    {
        var pod = Injected((InjectionKeys.BaseContainer, "proxy"));

        Assert.Null(pod["spec"]!["containers"]![0]!["volumeMounts"]);
        Assert.Single(pod["spec"]!["containers"]![1]!["volumeMounts"]!.AsArray());
    }

    [Theory]
    [InlineData("bsae")]
    [InlineData("")]
    public void A_name_of_no_container_is_reported(string name) => Pods.AssertNotInjected(
        Pods.Base(null, (InjectionKeys.BaseContainer, name)),
        $"annotation koupleless.io/base-container must name a container of spec.containers, not \"{name}\"");

    [Fact]
    public void An_annotation_sets_the_port_of_Arklet() =>
        Assert.Equal("1301", Pods.Variable(Pods.Agent(Injected((InjectionKeys.ArkletPort, "1301"))), "ARKLET_PORT"));

    [Theory]
    [InlineData("0")]
    [InlineData("65536")]
    [InlineData("-1")]
    [InlineData(" 1238")]
    [InlineData("arklet")]
    [InlineData("")]
    public void An_invalid_port_is_reported(string port) => Pods.AssertNotInjected(
        Pods.Base(null, (InjectionKeys.ArkletPort, port)),
        $"annotation koupleless.io/arklet-port must be a port from 1 to 65535, not \"{port}\"");

    [Fact]
    public void An_annotation_sets_the_image()
    {
        Assert.Equal("registry.example:5000/agent@sha256:0a1b",
            (string?)Pods.Agent(Injected((InjectionKeys.AgentImage, "registry.example:5000/agent@sha256:0a1b")))["image"]);
        Pods.AssertNotInjected(
            Pods.Base(null, (InjectionKeys.AgentImage, "an image")),
            "annotation koupleless.io/agent-image must be an image, not \"an image\"");
    }

    [Theory]
    [InlineData(null, null, "10m", "500m")]
    [InlineData("100m", "1", "100m", "1")]
    [InlineData("2", null, "2", "2")]
    [InlineData(null, "5m", "5m", "5m")]
    [InlineData("0.5", "500m", "0.5", "500m")]
    public void Annotations_set_requests_and_limits_and_no_request_is_above_its_limit(
        string? request, string? limit, string expectedRequest, string expectedLimit)
    {
        var resources = Pods.Agent(Injected((InjectionKeys.CpuRequest, request), (InjectionKeys.CpuLimit, limit)))["resources"]!;

        Assert.Equal((expectedRequest, expectedLimit), ((string?)resources["requests"]!["cpu"], (string?)resources["limits"]!["cpu"]));
        Assert.Equal("24Mi", (string?)resources["requests"]!["memory"]);
    }

    [Fact]
    public void A_request_above_the_annotated_limit_is_reported() => Pods.AssertNotInjected(
        Pods.Base(null, (InjectionKeys.MemoryRequest, "1Gi"), (InjectionKeys.MemoryLimit, "999Mi")),
        "annotation koupleless.io/agent-memory-request is above koupleless.io/agent-memory-limit: 1Gi and 999Mi");

    [Theory]
    [InlineData("0")]
    [InlineData("64mb")]
    [InlineData("-1")]
    [InlineData("1e3")]
    public void An_invalid_quantity_is_reported(string quantity) => Pods.AssertNotInjected(
        Pods.Base(null, (InjectionKeys.MemoryLimit, quantity)),
        $"annotation koupleless.io/agent-memory-limit must be a quantity above 0 such as 250m or 64Mi, not \"{quantity}\"");

    [Fact]
    public void An_annotation_turns_the_gate_off()
    {
        Assert.False(Pods.HasGate(Injected((InjectionKeys.ReadinessGate, "false"))));
        Pods.AssertNotInjected(
            Pods.Base(null, (InjectionKeys.ReadinessGate, "off")),
            "annotation koupleless.io/readiness-gate must be \"true\" or \"false\", not \"off\"");
        Pods.AssertNotInjected(
            Pods.Base(null, (InjectionKeys.ReadinessGate, "false"), (InjectionKeys.BaseContainer, "none")),
            "annotation koupleless.io/base-container must name a container of spec.containers, not \"none\"", hasGate: false);
    }

    [Fact]
    public void Artifact_settings_reach_only_the_agent()
    {
        var pod = Injected(
            (InjectionKeys.ArtifactCa, "company-ca"), (InjectionKeys.ArtifactCredentials, "nexus"),
            (InjectionKeys.ArtifactProxy, "http://proxy.example:3128"));

        var agent = Pods.Agent(pod);
        Assert.Equal("/etc/ssl/certs:/var/run/modulecontroller/artifact-ca", Pods.Variable(agent, "SSL_CERT_DIR"));
        Assert.Equal("/var/run/modulecontroller/artifact-credentials/netrc", Pods.Variable(agent, "ARTIFACT_CREDENTIALS"));
        Assert.Equal("http://proxy.example:3128", Pods.Variable(agent, "HTTP_PROXY"));
        Assert.Equal("http://proxy.example:3128", Pods.Variable(agent, "HTTPS_PROXY"));
        var volumes = pod["spec"]!["volumes"]!.ToJsonString();
        Assert.Contains("""{"configMap":{"name":"company-ca","optional":true}}""", volumes, StringComparison.Ordinal);
        Assert.Contains("""{"secret":{"name":"nexus","optional":true}}""", volumes, StringComparison.Ordinal);
        var containers = pod["spec"]!["containers"]!.ToJsonString();
        Assert.DoesNotContain("artifact", containers, StringComparison.Ordinal);
        Assert.DoesNotContain("PROXY", containers, StringComparison.Ordinal);
        Assert.Equal(6, pod["spec"]!["volumes"]!.AsArray().Count);
    }

    [Theory]
    [InlineData(InjectionKeys.ArtifactCa, "Company", "the name of a ConfigMap", "Company")]
    [InlineData(InjectionKeys.ArtifactCredentials, "", "the name of a Secret", "")]
    [InlineData(InjectionKeys.ArtifactProxy, "proxy:3128", "a url such as http://proxy:3128", "proxy:3128")]
    [InlineData(InjectionKeys.ArtifactProxy, "ftp://me:secret@proxy/", "a url such as http://proxy:3128", "proxy/")]
    [InlineData(InjectionKeys.ArtifactProxy, "build:secret@proxy:3128", "a url such as http://proxy:3128", "proxy:3128")]
    [InlineData(InjectionKeys.ArtifactProxy, "build:sec?ret@proxy:3128", "a url such as http://proxy:3128", "proxy:3128")]
    public void An_invalid_artifact_setting_is_reported_without_secrets(string name, string value, string expected, string shown) =>
        Pods.AssertNotInjected(Pods.Base(null, (name, value)), $"annotation {name} must be {expected}, not \"{shown}\"");

    [Fact]
    public void A_long_value_is_shortened_in_the_report() =>
        Assert.InRange(Pods.Status(Pods.Inject(Pods.Base(null, (InjectionKeys.AgentImage, new string('x', 200_000)))).Pod)!.Length, 1, 300);

    [Fact]
    public void The_status_of_an_earlier_attempt_is_replaced() => Assert.Equal(
        "injected", Pods.Status(Injected((InjectionKeys.Status, "not injected: spec.containers is empty"))));

    private static JsonObject Injected(params (string Name, string? Value)[] annotations) =>
        Pods.Injected(Pods.Base(null, [.. annotations.Where(item => item.Value is not null).Select(item => (item.Name, item.Value!))]));
}
