using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Releases;

/// <summary>What the planners decide reaches the API server, and what happens there triggers them.</summary>
public sealed class ReleaseReconcilerTests
{
    [Fact]
    public async Task Forty_installs_cost_three_writes_each_and_a_few_more_and_no_lists()
    {
        await using var bench = await ReleaseBench.StartAsync(40);
        bench.Clock.Stand();     // however slow the machine: no state on the way lasts long enough to be written
        await bench.CreateAsync("shop", 40);
        var done = await bench.Completes("shop", 40);

        Assert.Equal((40, 40, 0), (done.Status.Replicas, done.Status.AvailableReplicas, done.Status.UnavailableReplicas));
        Assert.Equal(Condition.True, done.Status.Conditions.Find(DeploymentConditions.Available)?.Status);
        var requests = bench.Requests();
        Assert.Equal(40, requests["create modules.koupleless.io"]);
        Assert.Equal(40, requests["patch modules.koupleless.io/status"]);
        Assert.False(requests.ContainsKey("patch modules.koupleless.io"));
        Assert.InRange(requests["patch pods"], 40, 45);
        var aggregates = requests.Where(entry => !entry.Key.StartsWith("list", StringComparison.Ordinal)
            && !entry.Key.StartsWith("watch", StringComparison.Ordinal)
            && (entry.Key.Contains("modulereplicasets", StringComparison.Ordinal)
                || entry.Key.Contains("moduledeployments", StringComparison.Ordinal)
                || entry.Key == "patch deployments.apps"));
        Assert.InRange(aggregates.Where(entry => !entry.Key.StartsWith("get", StringComparison.Ordinal)).Sum(entry => entry.Value), 8, 25);
        Assert.Equal(1, requests["list modules.koupleless.io"]);
        Assert.Equal(1, requests["list pods"]);
    }

    [Fact]
    public async Task A_write_that_keeps_being_rejected_stalls_its_module_deployment_alone_until_it_is_accepted()
    {
        await using var bench = await ReleaseBench.StartAsync(1);
        bench.Host.Faults.RejectNext(1000, "create", "services", 403);
        await bench.CreateAsync("shop", 1,
            strategy => strategy with { ServiceStrategy = new() { EnableModuleService = true, Port = 8080 } });
        var stalled = await bench.Becomes("shop", found => found.Status.Conditions.IsTrue(DeploymentConditions.Stalled));
        var condition = stalled.Status.Conditions.Find(DeploymentConditions.Stalled)!;
        Assert.Equal(
            (Reasons.WriteRejected, "Failed to create services default/shop-service: 403 Forbidden: rejected by a fault (create services)"),
            (condition.Reason, condition.Message));
        Assert.Equal(Condition.False, stalled.Status.Conditions.Find(DeploymentConditions.Ready)!.Status);
        Assert.Equal((1, stalled.Metadata.Generation, ReleaseProgress.Completed),
            (stalled.Status.AvailableReplicas, stalled.Status.ObservedGeneration, stalled.Status.ReleaseStatus!.Progress));
        await Eventually.True(async () => (await bench.ListAsync<Event>())
            .Any(recorded => recorded is { Type: "Warning", Reason: Reasons.WriteRejected }
            && recorded.InvolvedObject?.Name == "shop"));
        await bench.CreateAsync("stock", 1);
        await bench.Completes("stock", 1);

        bench.Host.Faults.Clear();
        await bench.PassMinuteAsync();
        var ready = await bench.Becomes("shop", found => found.Status.Conditions.IsTrue(DeploymentConditions.Ready));
        Assert.Null(ready.Status.Conditions.Find(DeploymentConditions.Stalled));
        Assert.Single(await bench.ListAsync<Service>());
    }

    [Fact]
    public async Task A_quota_that_ends_the_modules_of_one_module_deployment_stalls_no_other_of_the_base()
    {
        await using var bench = await ReleaseBench.StartAsync(3);
        var isFull = true;
        bench.Race.BeforeCreate = name =>
        {
            if (isFull && name.StartsWith("shop-", StringComparison.Ordinal) && name.EndsWith("-1", StringComparison.Ordinal))
                throw new KubeException(new(403, "Forbidden", $"modules.koupleless.io \"{name}\" is forbidden: exceeded quota"), "POST");
        };
        await bench.CreateAsync("shop", 3);
        var stalled = await bench.Becomes("shop", found => found.Status.Conditions.IsTrue(DeploymentConditions.Stalled));
        Assert.Contains("exceeded quota", stalled.Status.Conditions.Find(DeploymentConditions.Stalled)!.Message, StringComparison.Ordinal);
        await bench.CreateAsync("stock", 3);
        await bench.Completes("stock", 3);
        await bench.Becomes("shop", found => found.Status.AvailableReplicas >= 1);

        isFull = false;
        await bench.PassMinuteAsync();
        var ready = await bench.Becomes("shop", found => found.Status.Conditions.IsTrue(DeploymentConditions.Ready));
        Assert.Equal((3, null), (ready.Status.AvailableReplicas, ready.Status.Conditions.Find(DeploymentConditions.Stalled)));
    }

    [Fact]
    public async Task An_unset_policy_is_found_out_by_inspecting_the_new_jar()
    {
        await using var bench = await ReleaseBench.StartAsync(3);
        (bench.Agents.Paths["1.0.0"], bench.Agents.Paths["2.0.0"], bench.Agents.Paths["3.0.0"]) = ("a", "b", "b");
        await bench.CreateAsync("shop", 3);
        await bench.Completes("shop", 3);

        await bench.UpgradeAsync("shop", "2.0.0");
        Assert.Equal("install_then_uninstall", (await bench.Completes("shop", 3, "2.0.0")).Status.ReleaseStatus!.UpgradePolicy);
        await bench.UpgradeAsync("shop", "3.0.0");
        Assert.Equal("uninstall_then_install", (await bench.Completes("shop", 3, "3.0.0")).Status.ReleaseStatus!.UpgradePolicy);

        Assert.Equal(2, bench.Agents.Sent.Count(command => command is ModuleCommand.Inspect));
        await Eventually.True(async () => (await bench.ListAsync<Module>()).Count == 3);
        Assert.All(await bench.ListAsync<Module>(), module => Assert.Equal("3.0.0", module.Spec.Module.Version));
        Assert.Equal(["1", "2", "3"], (await bench.ListAsync<ModuleReplicaSet>()).Select(set => set.Metadata.Labels[Labels.Revision])
            .Order());
    }

    [Fact]
    public async Task A_broken_version_is_reported_with_its_cause_and_the_old_one_goes_on()
    {
        await using var bench = await ReleaseBench.StartAsync(2);
        await bench.CreateAsync("shop", 2, strategy => strategy with { UpgradePolicy = "install_then_uninstall" });
        await bench.Completes("shop", 2);
        bench.Agents.Broken["2.0.0"] = "cannot reach the ledger database";
        await bench.UpgradeAsync("shop", "2.0.0");

        var failing = await bench.Becomes("shop", found => found.Status.Conditions.IsTrue(DeploymentConditions.ReplicaFailure));
        var failure = failing.Status.Conditions.Find(DeploymentConditions.ReplicaFailure)!;
        Assert.Equal("BizStartFailed", failure.Reason);
        Assert.Contains("cannot reach the ledger database", failure.Message, StringComparison.Ordinal);
        Assert.Equal(2, failing.Status.AvailableReplicas);

        await bench.UpgradeAsync("shop", "1.0.0");
        await bench.Completes("shop", 2);
        await Eventually.True(async () => (await bench.ListAsync<Module>()).Count == 2);
    }

    [Fact]
    public async Task Scale_and_replicas_follow_each_other()
    {
        await using var bench = await ReleaseBench.StartAsync(4);
        await bench.CreateAsync("shop", 1);
        await bench.Completes("shop", 1);
        await bench.ScaleAsync("shop", 4);
        Assert.Equal((4, 4), Numbers(await bench.Completes("shop", 4)));
        await bench.PatchAsync("shop", """{"spec":{"replicas":2}}""");
        Assert.Equal((2, 2), Numbers(await bench.Completes("shop", 2)));
        await Eventually.True(async () => (await bench.ListAsync<Module>()).Count == 2);

        static (int?, int?) Numbers(ModuleDeployment deployment) => (deployment.Spec.Replicas, deployment.Spec.ScaleReplicas);
    }

    [Fact]
    public async Task A_deleted_module_is_replaced_and_a_symmetric_one_follows_the_base()
    {
        await using var bench = await ReleaseBench.StartAsync(2);
        await bench.CreateAsync("shop", -1);
        await bench.Completes("shop", 2);
        var gone = (await bench.ListAsync<Module>())[0];
        await bench.DeleteAsync<Module>(gone.Metadata.Name);
        await Eventually.True(async () => (await bench.ListAsync<Module>()) is { Count: 2 } modules
            && modules.All(module => module.IsAvailable && module.Metadata.Uid != gone.Metadata.Uid));

        await bench.AddPodAsync("base-late");
        await bench.Completes("shop", 3);
        await bench.DeleteAsync<Pod>("base-000");
        await bench.Completes("shop", 2);
        await Eventually.True(async () => (await bench.ListAsync<Module>()) is { Count: 2 } modules
            && modules.All(module => module.Spec.PodName != "base-000"));
    }

    [Fact]
    public async Task Without_a_pod_a_module_waits_and_says_why_and_is_bound_when_one_comes()
    {
        await using var bench = await ReleaseBench.StartAsync(0);
        await bench.CreateAsync("shop", 1);
        var waiting = await bench.Becomes("shop",
            found => found.Status.Conditions.Find(DeploymentConditions.Progressing)?.Reason == Reasons.NoEligibleBase
            && found.Status.Conditions.Find(DeploymentConditions.Progressing)?.Message == "the base has no pods");
        Assert.Equal(0, waiting.Status.Replicas);
        await bench.AddPodAsync("base-late");
        await bench.Completes("shop", 1);
        var module = Assert.Single(await bench.ListAsync<Module>());
        Assert.Equal(("base-late", "base-late"), (module.Spec.PodName, module.Metadata.Labels[Labels.BaseInstanceName]));
    }

    [Fact]
    public async Task Deletion_takes_modules_service_and_replica_sets_with_it()
    {
        await using var bench = await ReleaseBench.StartAsync(2);
        await bench.CreateAsync("shop", 2, strategy => strategy with
        {
            ServiceStrategy = new() { EnableModuleService = true, Port = 8080 },
            TrafficDrainSeconds = 0,
        });
        await bench.Completes("shop", 2);
        var service = Assert.Single(await bench.ListAsync<Service>());
        Assert.Equal("shop-service", service.Metadata.Name);

        await bench.DeleteAsync<ModuleDeployment>("shop");
        await Eventually.True(async () => await bench.FindAsync("shop") is null);
        Assert.Empty(await bench.ListAsync<Module>());
        Assert.Empty(await bench.ListAsync<ModuleReplicaSet>());
        Assert.Empty(await bench.ListAsync<Service>());
        Assert.Equal(2, bench.Agents.Sent.Count(command => command is ModuleCommand.Uninstall));
    }

    [Fact]
    public async Task The_younger_of_two_waits_until_the_older_is_gone()
    {
        await using var bench = await ReleaseBench.StartAsync(1);
        await bench.CreateAsync("shop", 1);
        await bench.Completes("shop", 1);
        var rival = await bench.FindAsync("shop");
        // Ages are whole seconds: the second one is younger for certain.
        await Eventually.True(() => TimeProvider.System.GetUtcNow() >= rival!.Metadata.CreationTimestamp!.Value.AddSeconds(1));
        await bench.Client.CreateAsync(
            new ModuleDeployment { Metadata = new() { Name = "rival", Namespace = "default" }, Spec = rival!.Spec }, "test",
            TestContext.Current.CancellationToken);
        await bench.Becomes("rival",
            found => found.Status.Conditions.Find(DeploymentConditions.Progressing)?.Reason == Reasons.ModuleNameConflict);
        await bench.DeleteAsync<ModuleDeployment>("shop");
        await bench.Completes("rival", 1);
    }

    [Fact]
    public async Task The_base_shows_how_many_modules_its_pods_have()
    {
        await using var bench = await ReleaseBench.StartAsync(2);
        await bench.CreateAsync("shop", 1);
        await bench.Completes("shop", 1);
        await bench.PassMinuteAsync();
        await Eventually.True(async () =>
        {
            var labels = (await bench.ListAsync<Deployment>()).Single().Metadata.Labels;
            return (labels.GetValueOrDefault(Labels.MaxCountOnBase), labels.GetValueOrDefault(Labels.MinCountOnBase),
                labels.GetValueOrDefault(Labels.AverageCountOnBase)) == ("1", "0", "0.5");
        });
    }

    [Fact]
    public async Task A_verb_that_overwrites_one_that_is_just_carried_out_is_not_lost()
    {
        await using var bench = await ReleaseBench.StartAsync(4);
        await bench.CreateAsync("shop", 4, strategy => strategy with { BatchCount = 2, UpgradePolicy = "install_then_uninstall" });
        await bench.Completes("shop", 4);
        await bench.PatchAsync("shop", """{"spec":{"operationStrategy":{"needConfirm":true}}}""");
        await bench.UpgradeAsync("shop", "2.0.0");
        await Eventually.True(async () => (await Shop()).Status.ReleaseStatus!.BatchProgress == ReleaseProgress.WaitingForConfirmation);

        var hasRaced = false;
        bench.Race.BeforePatch = async (name, patch) =>
        {
            if (name != "shop" || hasRaced || patch["metadata"]?.AsObject().ContainsKey("annotations") != true) return;
            hasRaced = true;
            await bench.PatchAsync("shop", """{"metadata":{"annotations":{"koupleless.io/action":"abort","koupleless.io/action-by":"ada"}}}""");
        };
        await bench.PatchAsync("shop", """{"metadata":{"annotations":{"koupleless.io/action":"confirm"}}}""");
        await Eventually.True(async () => (await Shop()).Status.ReleaseStatus!.Progress == ReleaseProgress.Aborted);
        await Eventually.True(async () => !(await Shop()).Metadata.Annotations.ContainsKey(Annotations.Action));
        Assert.True(hasRaced);
        var shop = await Shop();
        Assert.Contains("\"by\":\"ada\"", shop.Metadata.Annotations[Annotations.LastAction], StringComparison.Ordinal);
        Assert.Equal(0, shop.Spec.ConfirmBatchNum);
        Assert.Equal(2, shop.Status.UpdatedReplicas);

        async Task<ModuleDeployment> Shop() => (await bench.ListAsync<ModuleDeployment>())[0];
    }
}
