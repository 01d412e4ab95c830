using System.Text.Json.Nodes;
using ModuleController.Core.Injection;

namespace ModuleController.Core.Tests.Crds;

/// <summary>What can be said of the files of deploy/ without a cluster.</summary>
public class DeployTests
{
    private static readonly string[] Verbs =
        ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

    public static TheoryData<string> Manifests => [.. RepositoryFiles.DeployManifests()];

    [Theory, MemberData(nameof(Manifests))]
    public void A_file_holds_objects_with_a_kind_and_a_name(string file)
    {
        var documents = YamlDocuments.Read(file);

        Assert.NotEmpty(documents);
        Assert.All(documents, document => Assert.All(
            new[] { document["apiVersion"], document["kind"], document["metadata"]?["name"] },
            text => Assert.False(string.IsNullOrEmpty((string?)text))));
    }

    [Theory, InlineData("namespace"), InlineData("crds"), InlineData("controller")]
    public void A_kustomization_applies_every_file_of_its_folder(string folder)
    {
        Assert.Equal(RepositoryFiles.DeployManifests(folder).Select(file => Path.GetFileName(file)).Order(), Resources($"deploy/{folder}")
            .Order());
    }

    [Fact]
    public void Namespace_kinds_and_controller_are_applied_together() =>
        Assert.Equal(["namespace", "crds", "controller"], Resources("deploy"));

    /// <summary>A patch by position goes wrong silently when a file changes.</summary>
    [Fact]
    public void The_component_for_metrics_patches_the_container_and_the_rule_for_the_HTTP_port()
    {
        Assert.Equal(["reader-role.yaml", "role.yaml"], Resources("deploy/metrics").Order());
        var policy = YamlDocuments.Read("deploy/controller/network-policy.yaml").Single();
        Assert.Equal("http", (string?)policy["spec"]!["ingress"]![1]!["ports"]![0]!["port"]);
        var pod = YamlDocuments.Read("deploy/controller/deployment.yaml").Single()["spec"]!["template"]!;
        Assert.Equal("8080", (string?)pod["metadata"]!["annotations"]!["prometheus.io/port"]);
        Assert.Equal("controller", (string?)pod["spec"]!["containers"]![0]!["name"]);
    }

    [Fact]
    public void The_component_for_the_artifact_policy_adds_to_lists_that_the_controller_has()
    {
        var pod = YamlDocuments.Read("deploy/controller/deployment.yaml").Single()["spec"]!["template"]!["spec"]!;
        var container = pod["containers"]![0]!;
        Assert.Equal("controller", (string?)container["name"]);
        Assert.All(new[] { container["args"], container["volumeMounts"], pod["volumes"] }, list => Assert.NotEmpty(list!.AsArray()));
    }

    [Fact]
    public void The_component_for_the_control_API_opens_its_port_everywhere()
    {
        Assert.Equal(["role.yaml"], Resources("deploy/control"));
        var patches = YamlDocuments.Read("deploy/control/kustomization.yaml").Single()["patches"]!.AsArray();
        Assert.Equal(["Deployment", "Service", "NetworkPolicy"], patches.Select(patch => (string?)patch!["target"]!["kind"]));
        Assert.All(patches, patch =>
        {
            Assert.Equal("modulecontroller", (string?)patch!["target"]!["name"]);
            Assert.Contains("control", (string?)patch["patch"], StringComparison.Ordinal);
        });
    }

    [Fact]
    public void The_component_for_verbs_adds_to_the_configuration_of_webhooks_that_the_leader_completes()
    {
        var names = (string file) => YamlDocuments.Read(file).Where(item => (string?)item["kind"] == "ValidatingWebhookConfiguration")
            .Select(item => (string?)item["metadata"]!["name"]);
        Assert.Equal(names("deploy/controller/webhooks.yaml"), names("deploy/authorize-verbs/webhooks.yaml"));
        Assert.Equal(["role.yaml"], Resources("deploy/authorize-verbs"));
        var container = YamlDocuments.Read("deploy/controller/deployment.yaml").Single()["spec"]!["template"]!["spec"]!["containers"]![0]!;
        Assert.Contains("--webhook-port", Strings(container["args"]));
    }

    /// <summary>What outlives a removal of the controller: the kinds with their objects, and the namespace with the Lease.</summary>
    [Fact]
    public void The_controller_is_removed_without_its_namespace_Lease_and_kinds()
    {
        var kinds = RepositoryFiles.DeployManifests("controller").SelectMany(YamlDocuments.Read)
            .Select(document => (string?)document["kind"]);

        Assert.Empty(kinds.Intersect(["Namespace", "Lease", "CustomResourceDefinition", "Secret"]));
    }

    [Fact]
    public void Rights_are_spelled_out()
    {
        var rules = RepositoryFiles.DeployManifests("controller").SelectMany(YamlDocuments.Read)
            .Where(document => (string?)document["kind"] is "ClusterRole" or "Role")
            .SelectMany(role => role["rules"]!.AsArray());

        Assert.All(rules, rule =>
        {
            Assert.All(Strings(rule!["verbs"]), verb => Assert.Contains(verb, Verbs));
            // A rule is about resources or about paths.
            string[] named = rule["nonResourceURLs"] is { } paths
                ? [.. Strings(paths)]
                : [.. Strings(rule["resources"]), .. Strings(rule["apiGroups"])];
            Assert.NotEmpty(named);
            Assert.DoesNotContain("*", named);
        });
    }

    /// <summary>README's first command shows what a user does, without exceptions.</summary>
    [Theory]
    [InlineData("deploy/demo/base.yaml")]
    [InlineData("deploy/demo/base-jvm.yaml")]
    public void The_base_of_the_demo_has_one_label_and_nothing_else_of_ours(string file)
    {
        var template = YamlDocuments.Read(file).Single()["spec"]!["template"]!.AsObject();

        Assert.Single(File.ReadLines(RepositoryFiles.PathOf(file)), line => line.Contains("koupleless", StringComparison.Ordinal));
        Assert.Equal("true", (string?)template["metadata"]!["labels"]![InjectionKeys.Inject]);
        Assert.Null(template["spec"]!["initContainers"]);
        Assert.Empty(PodInjector.InjectTemplate(template, new()).Problems);
    }

    [Fact]
    public void The_controller_of_the_demo_has_certificates_and_is_reached_through_the_Service()
    {
        var service = YamlDocuments.Read("deploy/controller/service.yaml").Single();
        var pod = YamlDocuments.Read("deploy/demo/controller.yaml").Single()["spec"]!["template"]!;
        var container = pod["spec"]!["containers"]![0]!;

        Assert.DoesNotContain(Strings(container["args"]), flag => flag is "--insecure-agents" or "--plaintext-agents");
        Assert.All(service["spec"]!["selector"]!.AsObject(), label =>
            Assert.Equal((string?)label.Value, (string?)pod["metadata"]!["labels"]![label.Key]));
        Assert.Subset(
            container["ports"]!.AsArray().Select(port => (string)port!["name"]!).ToHashSet(),
            service["spec"]!["ports"]!.AsArray().Select(port => (string)port!["targetPort"]!).ToHashSet());
    }

    [Fact]
    public void Injected_agents_have_a_token_for_this_controller_only()
    {
        var template = YamlDocuments.Read("deploy/examples/base.yaml").Single()["spec"]!["template"]!.AsObject();
        var pod = PodInjector.InjectTemplate(template, new()).Pod["spec"]!;
        var token = pod["volumes"]!.AsArray().Select(volume => volume!["projected"]?["sources"]?[0]?["serviceAccountToken"])
            .Single(source => source is not null)!;
        var controller = YamlDocuments.Read("deploy/controller/deployment.yaml").Single();
        var flags = Strings(controller["spec"]!["template"]!["spec"]!["containers"]![0]!["args"]).ToList();

        Assert.Equal((string?)token["audience"], flags[flags.IndexOf("--agent-audience") + 1]);
        Assert.DoesNotContain("--insecure-agents", flags);
        Assert.False((bool?)pod["automountServiceAccountToken"]);
    }

    [Fact]
    public void The_example_has_one_label_and_nothing_of_the_agent()
    {
        var template = YamlDocuments.Read("deploy/examples/base.yaml").Single()["spec"]!["template"]!;

        Assert.Equal("true", (string?)template["metadata"]!["labels"]![InjectionKeys.Inject]);
        Assert.Null(template["spec"]!["initContainers"]);
        Assert.Single(template["spec"]!["containers"]!.AsArray());
        Assert.Null(template["spec"]!["readinessGates"]);
    }

    [Fact]
    public void The_controller_may_open_the_gate_of_injected_pods()
    {
        var role = YamlDocuments.Read("deploy/controller/cluster-role.yaml").Single(document => (string?)document["kind"] == "ClusterRole");

        Assert.Contains(role["rules"]!.AsArray(), rule =>
            Strings(rule!["resources"]).SequenceEqual(["pods/status"]) && Strings(rule["verbs"]).SequenceEqual(["patch"]));
    }

    /// <summary>The API server calls a Service and a port that exist, and a path that the controller serves.</summary>
    [Fact]
    public void Webhooks_reach_the_controller_through_its_Service()
    {
        var service = YamlDocuments.Read("deploy/controller/service.yaml").Single();
        var container = YamlDocuments.Read("deploy/controller/deployment.yaml").Single()["spec"]!["template"]!["spec"]!["containers"]![0]!;
        var flags = Strings(container["args"]).ToList();
        var webhooks = YamlDocuments.Read("deploy/controller/webhooks.yaml").SelectMany(document => document["webhooks"]!.AsArray()).ToList();

        Assert.All(webhooks, webhook =>
        {
            var client = webhook!["clientConfig"]!;
            Assert.Equal((string?)service["metadata"]!["name"], (string?)client["service"]!["name"]);
            Assert.Equal((string?)service["metadata"]!["namespace"], (string?)client["service"]!["namespace"]);
            // The leader writes it. A manifest with one would set an old one back.
            Assert.Null(client["caBundle"]);
            Assert.InRange((int)webhook["timeoutSeconds"]!, 1, 5);
        });
        var port = service["spec"]!["ports"]!.AsArray().Single(item => (int)item!["port"]! == 443)!;
        var target = container["ports"]!.AsArray().Single(item => (string?)item!["name"] == (string?)port["targetPort"])!;
        Assert.Equal($"{target["containerPort"]}", flags[flags.IndexOf("--webhook-port") + 1]);
    }

    /// <summary>A name in an expression is not changed by kustomize: README.md names this one.</summary>
    [Fact]
    public void Writes_of_the_controller_are_not_sent_to_the_webhook_of_our_kinds()
    {
        var account = YamlDocuments.Read("deploy/controller/service-account.yaml").Single()["metadata"]!;
        var webhook = YamlDocuments.Read("deploy/controller/webhooks.yaml").SelectMany(document => document["webhooks"]!.AsArray())
            .Single(item => (string?)item!["name"] == "validate.koupleless.io")!;

        Assert.Contains(
            $"request.userInfo.username != 'system:serviceaccount:{account["namespace"]}:{account["name"]}'",
            webhook["matchConditions"]!.AsArray().Select(condition => (string?)condition!["expression"]));
        Assert.Equal("Ignore", (string?)webhook["failurePolicy"]);
        Assert.Equal(["CREATE", "UPDATE"], Strings(webhook["rules"]![0]!["operations"]));
        Assert.Equal(
            Strings(YamlDocuments.Read("deploy/crds/kustomization.yaml").Single()["resources"]).Select(file => file[..^".yaml".Length]).Order(),
            Strings(webhook["rules"]![0]!["resources"]).Order());
    }

    [Fact]
    public void The_controller_may_read_the_Events_that_it_counts_up()
    {
        var role = YamlDocuments.Read("deploy/controller/cluster-role.yaml").Single(document => (string?)document["kind"] == "ClusterRole");
        var rule = Assert.Single(
            role["rules"]!.AsArray(), rule => rule!["resources"] is { } resources && Strings(resources).Contains("events"));
        Assert.Equal([""], Strings(rule!["apiGroups"]));
        Assert.Equal(["create", "get", "patch"], Strings(rule["verbs"]).Order());
    }

    private static IEnumerable<string> Resources(string folder) =>
        Strings(YamlDocuments.Read($"{folder}/kustomization.yaml").Single()["resources"]);

    private static IEnumerable<string> Strings(JsonNode? list) => list!.AsArray().Select(text => (string)text!);
}
