using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Injection;

namespace ModuleController.Core.Tests.Injection;

/// <summary>Pods that can't have the agent, or where it needs care. Each says so in its annotation.</summary>
public class InvalidPodTests
{
    [Fact]
    public void A_pod_without_containers_is_reported()
    {
        Pods.AssertNotInjected(Pods.Base(spec => spec["containers"] = new JsonArray()), "spec.containers is empty");
        Pods.AssertNotInjected(Pods.Base(spec => spec.Remove("containers")), "spec.containers is empty");
    }

    [Theory]
    [InlineData("StatefulSet", "apps/v1")]
    [InlineData("DaemonSet", "apps/v1")]
    [InlineData("Job", "batch/v1")]
    [InlineData("ReplicaSet", "other.example/v1")]
    public void A_pod_of_another_workload_is_reported_and_stays_as_it_is(string kind, string version)
    {
        var pod = Pods.Base();
        pod["metadata"]!["ownerReferences"]![0]!["kind"] = kind;
        pod["metadata"]!["ownerReferences"]![0]!["apiVersion"] = version;

        Pods.AssertNotInjected(pod, $"a base is a Deployment, and {kind} base-5d9c7b owns this pod", hasGate: false);
    }

    [Fact]
    public void A_bare_pod_is_reported_and_stays_as_it_is()
    {
        var pod = Pods.Base();
        pod["metadata"]!.AsObject().Remove("ownerReferences");
        Pods.AssertNotInjected(pod, "a base is a Deployment, and no controller owns this pod", hasGate: false);

        var owned = Pods.Base();
        owned["metadata"]!["ownerReferences"]![0]!["controller"] = false;
        Pods.AssertNotInjected(owned, "a base is a Deployment, and no controller owns this pod", hasGate: false);
    }

    /// <summary>The readiness gate of a pod without a base is never opened.</summary>
    [Theory]
    [InlineData("""{"ownerReferences":[{"kind":"Rollout","name":"canary","controller":true}],"labels":{"pod-template-hash":"5d9c7b"}}""",
        "a base is a Deployment, and Rollout canary owns ReplicaSet base-5d9c7b of this pod")]
    [InlineData("{}", "a base is a Deployment, and no Deployment owns ReplicaSet base-5d9c7b of this pod")]
    public void A_pod_of_a_ReplicaSet_without_a_Deployment_is_reported_and_stays_as_it_is(string metadata, string problem) =>
        Pods.AssertNotInjected(Pods.Base(), problem, hasGate: false, replicaSet: WithMetadata(metadata));

    [Theory]
    [InlineData("""{"ownerReferences":[{"kind":"Deployment","name":"base","controller":true}]}""")]
    [InlineData("""{"labels":{"pod-template-hash":"5d9c7b"}}""")]
    [InlineData(null)]
    public void A_ReplicaSet_that_has_just_been_created_or_will_be_adopted_is_one_of_a_Deployment(string? metadata) =>
        Assert.True(PodInjector.InjectPod(Pods.Base(), new(), name =>
        {
            Assert.Equal("base-5d9c7b", name);
            return metadata is null ? null : WithMetadata(metadata);
        }).IsInjected);

    [Theory]
    [InlineData("containers")]
    [InlineData("initContainers")]
    [InlineData("ephemeralContainers")]
    public void A_container_of_the_agents_name_is_reported(string list) => Pods.AssertNotInjected(
        Pods.Base(spec =>
        {
            if (spec[list] is not JsonArray containers) spec[list] = containers = [];
            containers.Add((JsonNode)new JsonObject { ["name"] = "agent", ["restartPolicy"] = "Always" });
        }),
        $"spec.{list} has a container named agent already");

    [Theory]
    [InlineData("agent-modules")]
    [InlineData("agent-token")]
    [InlineData("agent-ca")]
    [InlineData("agent-tmp")]
    [InlineData("agent-artifact-ca")]
    [InlineData("agent-artifact-credentials")]
    public void A_volume_of_the_agents_name_is_reported(string volume) => Pods.AssertNotInjected(
        Pods.Base(spec => spec["volumes"] = new JsonArray(new JsonObject { ["name"] = volume })),
        $"spec.volumes has a volume named {volume} already");

    [Theory]
    [InlineData("/var/lib/modulecontroller")]
    [InlineData("/var/lib/modulecontroller/")]
    [InlineData("/var/lib/modulecontroller/jars")]
    public void A_mount_at_the_agents_path_is_reported(string path) => Pods.AssertNotInjected(
        Pods.Base(spec => spec["containers"]![0]!["volumeMounts"] = Mount(path)), $"container base has a mount at {path} already");

    [Theory]
    [InlineData("/var/lib")]
    [InlineData("/var/lib/modulecontrollers")]
    public void A_mount_beside_or_above_the_agents_path_stays(string path) =>
        Pods.Injected(Pods.Base(spec => spec["containers"]![0]!["volumeMounts"] = Mount(path)));

    [Fact]
    public void A_mount_at_the_agents_path_of_another_container_stays() => Pods.Injected(
        Pods.Base(spec => spec["containers"]![1]!["volumeMounts"] = Mount("/var/lib/modulecontroller")));

    [Fact]
    public void All_conflicts_are_reported_at_once()
    {
        var result = Pods.Inject(Pods.Base(
            spec => spec["volumes"] = new JsonArray(new JsonObject { ["name"] = "agent-tmp" }, new JsonObject { ["name"] = "agent-ca" }),
            (InjectionKeys.ArkletPort, "x")));

        Assert.Equal(3, result.Problems.Count);
    }

    [Fact]
    public void On_the_host_network_the_port_and_the_resolution_of_the_controller_are_reported()
    {
        var result = Pods.Inject(Pods.Base(spec => spec["hostNetwork"] = true));

        Assert.True(result.IsInjected);
        Assert.Collection(
            result.Problems,
            problem => Assert.Contains("another port of Arklet: set annotation koupleless.io/arklet-port", problem, StringComparison.Ordinal),
            problem => Assert.Contains("dnsPolicy ClusterFirstWithHostNet", problem, StringComparison.Ordinal));
        Assert.StartsWith("injected: the pod is on the host network", Pods.Status(result.Pod), StringComparison.Ordinal);
        Pods.Injected(Pods.Base(
            spec => (spec["hostNetwork"], spec["dnsPolicy"]) = (true, "ClusterFirstWithHostNet"), (InjectionKeys.ArkletPort, "1301")));
    }

    [Fact]
    public void A_read_only_root_of_the_base_stays_and_the_agent_writes_only_to_volumes()
    {
        var pod = Pods.Injected(Pods.Base(spec =>
            spec["containers"]![0]!["securityContext"] = new JsonObject { ["readOnlyRootFilesystem"] = true }));

        Assert.True((bool?)pod["spec"]!["containers"]![0]!["securityContext"]!["readOnlyRootFilesystem"]);
        Assert.Equal(["/var/lib/modulecontroller", "/tmp"], Pods.Agent(pod)["volumeMounts"]!.AsArray()
            .Where(mount => mount!["readOnly"] is null).Select(mount => (string?)mount!["mountPath"]));
    }

    [Fact]
    public void Different_users_without_fsGroup_stay_as_they_are()
    {
        var pod = Pods.Injected(Pods.Base(spec =>
        {
            spec["securityContext"] = new JsonObject { ["runAsUser"] = 1000 };
            spec["containers"]![0]!["securityContext"] = new JsonObject { ["runAsUser"] = 2000 };
        }));

        Assert.Equal("""{"runAsUser":1000}""", pod["spec"]!["securityContext"]!.ToJsonString());
        Assert.Equal("""{"runAsUser":2000}""", pod["spec"]!["containers"]![0]!["securityContext"]!.ToJsonString());
        // The cluster may prescribe the user, so the agent names none.
        Assert.False(Pods.Agent(pod)["securityContext"]!.AsObject().ContainsKey("runAsUser"));
    }

    [Fact]
    public void In_a_pod_of_user_0_the_agent_has_the_user_of_its_image()
    {
        var pod = Pods.Injected(Pods.Base(spec => spec["securityContext"] = new JsonObject { ["runAsUser"] = 0 }));

        Assert.Equal(1654, (int?)Pods.Agent(pod)["securityContext"]!["runAsUser"]);
        Assert.Equal("""{"runAsUser":0}""", pod["spec"]!["securityContext"]!.ToJsonString());
    }

    [Fact]
    public void The_agent_does_not_run_on_Windows() => Pods.AssertNotInjected(
        Pods.Base(spec => spec["os"] = new JsonObject { ["name"] = "windows" }), "the agent does not run on Windows");

    [Fact]
    public void A_pod_of_1_MB_keeps_all_of_it_and_its_patch_is_small()
    {
        var pod = Pods.Base(spec => spec["containers"]![1]!["env"] = new JsonArray([.. Enumerable.Range(0, 10_000).Select(index =>
            (JsonNode)new JsonObject { ["name"] = $"V{index}", ["value"] = new string('x', 75) })]));
        Assert.True(pod.ToJsonString().Length > 1_000_000);

        var injected = Pods.Injected(pod);

        Assert.True(JsonNode.DeepEquals(pod["spec"]!["containers"]![1], injected["spec"]!["containers"]![1]));
        Assert.InRange(InjectionPatch.Between(pod, injected).ToJsonString().Length, 1, 5000);
    }

    [Theory]
    [InlineData("""{}""", "spec is missing")]
    [InlineData("""{"spec":[]}""", "spec is not an object")]
    [InlineData("""{"metadata":"","spec":{}}""", "metadata is not an object")]
    [InlineData("""{"spec":{"containers":{}}}""", "containers is not a list of objects")]
    [InlineData("""{"spec":{"containers":["base"]}}""", "containers is not a list of objects")]
    [InlineData("""{"spec":{"containers":[{"env":{"A":"b"}}]}}""", "env is not a list of objects")]
    [InlineData("""{"spec":{"volumes":1,"containers":[{}]}}""", "volumes is not a list of objects")]
    [InlineData("""{"metadata":{"annotations":{"koupleless.io/arklet-port":1238}},"spec":{}}""",
        "annotations[koupleless.io/arklet-port] is not a string: write it with quotes")]
    public void JSON_that_is_no_pod_is_reported_and_stays_as_it_is(string json, string problem)
    {
        var pod = Pods.Parse(json);

        var result = PodInjector.InjectTemplate(pod, Pods.Options);

        Assert.Equal([problem], result.Problems);
        Assert.Same(pod, result.Pod);
        Assert.Equal([problem], PodInjector.InjectPod(pod, Pods.Options).Problems);
    }

    private static JsonArray Mount(string path) => new(new JsonObject { ["name"] = "data", ["mountPath"] = path });

    private static ReplicaSet WithMetadata(string metadata) =>
        JsonSerializer.Deserialize($$"""{"metadata":{{metadata}}}""", BuiltinJson.Default.ReplicaSet)!;
}
