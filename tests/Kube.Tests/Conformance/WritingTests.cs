using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Conformance;

public sealed class WritingTests(ConformanceCluster cluster)
{
    [Fact]
    public async Task A_created_object_has_uid_version_and_time()
    {
        var created = await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(cluster.NewName()));
        Assert.True(Guid.TryParse(created.Text("metadata", "uid"), out _));
        Assert.False(string.IsNullOrEmpty(created.Text("metadata", "resourceVersion")));
        Assert.EndsWith("Z", created.Text("metadata", "creationTimestamp"));
        Assert.Equal(cluster.Namespace, created.Text("metadata", "namespace"));
    }

    [Fact]
    public async Task Creating_what_exists_is_409_AlreadyExists()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(name));
        var again = await cluster.PostAsync(cluster.ConfigMaps, Objects.ConfigMap(name));
        Assert.Equal((409, "AlreadyExists"), (again.Code, again.Reason));
        Assert.Equal(name, again.Body.Text("details", "name"));
    }

    [Fact]
    public async Task Reading_or_changing_a_missing_object_is_404()
    {
        var path = $"{cluster.ConfigMaps}/{cluster.NewName()}";
        foreach (var answer in (Answer[])[await cluster.GetAsync(path), await cluster.PatchAsync(path, "{}"),
            await cluster.DeleteAsync(path)])
            Assert.Equal((404, "NotFound"), (answer.Code, answer.Reason));
    }

    [Fact]
    public async Task A_generated_name_starts_with_its_prefix()
    {
        var body = new JsonObject { ["metadata"] = new JsonObject { ["generateName"] = "made-" } };
        var created = await cluster.CreateAsync(cluster.ConfigMaps, body);
        Assert.Matches("^made-[a-z0-9]{5}$", created.Text("metadata", "name"));
    }

    [Fact]
    public async Task A_body_that_names_another_object_is_400()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(name));
        Assert.Equal(400, (await cluster.PutAsync($"{cluster.ConfigMaps}/{name}", Objects.ConfigMap("other"))).Code);
        var elsewhere = Objects.ConfigMap("other");
        elsewhere["metadata"]!["namespace"] = "elsewhere";
        Assert.Equal(400, (await cluster.PostAsync(cluster.ConfigMaps, elsewhere)).Code);
    }

    [Fact]
    public async Task An_update_of_an_old_version_is_409()
    {
        var name = cluster.NewName();
        var old = await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(name));
        await cluster.PatchAsync($"{cluster.ConfigMaps}/{name}", """{"data": {"a": "2"}}""");
        var late = await cluster.PutAsync($"{cluster.ConfigMaps}/{name}", old);
        Assert.Equal((409, "Conflict"), (late.Code, late.Reason));
    }

    [Fact]
    public async Task A_write_that_changes_nothing_keeps_the_version()
    {
        var name = cluster.NewName();
        var created = await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(name));
        var version = created.Text("metadata", "resourceVersion");
        Assert.Equal(version, (await cluster.PatchAsync($"{cluster.ConfigMaps}/{name}", """{"data": {"a": "1"}}""")).Version);
        Assert.Equal(version, (await cluster.PutAsync($"{cluster.ConfigMaps}/{name}", created)).Version);
    }

    [Fact]
    public async Task A_dry_run_is_answered_and_changes_nothing()
    {
        var name = cluster.NewName();
        Assert.Equal(201, (await cluster.PostAsync($"{cluster.ConfigMaps}?dryRun=All", Objects.ConfigMap(name))).Code);
        Assert.Equal(404, (await cluster.GetAsync($"{cluster.ConfigMaps}/{name}")).Code);
        await cluster.CreateAsync(cluster.ConfigMaps, Objects.ConfigMap(name));
        Assert.Equal("2", (await cluster.PatchAsync($"{cluster.ConfigMaps}/{name}?dryRun=All", """{"data": {"a": "2"}}""")).Body.Text("data", "a"));
        Assert.Equal(200, (await cluster.DeleteAsync($"{cluster.ConfigMaps}/{name}?dryRun=All")).Code);
        Assert.Equal(200, (await cluster.DeleteAsync($"{cluster.ConfigMaps}/{name}", JsonNode.Parse("""{"dryRun": ["All"]}"""))).Code);
        Assert.Equal("1", (await cluster.GetAsync($"{cluster.ConfigMaps}/{name}")).Body.Text("data", "a"));
    }

    [Fact]
    public async Task Strict_field_validation_names_the_unknown_field()
    {
        var body = Objects.Deployment(cluster.NewName());
        body["spec"]!["template"]!["spec"]!["containers"]![0]!["imag"] = "x";
        var strict = await cluster.PostAsync($"{cluster.Deployments}?fieldValidation=Strict", body);
        Assert.Equal(400, strict.Code);
        Assert.Contains("unknown field \"spec.template.spec.containers[0].imag\"", strict.Message);
        var widget = await cluster.PostAsync($"{cluster.Widgets}?fieldValidation=Strict", Objects.Widget(cluster.NewName(), """{"size": 1, "colour": 2}"""));
        Assert.Equal(400, widget.Code);
        Assert.Contains("unknown field \"spec.colour\"", widget.Message);
    }

    [Fact]
    public async Task Otherwise_unknown_fields_are_dropped_with_a_warning()
    {
        var answer = await cluster.PostAsync(cluster.Widgets, Objects.Widget(cluster.NewName(), """{"size": 1, "colour": 2}"""));
        Assert.Equal(201, answer.Code);
        Assert.Null(answer.Body.At("spec", "colour"));
        Assert.Contains("unknown field", answer.Headers.GetValues("Warning").Single());
        var ignored = await cluster.PostAsync($"{cluster.Widgets}?fieldValidation=Ignore", Objects.Widget(cluster.NewName(), """{"size": 1, "colour": 2}"""));
        Assert.False(ignored.Headers.Contains("Warning"));
    }

    [Fact]
    public async Task A_value_of_the_wrong_type_in_a_builtin_is_400()
    {
        var body = Objects.Deployment(cluster.NewName());
        body["spec"]!["replicas"] = "three";
        Assert.Equal(400, (await cluster.PostAsync(cluster.Deployments, body)).Code);
    }

    [Fact]
    public async Task Missing_fields_of_builtins_are_422_and_named()
    {
        var pod = await cluster.PostAsync(cluster.Pods, JsonNode.Parse("""{"metadata": {"name": "a"}, "spec": {"containers": [{"name": "main"}]}}""")!);
        Assert.Equal(422, pod.Code);
        var deployment = Objects.Deployment(cluster.NewName());
        deployment["spec"]!["template"]!["metadata"]!["labels"] = new JsonObject { ["app"] = "other" };
        var refused = await cluster.PostAsync(cluster.Deployments, deployment);
        Assert.Equal(422, refused.Code);
        Assert.Contains("spec.template.metadata.labels", refused.Fields);
        var service = JsonNode.Parse("""{"metadata": {"name": "a"}, "spec": {"ports": [{"port": 70000}]}}""")!;
        var port = await cluster.PostAsync($"/api/v1/namespaces/{cluster.Namespace}/services", service);
        Assert.Equal(422, port.Code);
        Assert.Contains("spec.ports[0].port", port.Fields);
    }

    [Fact]
    public async Task Invalid_names_and_labels_are_422()
    {
        var name = await cluster.PostAsync(cluster.ConfigMaps, Objects.ConfigMap("Not_A_Name"));
        Assert.Equal(422, name.Code);
        Assert.Contains("metadata.name", name.Fields);
        foreach (var labels in (string[])["""{"a b": "c"}""", """{"a": "no spaces"}""", $$$$$"""{"a": "{{{{{new string('x', 64)}}}}}"}""", """{"/x": "y"}"""])
        {
            var answer = await cluster.PostAsync(cluster.ConfigMaps, Objects.ConfigMap(cluster.NewName(), labels));
            Assert.Equal(422, answer.Code);
            Assert.Contains("metadata.labels", answer.Fields);
        }
    }

    [Fact]
    public async Task The_generation_rises_only_with_the_spec()
    {
        var name = cluster.NewName();
        Assert.Equal(1, (await cluster.CreateAsync(cluster.Widgets, Objects.Widget(name)))
            .Number("metadata", "generation"));
        var labelled = await cluster.PatchAsync($"{cluster.Widgets}/{name}", """{"metadata": {"labels": {"a": "b"}}}""");
        Assert.Equal(1, labelled.Body.Number("metadata", "generation"));
        var reported = await cluster.PatchAsync($"{cluster.Widgets}/{name}/status", """{"status": {"phase": "Done"}}""");
        Assert.Equal(1, reported.Body.Number("metadata", "generation"));
        var changed = await cluster.PatchAsync($"{cluster.Widgets}/{name}", """{"spec": {"size": 4}}""");
        Assert.Equal(2, changed.Body.Number("metadata", "generation"));
    }

    [Fact]
    public async Task Immutable_fields_of_builtins_are_422()
    {
        var name = cluster.NewName();
        await cluster.CreateAsync(cluster.Deployments, Objects.Deployment(name));
        var answer = await cluster.PatchAsync($"{cluster.Deployments}/{name}",
            """{"spec": {"selector": {"matchLabels": {"app": "b"}}, "template": {"metadata": {"labels": {"app": "b"}}}}}""");
        Assert.Equal(422, answer.Code);
        Assert.Contains("spec.selector", answer.Fields);
        await cluster.CreateAsync(cluster.Pods, Objects.Pod(name));
        Assert.Equal(422, (await cluster.PatchAsync($"{cluster.Pods}/{name}", """{"spec": {"restartPolicy": "Never"}}""")).Code);
    }

    [Fact]
    public async Task Defaults_of_builtins_are_filled_in()
    {
        var name = cluster.NewName();
        var deployment = await cluster.CreateAsync(cluster.Deployments, Objects.Deployment(name));
        Assert.Equal("25%", deployment.Text("spec", "strategy", "rollingUpdate", "maxSurge"));
        Assert.Equal(10, deployment.Number("spec", "revisionHistoryLimit"));
        Assert.Equal("Always", deployment.Text("spec", "template", "spec", "restartPolicy"));
        var pod = await cluster.CreateAsync(cluster.Pods, Objects.Pod(name));
        Assert.Equal(("Pending", "default"), (pod.Text("status", "phase"), pod.Text("spec", "serviceAccountName")));
        Assert.Equal(30, pod.Number("spec", "terminationGracePeriodSeconds"));
    }

    [Fact]
    public async Task Text_in_a_secret_is_stored_as_data()
    {
        var body = JsonNode.Parse($$$$$"""{"metadata": {"name": "{{{{{cluster.NewName()}}}}}"}, "stringData": {"a": "hello"}}""")!;
        var secret = await cluster.CreateAsync($"/api/v1/namespaces/{cluster.Namespace}/secrets", body);
        Assert.Equal("aGVsbG8=", secret.Text("data", "a"));
        Assert.Null(secret["stringData"]);
        Assert.Equal("Opaque", secret.Text("type"));
    }

    [Fact]
    public async Task Services_get_addresses_and_node_ports_of_their_own()
    {
        var ports = new HashSet<long?>();
        var addresses = new HashSet<string?>();
        for (var i = 0; i < 3; i++)
        {
            var body = JsonNode.Parse($$$$$"""{"metadata": {"name": "{{{{{cluster.NewName("s")}}}}}"}, "spec": {"type": "NodePort", "selector": {"a": "b"}, "ports": [{"port": 80}]}}""")!;
            var service = await cluster.CreateAsync($"/api/v1/namespaces/{cluster.Namespace}/services", body);
            Assert.Equal(80, service.Objects("spec", "ports").Single().Number("targetPort"));
            ports.Add(service.Objects("spec", "ports").Single().Number("nodePort"));
            addresses.Add(service.Text("spec", "clusterIP"));
        }

        Assert.Equal((3, 3), (ports.Count, addresses.Count));
        Assert.All(ports, port => Assert.InRange(port ?? 0, 30000, 32767));
    }

    [Fact]
    public async Task An_object_needs_its_namespace()
    {
        var answer = await cluster.PostAsync("/api/v1/namespaces/not-there/configmaps", Objects.ConfigMap("a"));
        Assert.Equal((404, "NotFound"), (answer.Code, answer.Reason));
    }

    [Fact]
    public async Task A_terminating_namespace_accepts_no_new_objects()
    {
        var name = $"{cluster.Namespace}-ending";
        var created = await cluster.CreateAsync("/api/v1/namespaces",
            new JsonObject { ["metadata"] = new JsonObject { ["name"] = name } });
        Assert.Equal("Active", created.Text("status", "phase"));
        var held = Objects.ConfigMap("held");
        held["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        await cluster.CreateAsync($"/api/v1/namespaces/{name}/configmaps", held);
        Assert.Equal("Terminating",
            (await cluster.DeleteAsync($"/api/v1/namespaces/{name}")).Body.Text("status", "phase"));
        var answer = await cluster.PostAsync($"/api/v1/namespaces/{name}/configmaps", Objects.ConfigMap("a"));
        Assert.Equal((403, "Forbidden"), (answer.Code, answer.Reason));
        Assert.Equal("NamespaceTerminating", answer.Body.Objects("details", "causes").First().Text("reason"));
        await cluster.PatchAsync($"/api/v1/namespaces/{name}/configmaps/held", """{"metadata": {"finalizers": null}}""");
    }

    [Fact]
    public async Task Each_namespace_has_a_default_service_account()
    {
        await using var watch =
            await cluster.WatchAsync($"/api/v1/namespaces/{cluster.Namespace}/serviceaccounts?fieldSelector=metadata.name%3Ddefault");
        Assert.Equal(["ADDED default"], await watch.NextAsync(1));
    }
}
