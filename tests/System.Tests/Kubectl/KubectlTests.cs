using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Kubectl;

/// <summary>An operator's day on our kinds, with nothing but kubectl.</summary>
public sealed class KubectlTests
{
    [Fact]
    public async Task An_operator_releases_looks_scales_and_deletes_with_kubectl_alone()
    {
        Assert.SkipUnless(Harness.Kubectl.IsInstalled, "no kubectl on PATH");
        await using var world = await World.StartAsync();
        using var kubectl = new Harness.Kubectl(world);
        await world.BaseAsync("base", 3);

        Assert.Contains("orders created", await kubectl.ApplyAsync(Manifest("1.0.0", world.Jar("orders", "1.0.0"))),
            StringComparison.Ordinal);
        await kubectl.RunAsync("wait", "--for=condition=Available", "mddeploy/orders", "--timeout=300s");
        await kubectl.RunAsync("wait", "--for=jsonpath={.status.releaseStatus.progress}=Completed", "mddeploy/orders", "--timeout=300s");
        await kubectl.RunAsync("wait", "--for=condition=Ready", "mddeploy/orders", "--timeout=300s");
        Assert.Contains("orders unchanged", await kubectl.ApplyAsync(Manifest("1.0.0", world.Jar("orders", "1.0.0"))),
            StringComparison.Ordinal);
        Rows(await kubectl.RunAsync("get", "mddeploy"), "NAME DESIRED UPDATED AVAILABLE PROGRESS VERSION AGE",
            "orders 2 2 2 Completed 1.0.0");
        Rows(
            await kubectl.RunAsync("get", "md", "-o", "wide"),
            "NAME MODULE VERSION POD STATUS REASON ATTEMPTS AGE IP AGENT SECONDS MESSAGE",
            "orders- orders 1.0.0 base- Available 1 127. True");
        var pods = await kubectl.RunAsync("get", "pods", "-l", "module.koupleless.io/orders=true");
        Rows(pods, "NAME READY STATUS RESTARTS AGE", "base- 2/2 Running 0");
        Assert.Equal(2, pods.Split("Running").Length - 1);
        await PrintsAsync(
            kubectl, ["describe", "mddeploy", "orders"],
            "orders 1.0.0: 2 of 2 modules are available", "modulecontroller batch 1 of 1: orders 1.0.0 for 2 of 2 modules");
        Contains(await kubectl.RunAsync("explain", "mddeploy.spec.operationStrategy.maxUnavailable"),
            "How many of the desired modules may be unavailable");

        await kubectl.RunAsync("scale", "mddeploy", "orders", "--replicas=3");
        await kubectl.RunAsync("wait", "--for=jsonpath={.status.availableReplicas}=3", "mddeploy/orders", "--timeout=300s");
        Assert.Equal("3", await kubectl.RunAsync("get", "mddeploy", "orders", "-o", "jsonpath={.spec.replicas}"));

        var scaling = Path.Combine(Manifests.Root, "deploy", "examples", "scaling");
        await kubectl.RunAsync("apply", "--dry-run=server", "-f", Path.Combine(scaling, "hpa.yaml"), "-f",
            Path.Combine(scaling, "one-module.yaml"));

        await kubectl.RunAsync("delete", "mddeploy", "orders", "--timeout=300s");
        await PrintsAsync(kubectl, ["get", "mddeploy,mdrs,md"], "No resources found");
        Assert.All(world.Images.Living, living => Assert.Empty(living.Base.Biz));
    }

    [Fact]
    public async Task After_a_scale_a_server_side_apply_of_replicas_conflicts_until_it_is_forced()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("MODULECONTROLLER_TEST_KUBECONFIG") is { Length: > 0 },
            "DevCluster has no server-side apply");
        await using var world = await World.StartAsync();
        using var kubectl = new Harness.Kubectl(world);
        await world.BaseAsync("base", 2);
        var file = await kubectl.FileAsync(Manifest("1.0.0", world.Jar("orders", "1.0.0")));
        await kubectl.RunAsync("apply", "--server-side", "-f", file);
        await kubectl.RunAsync("wait", "--for=jsonpath={.status.availableReplicas}=2", "mddeploy/orders", "--timeout=300s");
        await kubectl.RunAsync("scale", "mddeploy", "orders", "--replicas=1");
        await kubectl.RunAsync("wait", "--for=jsonpath={.spec.replicas}=1", "mddeploy/orders", "--timeout=300s");

        var (code, conflict) = await kubectl.TryAsync("apply", "--server-side", "-f", file);

        Assert.Equal(1, code);
        Contains(conflict, "conflict with \"modulecontroller-deployment\"");
        Contains(conflict, ".spec.replicas");
        await kubectl.RunAsync("apply", "--server-side", "--force-conflicts", "-f", file);
        await kubectl.RunAsync("wait", "--for=jsonpath={.status.availableReplicas}=2", "mddeploy/orders", "--timeout=300s");
    }

    [Fact]
    public async Task What_fails_and_what_is_refused_says_why_where_an_operator_looks()
    {
        Assert.SkipUnless(Harness.Kubectl.IsInstalled, "no kubectl on PATH");
        await using var world = await World.StartAsync();
        using var kubectl = new Harness.Kubectl(world);
        await world.BaseAsync("base", 2);

        var (code, refusal) = await kubectl.TryAsync("apply", "-f", await kubectl.FileAsync(Manifest("1.0.0", "not a url")));
        Assert.Equal(1, code);
        Contains(refusal, "spec.template.spec.module.url");

        var broken = world.Jar("orders", "2.0.0", attributes: new Dictionary<string, string>
        {
            ["Simulator-Fail-Cause"] = "java.lang.IllegalStateException: cannot reach the ledger database at db.example:5432",
        });
        await kubectl.ApplyAsync(Manifest("2.0.0", broken));
        await kubectl.RunAsync("wait", "--for=condition=ReplicaFailure", "mddeploy/orders", "--timeout=300s");
        await kubectl.RunAsync("wait", "--for=jsonpath={.status.status}=Failed", "md", "--all", "--timeout=300s");
        await Eventually.True(
            async () => (await kubectl.RunAsync("get", "mddeploy", "orders", "-o", "wide")).Contains("2 failed", StringComparison.Ordinal));
        Rows(
            await kubectl.RunAsync("get", "mddeploy", "-o", "wide"),
            "NAME DESIRED UPDATED AVAILABLE PROGRESS VERSION AGE BASE MODULE BATCH BATCHES REASON MESSAGE",
            "orders 2 2 0 Executing 2.0.0 base orders 1 1 ModulesFailed orders 2.0.0: batch 1 of 1: 0 of 2 available, 2 failed "
                + "(BizStartFailed); this artifact is not retried");
        Rows(
            await kubectl.RunAsync("get", "md", "-o", "wide"),
            "NAME MODULE VERSION POD STATUS REASON ATTEMPTS AGE IP AGENT SECONDS MESSAGE",
            "orders- orders 2.0.0 base- Failed BizStartFailed 1 127. True BizStartFailed: java.lang.IllegalStateException: cannot reach "
                + "the ledger database at db.example:5432; is not tried again");
        await PrintsAsync(kubectl, ["describe", "mddeploy", "orders"], "2 modules failed; on base pod base-", "Warning ModulesFailed",
            "Warning BizStartFailed");
        await PrintsAsync(kubectl, ["describe", "md"], "Warning BizStartFailed");
        await PrintsAsync(kubectl, ["events", "--types=Warning"], "cannot reach the ledger database at db.example:5432");

        await kubectl.ApplyAsync(Manifest("1.0.0", world.Jar("orders", "1.0.0")));
        await kubectl.RunAsync("wait", "--for=jsonpath={.status.updatedAvailableReplicas}=2", "mddeploy/orders", "--timeout=300s");
        // Until what failed is gone, its condition stays.
        await Eventually.True(async () =>
            await kubectl.RunAsync("get", "mddeploy", "orders", "-o",
                "jsonpath={.status.conditions[*].type}") == "Available Progressing Ready");
    }

    /// <summary>The header, and a row for each line after it; words of a row may begin so and leave out times.</summary>
    private static void Rows(string table, string header, string row)
    {
        var lines = table.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(header, string.Join(' ', Words(lines[0])));
        Assert.True(lines.Length > 1, table);
        Assert.All(lines[1..], line =>
        {
            var words = new Queue<string>(Words(line));
            foreach (var wanted in Words(row))
            {
                while (words.TryPeek(out var word) && !word.StartsWith(wanted, StringComparison.Ordinal)) words.Dequeue();
                Assert.True(words.TryDequeue(out _), $"\"{wanted}\" of \"{row}\" is missing in: {line}");
            }
        });
    }

    /// <summary>Events, and what goes with its owner, come after the fact.</summary>
    private static async Task PrintsAsync(Harness.Kubectl kubectl, string[] arguments, params string[] words)
    {
        var output = "";
        await Eventually.True(
            async () =>
            {
                output = string.Join(' ', Words(await kubectl.RunAsync(arguments)));
                return words.All(said => output.Contains(said, StringComparison.Ordinal));
            },
            () => Task.FromResult(output), what: $"kubectl {string.Join(' ', arguments)} says {string.Join("; ", words)}");
    }

    private static void Contains(string output, string words) =>
        Assert.Contains(words, string.Join(' ', Words(output)), StringComparison.Ordinal);

    private static string[] Words(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private static string Manifest(string version, string url) => $"""
        apiVersion: koupleless.io/v1alpha1
        kind: ModuleDeployment
        metadata:
          name: orders
        spec:
          baseDeploymentName: base
          replicas: 2
          template:
            spec:
              module:
                name: orders
                version: {version}
                url: {url}
          operationStrategy:
            serviceStrategy:
              enableModuleService: true
              type: ClusterIP
              port: 80
              targetPort: 8080
            trafficDrainSeconds: 0
        """;
}
