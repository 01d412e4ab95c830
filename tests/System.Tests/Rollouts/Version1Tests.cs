using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Kube;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>
/// What version 1 could do, with the manifests that its users have: only urls are replaced, and gray times where they would be
/// waited for. The manifests share names, so each test cleans up.
/// </summary>
public sealed class Version1Tests(WorldOfFour shared) : IClassFixture<WorldOfFour>, IAsyncDisposable
{
#pragma warning disable CA2213 // The fixture's, and disposed of by it.
    private readonly World _world = shared.World;
#pragma warning restore CA2213

    /// <summary>Nothing may be left of what a test applied.</summary>
    public async ValueTask DisposeAsync()
    {
        var applied = await _world.Client.ListAllAsync<ModuleDeployment>(new() { Namespace = _world.Namespace });
        foreach (var deployment in applied)
        {
            await _world.StrategyAsync(deployment.Metadata.Name, new() { ["confirmDeletion"] = false });
            await _world.DeleteAsync(deployment.Metadata.Name);
            await _world.GoneAsync(deployment.Metadata.Name);
        }

        Assert.All(_world.Images.Living, living => Assert.Empty(living.Base.Biz));
    }

    [Fact]
    public async Task A_first_release_installs_its_module()
    {
        await ApplyAsync("first-release");
        await _world.AvailableAsync("orders", 1, "1.0.0");
    }

    [Fact]
    public async Task Batches_wait_for_their_confirmation_and_the_last_one_for_none()
    {
        await using var recording = await ReleaseRecording.StartAsync(_world, "orders");
        await ApplyAsync("batches-with-confirmation");
        await _world.WaitsForConfirmationAsync("orders", 1, 1);
        Assert.Equal(1, await recording.MostPodsAsync());
        await _world.ConfirmAsync("orders", 1);
        await _world.WaitsForConfirmationAsync("orders", 2, 2);
        Assert.Equal(2, await recording.MostPodsAsync());
        await _world.ConfirmAsync("orders", 2);
        await _world.AvailableAsync("orders", 3, "1.0.0");
        await _world.SeenAsync("orders", deployment => deployment.Spec.ConfirmBatchNum == 0, "confirmBatchNum is 0 again");
    }

    [Fact]
    public async Task Scaled_to_nothing_and_up_again_goes_in_confirmed_batches()
    {
        await using var recording = await ReleaseRecording.StartAsync(_world, "orders");
        await ApplyAsync("batches-scaled-to-nothing");
        await _world.AvailableAsync("orders", 0, "1.0.0");
        await _world.PatchSpecAsync("orders", new() { ["replicas"] = 3 });
        await _world.WaitsForConfirmationAsync("orders", 1, 1);
        Assert.Equal(1, await recording.MostPodsAsync());
        await _world.ConfirmAsync("orders", 1);
        await _world.WaitsForConfirmationAsync("orders", 2, 2);
        Assert.Equal(2, await recording.MostPodsAsync());
        await _world.ConfirmAsync("orders", 2);
        await _world.AvailableAsync("orders", 3, "1.0.0");

        await _world.SeenAsync("orders", deployment => deployment.Spec.ConfirmBatchNum == 0, "confirmBatchNum is 0 again");
        await _world.PatchSpecAsync("orders", new() { ["replicas"] = 0 });
        await _world.WaitsForConfirmationAsync("orders", 1, 2);
        await _world.ConfirmAsync("orders", 1);
        await _world.WaitsForConfirmationAsync("orders", 2, 1);
        await _world.ConfirmAsync("orders", 2);
        await _world.AvailableAsync("orders", 0, "1.0.0");
    }

    [Fact]
    public async Task Beta_installs_one_module_alone_and_waits_for_its_confirmation()
    {
        await using var recording = await ReleaseRecording.StartAsync(_world, "invoice");
        await ApplyAsync("service-and-beta");
        await _world.WaitsForConfirmationAsync("invoice", 1, 1);
        Assert.Equal(1, await recording.MostPodsAsync());
        Assert.Equal(ServiceNames.For("invoice"), (await ServiceAsync()).Metadata.Name);
        await _world.ConfirmAsync("invoice", 1);
        await _world.AvailableAsync("invoice", 4, "1.0.0");
        Assert.Equal(3, (await _world.FindAsync("invoice"))!.Status.ReleaseStatus!.RealBatchCount);

        // An upgrade has its beta, too, and never more than maxUnavailable are missing.
        await using var upgrade = await ReleaseRecording.StartAsync(_world, "invoice");
        await _world.StrategyAsync("invoice", new() { ["trafficDrainSeconds"] = 0 });
        await _world.UpgradeAsync("invoice", "1.1.0", _world.Jar("invoice", "1.1.0"));
        await _world.WaitsForConfirmationAsync("invoice", 1, 1);
        Assert.Equal(1, await upgrade.MostOfAsync("1.1.0"));
        await _world.ConfirmAsync("invoice", 1);
        await _world.AvailableAsync("invoice", 4, "1.1.0");
        Assert.Equal(3, await upgrade.LeastAvailableAsync());
        Assert.Equal("uninstall_then_install", (await _world.FindAsync("invoice"))!.Status.ReleaseStatus!.UpgradePolicy);
    }

    [Fact]
    public async Task Symmetric_batches_wait_for_their_confirmation()
    {
        await using var recording = await ReleaseRecording.StartAsync(_world, "orders");
        await ApplyAsync("symmetric-in-batches");
        await _world.WaitsForConfirmationAsync("orders", 1, 2);
        Assert.Equal(2, await recording.MostPodsAsync());
        await _world.ConfirmAsync("orders", 1);
        await _world.WaitsForConfirmationAsync("orders", 2, 3);
        await _world.ConfirmAsync("orders", 2);
        await _world.AvailableAsync("orders", 4, "1.0.0");
        Assert.Equal(-1, (await _world.FindAsync("orders"))!.Spec.Replicas);
    }

    [Fact]
    public async Task Symmetric_batches_without_confirmation_follow_each_other()
    {
        await using var recording = await ReleaseRecording.StartAsync(_world, "orders");
        await ApplyAsync("symmetric-in-batches", spec =>
        {
            var strategy = spec["operationStrategy"]!.AsObject();
            strategy["needConfirm"] = false;
            strategy["grayTimeBetweenBatchSeconds"] = 1;
        });
        await _world.AvailableAsync("orders", 4, "1.0.0");
        Assert.Equal(3, (await _world.FindAsync("orders"))!.Status.ReleaseStatus!.CurrentBatch);
        await _world.ToldAsync("orders", Reasons.BatchStarted, "batch 1 of 3: orders 1.0.0 on 2 base pods");
        await _world.ToldAsync("orders", Reasons.BatchStarted, "batch 2 of 3: orders 1.0.0 on 3 base pods");
        await _world.ToldAsync("orders", Reasons.BatchStarted, "batch 3 of 3: orders 1.0.0 on 4 base pods");
    }

    [Fact]
    public async Task Another_version_and_url_go_through_the_batches_again()
    {
        await ReleasedAsync("batches-with-confirmation", 3);
        await using var recording = await ReleaseRecording.StartAsync(_world, "orders");
        await _world.UpgradeAsync("orders", "1.2.0", _world.Jar("orders", "1.2.0", "orders-1.2.0"));
        await _world.WaitsForConfirmationAsync("orders", 1, 1);
        Assert.Equal(1, await recording.MostOfAsync("1.2.0"));
        await _world.ConfirmAsync("orders", 1);
        await _world.WaitsForConfirmationAsync("orders", 2, 2);
        Assert.Equal(2, await recording.MostOfAsync("1.2.0"));
        await _world.ConfirmAsync("orders", 2);
        await _world.AvailableAsync("orders", 3, "1.2.0");
        Assert.Equal(3, await recording.LeastAvailableAsync());
        Assert.Equal("install_then_uninstall", (await _world.FindAsync("orders"))!.Status.ReleaseStatus!.UpgradePolicy);
    }

    [Fact]
    public async Task A_module_that_is_deleted_is_replaced_without_a_confirmation()
    {
        await ReleasedAsync("batches-with-confirmation", 3);
        var deleted = _world.ModulesOf("orders")[1];
        await _world.Client.DeleteAsync<Module>(ObjectKey.Of(deleted.Metadata));
        await Eventually.True(() => _world.ModulesOf("orders").All(module => module.Metadata.Uid != deleted.Metadata.Uid));
        await _world.AvailableAsync("orders", 3, "1.0.0");
    }

    [Fact]
    public async Task Deletion_with_confirmation_goes_batch_by_batch()
    {
        await ReleasedAsync("batches-with-confirmation", 3, spec => spec["operationStrategy"]!["confirmDeletion"] = true);
        await using var recording = await ReleaseRecording.StartAsync(_world, "orders");
        await _world.DeleteAsync("orders");
        await LeavesAsync(2, 1);
        Assert.Equal(2, await recording.LeastAvailableAsync());
        await _world.ConfirmAsync("orders", 1);
        await LeavesAsync(1, 2);
        Assert.Equal(1, await recording.LeastAvailableAsync());
        await _world.ConfirmAsync("orders", 2);
        await _world.GoneAsync("orders");

        async Task LeavesAsync(int count, int batch)
        {
            await _world.RestsAsync("orders", Reasons.WaitingForConfirmation, $"waiting for confirmation of batch {batch}");
            Assert.Equal(ReleaseProgress.Terminating, (await _world.FindAsync("orders"))!.Status.ReleaseStatus!.Progress);
            Assert.Equal(count, _world.ModulesOf("orders").Count(module => module.IsAvailable));
        }
    }

    [Theory]
    [InlineData("install_then_uninstall", "2.0.0", "orders-2", 3)]
    [InlineData("installThenUninstall", "2.0.0", "orders-2", 3)]
    [InlineData("uninstall_then_install", "3.0.0", "orders", 2)]
    public async Task Each_upgrade_policy_does_what_its_name_says(string policy, string version, string path, int leastAvailable)
    {
        await ReleasedAsync("batches-with-confirmation", 3, spec => spec["operationStrategy"]!["upgradePolicy"] = policy);
        await using var recording = await ReleaseRecording.StartAsync(_world, "orders");
        await _world.PatchSpecAsync("orders", new()
        {
            ["operationStrategy"] = new JsonObject { ["needConfirm"] = false, ["grayTimeBetweenBatchSeconds"] = 0 },
        });
        await _world.UpgradeAsync("orders", version, _world.Jar("orders", version, path));
        await _world.AvailableAsync("orders", 3, version);
        Assert.Equal(leastAvailable, await recording.LeastAvailableAsync());
        Assert.Equal(
            policy.StartsWith("install", StringComparison.Ordinal) ? "install_then_uninstall" : policy,
            (await _world.FindAsync("orders"))!.Status.ReleaseStatus!.UpgradePolicy);
    }

    [Fact]
    public async Task Scaleup_then_scaledown_has_the_new_version_on_another_pod_before_the_old_one_goes()
    {
        await ReleasedAsync("batches-with-confirmation", 3);
        await using var recording = await ReleaseRecording.StartAsync(_world, "orders");
        var spec = Read("scaleup-then-scaledown")["spec"]!.DeepClone().AsObject();
        await _world.PatchSpecAsync("orders", spec);
        foreach (var batch in (int[])[1, 2])
        {
            await _world.WaitsForConfirmationAsync("orders", batch, batch);
            Assert.Equal(batch, await recording.MostOfAsync("1.1.0"));
            await _world.ConfirmAsync("orders", batch);
        }

        await _world.AvailableAsync("orders", 3, "1.1.0");
        Assert.Equal(3, await recording.LeastAvailableAsync());
        Assert.Equal("scaleup_then_scaledown", (await _world.FindAsync("orders"))!.Status.ReleaseStatus!.UpgradePolicy);
    }

    [Fact]
    public async Task What_was_stored_asleep_stays_valid_and_installs_nothing()
    {
        await ApplyAsync("stored-scaled-to-nothing");
        await _world.EventAsync("asleep", Reasons.ReplicasUnset);
        await _world.AvailableAsync("asleep", 0, "1.0.0");
        Assert.Equal(0, _world.InstallsOf("asleep:1.0.0"));
        await _world.PatchAsync("asleep", new() { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["touched"] = "yes" } } });
    }

    [Fact]
    public async Task What_was_stored_waiting_goes_on_as_if_nothing_had_been_confirmed()
    {
        await using var recording = await ReleaseRecording.StartAsync(_world, "waiting");
        await ApplyAsync("stored-waiting");
        await _world.WaitsForConfirmationAsync("waiting", 1, 1);
        Assert.Equal(1, await recording.MostPodsAsync());
        await _world.ConfirmAsync("waiting", 1);
        await _world.WaitsForConfirmationAsync("waiting", 2, 2);
        await _world.ConfirmAsync("waiting", 2);
        await _world.AvailableAsync("waiting", 3, "1.0.0");
        Assert.DoesNotContain("koupleless.io/module-replicaset-existed", (await _world.FindAsync("waiting"))!.Metadata.Finalizers);
    }

    [Fact]
    public async Task A_module_template_is_kept()
    {
        var manifest = Manifests.Read(await File.ReadAllTextAsync(PathOf("template"), TestContext.Current.CancellationToken));
        var template = new ModuleTemplate
        {
            Metadata = new() { Name = manifest["metadata"]!["name"]!.GetValue<string>(), Namespace = _world.Namespace },
            Template = manifest["template"].Deserialize(ModulesJson.Default.ModuleTemplateSpec)!,
        };
        var created = await _world.Client.CreateAsync(template, "test");
        Assert.Equal("1.0.0", created.Template.Spec.Module.Version);
    }

    /// <summary>Applied, confirmed to the end, and complete.</summary>
    private async Task ReleasedAsync(string file, int count, Action<JsonObject>? change = null)
    {
        await ApplyAsync(file, change);
        await _world.WaitsForConfirmationAsync("orders", 1, 1);
        await _world.ConfirmAsync("orders", count - 1);
        await _world.AvailableAsync("orders", count, "1.0.0");
        await _world.SeenAsync("orders", deployment => deployment.Spec.ConfirmBatchNum == 0, "confirmBatchNum is 0 again");
    }

    private async Task ApplyAsync(string file, Action<JsonObject>? change = null)
    {
        var read = Read(file);
        change?.Invoke(read["spec"]!.AsObject());
        var manifest = LooseModuleDeployment.Of(read, _world.Namespace);
        var status = manifest.Status;
        await _world.Client.CreateAsync(manifest with { Status = null }, "test");
        if (status is { } stored)
            await _world.Client.PatchAsync<LooseModuleDeployment>(
                new(_world.Namespace, manifest.Metadata.Name), new() { ["status"] = JsonObject.Create(stored) }, new("test") { Subresource = "status" });
    }

    /// <summary>The manifest, its url replaced by one that is there.</summary>
    private JsonObject Read(string file)
    {
        var manifest = Manifests.Read(File.ReadAllText(PathOf(file)));
        var module = manifest["spec"]!["template"]!["spec"]!["module"]!.AsObject();
        module["url"] = _world.Jar(module["name"]!.GetValue<string>(), module["version"]!.ToString());
        return manifest;
    }

    private static string PathOf(string file) => Path.Combine(Manifests.Root, "tests", "fixtures", "v1", $"{file}.yaml");

    private Task<Service> ServiceAsync() => _world.Client.GetAsync<Service>(new(_world.Namespace, ServiceNames.For("invoice")));
}
