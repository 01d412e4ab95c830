using System.Text.Json.Nodes;
using ModuleController.Core.Injection;

namespace ModuleController.Core.Tests.Injection;

/// <summary>What a pod gets, and that nothing else changes.</summary>
public class InjectionTests
{
    [Fact]
    public void The_agent_is_a_native_sidecar_and_the_last_init_container()
    {
        var pod = Pods.Injected(Pods.Base(spec => spec["initContainers"] = new JsonArray(new JsonObject { ["name"] = "migrate" })));

        Assert.Equal(["migrate", "agent"], pod["spec"]!["initContainers"]!.AsArray().Select(container => (string?)container!["name"]));
        var agent = Pods.Agent(pod);
        Assert.Equal("Always", (string?)agent["restartPolicy"]);
        Assert.False(agent.ContainsKey("startupProbe"));
        Assert.Equal("""["/agent","ready"]""", agent["readinessProbe"]!["exec"]!["command"]!.ToJsonString());
    }

    [Fact]
    public void Its_requests_and_limits_name_cpu_and_memory() => Assert.Equal(
        """{"requests":{"cpu":"10m","memory":"24Mi"},"limits":{"cpu":"500m","memory":"64Mi"}}""",
        Pods.Agent(Pods.Injected(Pods.Base()))["resources"]!.ToJsonString());

    [Fact]
    public void Its_security_context_complies_with_restricted_whatever_the_pod_sets() => Assert.Equal(
        """
        {"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"runAsNonRoot":true,"capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"}}
        """,
        Pods.Agent(Pods.Injected(Pods.Base()))["securityContext"]!.ToJsonString());

    [Fact]
    public void The_base_container_mounts_the_shared_volume_read_only_at_the_agents_path()
    {
        var pod = Pods.Injected(Pods.Base());

        var agent = Pods.Agent(pod);
        var mount = Assert.Single(pod["spec"]!["containers"]![0]!["volumeMounts"]!.AsArray())!;
        Assert.Equal(Pods.Variable(agent, "STATE_DIR"), (string?)mount["mountPath"]);
        Assert.True((bool?)mount["readOnly"]);
        var own = agent["volumeMounts"]!.AsArray().Single(item => (string?)item!["name"] == (string?)mount["name"])!;
        Assert.Equal((string?)mount["mountPath"], (string?)own["mountPath"]);
        Assert.Null(own["readOnly"]);
        Assert.Null(pod["spec"]!["containers"]![1]!["volumeMounts"]);
    }

    [Fact]
    public void The_token_has_our_audience_and_only_the_agent_has_it()
    {
        var pod = PodInjector.InjectPod(Pods.Base(), Pods.Options with { Audience = "agents" }).Pod;

        Assert.Equal("""{"audience":"agents","expirationSeconds":3600,"path":"token"}""",
            Source(pod, "agent-token")["serviceAccountToken"]!.ToJsonString());
        Assert.Equal("/var/run/modulecontroller/token/token", Pods.Variable(Pods.Agent(pod), "TOKEN_FILE"));
        Assert.DoesNotContain("agent-token", pod["spec"]!["containers"]!.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_pod_starts_without_the_ConfigMap_of_the_authority_and_receives_it_later()
    {
        var pod = PodInjector.InjectPod(Pods.Base(), Pods.Options with { CaConfigMap = "trusted" }).Pod;

        var source = Source(pod, "agent-ca")["configMap"]!;
        Assert.Equal(("trusted", true), ((string?)source["name"], (bool?)source["optional"]));
        var mount = Pods.Agent(pod)["volumeMounts"]!.AsArray().Single(mount => (string?)mount!["name"] == "agent-ca")!.AsObject();
        // A kubelet does not refresh a file that is mounted by subPath.
        Assert.False(mount.ContainsKey("subPath"));
        Assert.Equal($"{(string?)mount["mountPath"]}/ca.crt", Pods.Variable(Pods.Agent(pod), "CA_FILE"));
    }

    [Fact]
    public void The_readiness_gate_is_on_and_exists_once()
    {
        Assert.True(Pods.HasGate(Pods.Injected(Pods.Base())));
        var pod = Pods.Injected(Pods.Base(spec =>
            spec["readinessGates"] = new JsonArray(new JsonObject { ["conditionType"] = "koupleless.io/modules-ready" })));
        Assert.Single(pod["spec"]!["readinessGates"]!.AsArray());
    }

    [Fact]
    public void The_annotation_says_that_the_pod_is_injected() =>
        Assert.Equal("injected", Pods.Status(Pods.Injected(Pods.Base())));

    [Fact]
    public void Nothing_else_changes_and_unknown_fields_stay()
    {
        var pod = Pods.Base(spec =>
        {
            spec["fieldOfTomorrow"] = new JsonObject { ["number"] = 1.50m };
            spec["volumes"] = new JsonArray(new JsonObject { ["name"] = "data", ["kindOfTomorrow"] = new JsonObject() });
        });
        var before = pod.ToJsonString();

        var result = Pods.Inject(pod);

        Assert.Equal(before, pod.ToJsonString());
        Assert.Equal(
            [
                ("add", "/metadata/annotations/koupleless.io~1injection-status"), ("add", "/spec/readinessGates"),
                ("add", "/spec/initContainers"), ("add", "/spec/volumes/-"), ("add", "/spec/volumes/-"), ("add", "/spec/volumes/-"),
                ("add", "/spec/volumes/-"), ("add", "/spec/containers/0/volumeMounts"),
            ],
            InjectionPatch.Between(pod, result.Pod).Select(change => ((string?)change!["op"], (string?)change["path"])));
    }

    [Fact]
    public void A_pod_with_an_agent_written_by_hand_stays_as_it_is()
    {
        var pod = Pods.Injected(Pods.Base());
        pod["metadata"]!["annotations"]!.AsObject().Clear();
        pod["spec"]!.AsObject().Remove("readinessGates");

        var result = Pods.Inject(pod);

        Assert.True(result.IsInjected);
        Assert.Same(pod, result.Pod);
    }

    [Fact]
    public void A_second_pass_changes_nothing_also_after_another_webhook_added_a_container()
    {
        var pod = Pods.Injected(Pods.Base());
        pod["spec"]!["initContainers"]!.AsArray().Add((JsonNode)new JsonObject { ["name"] = "mesh" });

        Assert.Same(pod, PodInjector.InjectPod(pod, Pods.Options with { AgentImage = "newer" }).Pod);
    }

    private static JsonNode Source(JsonObject pod, string volume) => Assert.Single(pod["spec"]!["volumes"]!.AsArray()
        .Single(item => (string?)item!["name"] == volume)!["projected"]!["sources"]!.AsArray())!;
}
