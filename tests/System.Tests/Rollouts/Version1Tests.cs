using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>
/// What version 1 could do, with the manifests that its users have: only urls are replaced, and gray times where they would be
/// waited for. The manifests share names, so each test cleans up.
/// </summary>
public sealed class Version1Tests(WorldOfFour shared) : IClassFixture<WorldOfFour>, IAsyncDisposable
{
    private World World => shared.World;

    /// <summary>Nothing may be left of what a test applied.</summary>
    public async ValueTask DisposeAsync()
    {
        var applied = await World.Client.ListAllAsync<ModuleDeployment>(new() { Namespace = World.Namespace });
        foreach (var deployment in applied)
        {
            await World.StrategyAsync(deployment.Metadata.Name, new() { ["confirmDeletion"] = false });
            await World.DeleteAsync(deployment.Metadata.Name);
            await World.GoneAsync(deployment.Metadata.Name);
        }

        Assert.All(World.Images.Living, living => Assert.Empty(living.Base.Biz));
    }

    [Fact]
    public async Task A_first_release_installs_its_module()
    {
        await ApplyAsync("first-release");
        await World.AvailableAsync("orders", 1, "1.0.0");
    }

    [Fact]
    public async Task Batches_wait_for_their_confirmation_and_the_last_one_for_none()
    {
        await using var recording = await ReleaseRecording.StartAsync(World, "orders");
        await ApplyAsync("batches-with-confirmation");
        await World.WaitsForConfirmationAsync("orders", 1, 1);
        Assert.Equal(1, await recording.MostPodsAsync());
        await World.ConfirmAsync("orders", 1);
        await World.WaitsForConfirmationAsync("orders", 2, 2);
        Assert.Equal(2, await recording.MostPodsAsync());
        await World.ConfirmAsync("orders", 2);
        await World.AvailableAsync("orders", 3, "1.0.0");
        await World.SeenAsync("orders", deployment => deployment.Spec.ConfirmBatchNum == 0, "confirmBatchNum is 0 again");
    }

    [Fact]
    public async Task Scaled_to_nothing_and_up_again_goes_in_confirmed_batches()
    {
        await using var recording = await ReleaseRecording.StartAsync(World, "orders");
        await ApplyAsync("batches-scaled-to-nothing");
        await World.AvailableAsync("orders", 0, "1.0.0");
        await World.PatchSpecAsync("orders", new() { ["replicas"] = 3 });
        await World.WaitsForConfirmationAsync("orders", 1, 1);
        Assert.Equal(1, await recording.MostPodsAsync());
        await World.ConfirmAsync("orders", 1);
        await World.WaitsForConfirmationAsync("orders", 2, 2);
        Assert.Equal(2, await recording.MostPodsAsync());
        await World.ConfirmAsync("orders", 2);
        await World.AvailableAsync("orders", 3, "1.0.0");

        await World.SeenAsync("orders", deployment => deployment.Spec.ConfirmBatchNum == 0, "confirmBatchNum is 0 again");
        await World.PatchSpecAsync("orders", new() { ["replicas"] = 0 });
        await World.WaitsForConfirmationAsync("orders", 1, 2);
        await World.ConfirmAsync("orders", 1);
        await World.WaitsForConfirmationAsync("orders", 2, 1);
        await World.ConfirmAsync("orders", 2);
        await World.AvailableAsync("orders", 0, "1.0.0");
    }

    [Fact]
    public async Task Beta_installs_one_module_alone_and_waits_for_its_confirmation()
    {
        await using var recording = await ReleaseRecording.StartAsync(World, "invoice");
        await ApplyAsync("service-and-beta");
        await World.WaitsForConfirmationAsync("invoice", 1, 1);
        Assert.Equal(1, await recording.MostPodsAsync());
        Assert.Equal(ServiceNames.For("invoice"), (await ServiceAsync()).Metadata.Name);
        await World.ConfirmAsync("invoice", 1);
        await World.AvailableAsync("invoice", 4, "1.0.0");
        Assert.Equal(3, (await World.FindAsync("invoice"))!.Status.ReleaseStatus!.RealBatchCount);

        // An upgrade has its beta, too, and never more than maxUnavailable are missing.
        await using var upgrade = await ReleaseRecording.StartAsync(World, "invoice");
        await World.StrategyAsync("invoice", new() { ["trafficDrainSeconds"] = 0 });
        await World.UpgradeAsync("invoice", "1.1.0", World.Jar("invoice", "1.1.0"));
        await World.WaitsForConfirmationAsync("invoice", 1, 1);
        Assert.Equal(1, await upgrade.MostOfAsync("1.1.0"));
        await World.ConfirmAsync("invoice", 1);
        await World.AvailableAsync("invoice", 4, "1.1.0");
        Assert.Equal(3, await upgrade.LeastAvailableAsync());
        Assert.Equal("uninstall_then_install", (await World.FindAsync("invoice"))!.Status.ReleaseStatus!.UpgradePolicy);
    }

    [Fact]
    public async Task Symmetric_batches_wait_for_their_confirmation()
    {
        await using var recording = await ReleaseRecording.StartAsync(World, "orders");
        await ApplyAsync("symmetric-in-batches");
        await World.WaitsForConfirmationAsync("orders", 1, 2);
        Assert.Equal(2, await recording.MostPodsAsync());
        await World.ConfirmAsync("orders", 1);
        await World.WaitsForConfirmationAsync("orders", 2, 3);
        await World.ConfirmAsync("orders", 2);
        await World.AvailableAsync("orders", 4, "1.0.0");
        Assert.Equal(-1, (await World.FindAsync("orders"))!.Spec.Replicas);
    }

    [Fact]
    public async Task Symmetric_batches_without_confirmation_follow_each_other()
    {
        await using var recording = await ReleaseRecording.StartAsync(World, "orders");
        await ApplyAsync("symmetric-in-batches", spec =>
        {
            var strategy = spec["operationStrategy"]!.AsObject();
            strategy["needConfirm"] = false;
            strategy["grayTimeBetweenBatchSeconds"] = 1;
        });
        await World.AvailableAsync("orders", 4, "1.0.0");
        Assert.Equal(3, (await World.FindAsync("orders"))!.Status.ReleaseStatus!.CurrentBatch);
        await World.EventAsync("orders", Reasons.BatchStarted, "batch 1 of 3: orders 1.0.0 for 2 of 4 modules");
        await World.EventAsync("orders", Reasons.BatchStarted, "batch 2 of 3: orders 1.0.0 for 3 of 4 modules");
        await World.EventAsync("orders", Reasons.BatchStarted, "batch 3 of 3: orders 1.0.0 for 4 of 4 modules");
    }

    [Fact]
    public async Task Another_version_and_url_go_through_the_batches_again()
    {
        await ReleasedAsync("batches-with-confirmation", 3);
        await using var recording = await ReleaseRecording.StartAsync(World, "orders");
        await World.UpgradeAsync("orders", "1.2.0", World.Jar("orders", "1.2.0", "orders-1.2.0"));
        await World.WaitsForConfirmationAsync("orders", 1, 1);
        Assert.Equal(1, await recording.MostOfAsync("1.2.0"));
        await World.ConfirmAsync("orders", 1);
        await World.WaitsForConfirmationAsync("orders", 2, 2);
        Assert.Equal(2, await recording.MostOfAsync("1.2.0"));
        await World.ConfirmAsync("orders", 2);
        await World.AvailableAsync("orders", 3, "1.2.0");
        Assert.Equal(3, await recording.LeastAvailableAsync());
        Assert.Equal("install_then_uninstall", (await World.FindAsync("orders"))!.Status.ReleaseStatus!.UpgradePolicy);
    }

    [Fact]
    public async Task A_module_that_is_deleted_is_replaced_without_a_confirmation()
    {
        await ReleasedAsync("batches-with-confirmation", 3);
        var deleted = World.ModulesOf("orders")[1];
        await World.Client.DeleteAsync<Module>(ObjectKey.Of(deleted.Metadata));
        await Eventually.True(() => World.ModulesOf("orders").All(module => module.Metadata.Uid != deleted.Metadata.Uid));
        await World.AvailableAsync("orders", 3, "1.0.0");
    }

    [Fact]
    public async Task Deletion_with_confirmation_goes_batch_by_batch()
    {
        await ReleasedAsync("batches-with-confirmation", 3, spec => spec["operationStrategy"]!["confirmDeletion"] = true);
        await using var recording = await ReleaseRecording.StartAsync(World, "orders");
        await World.DeleteAsync("orders");
        await LeavesAsync(2, 1);
        Assert.Equal(2, await recording.LeastAvailableAsync());
        await World.ConfirmAsync("orders", 1);
        await LeavesAsync(1, 2);
        Assert.Equal(1, await recording.LeastAvailableAsync());
        await World.ConfirmAsync("orders", 2);
        await World.GoneAsync("orders");

        async Task LeavesAsync(int count, int batch)
        {
            await World.RestsAsync("orders", Reasons.WaitingForConfirmation, $"waiting for confirmation of batch {batch}");
            Assert.Equal(ReleaseProgress.Terminating, (await World.FindAsync("orders"))!.Status.ReleaseStatus!.Progress);
            Assert.Equal(count, World.ModulesOf("orders").Count(module => module.IsAvailable));
        }
    }

    [Theory]
    [InlineData("install_then_uninstall", "2.0.0", "orders-2", 3)]
    [InlineData("installThenUninstall", "2.0.0", "orders-2", 3)]
    [InlineData("uninstall_then_install", "3.0.0", "orders", 2)]
    public async Task Each_upgrade_policy_does_what_its_name_says(string policy, string version, string path, int leastAvailable)
    {
        await ReleasedAsync("batches-with-confirmation", 3, spec => spec["operationStrategy"]!["upgradePolicy"] = policy);
        await using var recording = await ReleaseRecording.StartAsync(World, "orders");
        await World.PatchSpecAsync("orders", new()
        {
            ["operationStrategy"] = new JsonObject { ["needConfirm"] = false, ["grayTimeBetweenBatchSeconds"] = 0 },
        });
        await World.UpgradeAsync("orders", version, World.Jar("orders", version, path));
        await World.AvailableAsync("orders", 3, version);
        Assert.Equal(leastAvailable, await recording.LeastAvailableAsync());
        Assert.Equal(
            policy.StartsWith("install", StringComparison.Ordinal) ? "install_then_uninstall" : policy,
            (await World.FindAsync("orders"))!.Status.ReleaseStatus!.UpgradePolicy);
    }

    [Fact]
    public async Task Scaleup_then_scaledown_has_the_new_version_on_another_pod_before_the_old_one_goes()
    {
        await ReleasedAsync("batches-with-confirmation", 3);
        await using var recording = await ReleaseRecording.StartAsync(World, "orders");
        var spec = Read("scaleup-then-scaledown")["spec"]!.DeepClone().AsObject();
        await World.PatchSpecAsync("orders", spec);
        foreach (var batch in (int[])[1, 2])
        {
            await World.WaitsForConfirmationAsync("orders", batch, batch);
            Assert.Equal(batch, await recording.MostOfAsync("1.1.0"));
            await World.ConfirmAsync("orders", batch);
        }

        await World.AvailableAsync("orders", 3, "1.1.0");
        Assert.Equal(3, await recording.LeastAvailableAsync());
        Assert.Equal("scaleup_then_scaledown", (await World.FindAsync("orders"))!.Status.ReleaseStatus!.UpgradePolicy);
    }

    [Fact]
    public async Task What_was_stored_asleep_stays_valid_and_installs_nothing()
    {
        await ApplyAsync("stored-scaled-to-nothing");
        await World.WarningAsync("asleep", Reasons.ReplicasUnset);
        await World.AvailableAsync("asleep", 0, "1.0.0");
        Assert.Equal(0, World.InstallsOf("asleep:1.0.0"));
        await World.PatchAsync("asleep", new() { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["touched"] = "yes" } } });
    }

    [Fact]
    public async Task What_was_stored_waiting_goes_on_as_if_nothing_had_been_confirmed()
    {
        await using var recording = await ReleaseRecording.StartAsync(World, "waiting");
        await ApplyAsync("stored-waiting");
        await World.WaitsForConfirmationAsync("waiting", 1, 1);
        Assert.Equal(1, await recording.MostPodsAsync());
        await World.ConfirmAsync("waiting", 1);
        await World.WaitsForConfirmationAsync("waiting", 2, 2);
        await World.ConfirmAsync("waiting", 2);
        await World.AvailableAsync("waiting", 3, "1.0.0");
        Assert.DoesNotContain("koupleless.io/module-replicaset-existed", (await World.FindAsync("waiting"))!.Metadata.Finalizers);
    }

    [Fact]
    public async Task A_module_template_is_kept()
    {
        var manifest = Manifests.Read(await File.ReadAllTextAsync(PathOf("template"), TestContext.Current.CancellationToken));
        var template = new ModuleTemplate
        {
            Metadata = new() { Name = manifest["metadata"]!["name"]!.GetValue<string>(), Namespace = World.Namespace },
            Template = manifest["template"].Deserialize(ModulesJson.Default.ModuleTemplateSpec)!,
        };
        var created = await World.Client.CreateAsync(template, "test");
        Assert.Equal("1.0.0", created.Template.Spec.Module.Version);
    }

    /// <summary>Applied, confirmed to the end, and complete.</summary>
    private async Task ReleasedAsync(string file, int count, Action<JsonObject>? change = null)
    {
        await ApplyAsync(file, change);
        await World.WaitsForConfirmationAsync("orders", 1, 1);
        await World.ConfirmAsync("orders", count - 1);
        await World.AvailableAsync("orders", count, "1.0.0");
        await World.SeenAsync("orders", deployment => deployment.Spec.ConfirmBatchNum == 0, "confirmBatchNum is 0 again");
    }

    private async Task ApplyAsync(string file, Action<JsonObject>? change = null)
    {
        var read = Read(file);
        change?.Invoke(read["spec"]!.AsObject());
        var manifest = LooseModuleDeployment.Of(read, World.Namespace);
        var status = manifest.Status;
        await World.Client.CreateAsync(manifest with { Status = null }, "test");
        if (status is { } stored)
            await World.Client.PatchAsync<LooseModuleDeployment>(
                new(World.Namespace, manifest.Metadata.Name), new() { ["status"] = JsonObject.Create(stored) },
                new("test") { Subresource = "status" });
    }

    /// <summary>The manifest, its url replaced by one that is there.</summary>
    private JsonObject Read(string file)
    {
        var manifest = Manifests.Read(File.ReadAllText(PathOf(file)));
        var module = manifest["spec"]!["template"]!["spec"]!["module"]!.AsObject();
        module["url"] = World.Jar(module["name"]!.GetValue<string>(), module["version"]!.ToString());
        return manifest;
    }

    private static string PathOf(string file) => Path.Combine(Manifests.Root, "tests", "fixtures", "v1", $"{file}.yaml");

    private Task<Service> ServiceAsync() => World.Client.GetAsync<Service>(new(World.Namespace, ServiceNames.For("invoice")));
}
