using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>What a release waits for between its batches: a confirmation, a time, or both.</summary>
[Collection(nameof(ReleaseWorld))]
public sealed class ConfirmationTests(WorldOfFour shared)
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task Within_a_release_one_may_confirm_ahead()
    {
        await _world.CreateAsync(New("ahead").Strategy(strategy => strategy with { BatchCount = 4, NeedConfirm = true }));
        await _world.WaitsForConfirmationAsync("ahead", 1, 1);
        await _world.ConfirmAsync("ahead", 3);
        await _world.AvailableAsync("ahead", 4, "1.0.0");
        await _world.SeenAsync("ahead", deployment => deployment.Spec.ConfirmBatchNum == 0, "confirmBatchNum is 0 again");
    }

    [Fact]
    public async Task A_confirmation_from_before_the_release_counts_for_nothing_until_it_changes()
    {
        await _world.InstalledAsync(New("stale"));
        await using var recording = await ReleaseRecording.StartAsync(_world, "stale");
        await _world.PatchSpecAsync("stale", new()
        {
            ["confirmBatchNum"] = 2,
            ["operationStrategy"] = new JsonObject { ["batchCount"] = 4, ["needConfirm"] = true },
            ["template"] = Template("stale", "2.0.0"),
        });
        await _world.WaitsForConfirmationAsync("stale", 1, 1);
        Assert.Equal(2, (await _world.FindAsync("stale"))!.Status.ReleaseStatus!.IgnoredConfirmBatchNum);
        Assert.Equal(1, await recording.MostOfAsync("2.0.0"));
        await _world.ConfirmAsync("stale", 1);
        await _world.WaitsForConfirmationAsync("stale", 2, 2);
        await _world.ConfirmAsync("stale", 3);
        await _world.AvailableAsync("stale", 4, "2.0.0");
    }

    [Fact]
    public async Task A_confirmation_ends_the_gray_time()
    {
        await _world.CreateAsync(New("gray").Strategy(strategy => strategy with { BatchCount = 2, GrayTimeBetweenBatchSeconds = 600 }));
        var seen = await _world.RestsAsync("gray", Reasons.GrayTime, "batch 1 of 2: 2 of 4 available, the next batch begins at");
        Assert.NotNull(seen.Status.ReleaseStatus!.NextReconcileTime);
        await _world.ConfirmAsync("gray", 1);
        await _world.AvailableAsync("gray", 4, "1.0.0");
    }

    [Fact]
    public async Task Gray_time_passes_between_two_batches_and_ends_by_itself()
    {
        await _world.CreateAsync(New("pause").Strategy(strategy => strategy with { BatchCount = 2, GrayTimeBetweenBatchSeconds = 2 }));
        await _world.AvailableAsync("pause", 4, "1.0.0");
        var (first, second) = Halves("pause");
        // Times of the API are whole seconds.
        Assert.InRange(second.Min(Created) - first.Max(ServingSince), TimeSpan.FromSeconds(1), TimeSpan.MaxValue);
    }

    [Fact]
    public async Task A_batch_is_done_when_its_modules_have_served_for_minReadySeconds()
    {
        var deployment = New("slow").Strategy(strategy => strategy with { BatchCount = 2 });
        await _world.CreateAsync(deployment with { Spec = deployment.Spec with { MinReadySeconds = 3600 } });
        await _world.SeenAsync("slow", seen => seen.Status is { ReadyReplicas: 2, AvailableReplicas: 0 },
            "2 are ready and none is available yet");
        await _world.PatchSpecAsync("slow", new() { ["minReadySeconds"] = 2 });
        await _world.AvailableAsync("slow", 4, "1.0.0");
        var (first, second) = Halves("slow");
        Assert.InRange(second.Min(Created) - first.Max(ServingSince), TimeSpan.FromSeconds(2), TimeSpan.MaxValue);
    }

    [Fact]
    public async Task A_third_version_in_mid_release_begins_its_batches_from_what_is_there()
    {
        await _world.InstalledAsync(New("third").Strategy(strategy => strategy with { BatchCount = 2 }));
        await using var recording = await ReleaseRecording.StartAsync(_world, "third");
        await _world.StrategyAsync("third", new() { ["needConfirm"] = true });
        await _world.UpgradeAsync("third", "2.0.0", Jar("third", "2.0.0"));
        await _world.WaitsForConfirmationAsync("third", 1, 2);
        await _world.UpgradeAsync("third", "3.0.0", Jar("third", "3.0.0"));
        await _world.WaitsForConfirmationAsync("third", 1, 2);
        Assert.Equal((2, 2), (await recording.MostOfAsync("3.0.0"), await recording.MostOfAsync("2.0.0")));
        await _world.ConfirmAsync("third", 1);
        await _world.AvailableAsync("third", 4, "3.0.0");
        Assert.Equal(3, await recording.LeastAvailableAsync());
        Assert.Equal(3, (await _world.SetsOfAsync("third")).Count);
    }

    [Fact]
    public async Task A_release_whose_status_was_lost_rests_where_it_is()
    {
        await _world.InstalledAsync(New("amnesia").Strategy(strategy => strategy with { BatchCount = 4 }));
        await using var recording = await ReleaseRecording.StartAsync(_world, "amnesia");
        await _world.StrategyAsync("amnesia", new() { ["needConfirm"] = true });
        await _world.UpgradeAsync("amnesia", "2.0.0", Jar("amnesia", "2.0.0"));
        await _world.WaitsForConfirmationAsync("amnesia", 1, 1);
        await _world.ConfirmAsync("amnesia", 1);
        await _world.WaitsForConfirmationAsync("amnesia", 2, 2);
        await _world.Client.PatchAsync<ModuleDeployment>(
            new(_world.Namespace, "amnesia"), new() { ["status"] = new JsonObject { ["releaseStatus"] = null } },
            new("test") { Subresource = "status" });
        await _world.WaitsForConfirmationAsync("amnesia", 2, 2);
        Assert.Equal(2, await recording.MostOfAsync("2.0.0"));
        await _world.ConfirmAsync("amnesia", 3);
        await _world.AvailableAsync("amnesia", 4, "2.0.0");
    }

    [Fact]
    public async Task A_module_lost_while_its_release_waits_comes_back_in_its_own_version()
    {
        await _world.InstalledAsync(New("both").Strategy(strategy => strategy with { BatchCount = 2 }));
        await _world.StrategyAsync("both", new() { ["needConfirm"] = true });
        await _world.UpgradeAsync("both", "2.0.0", Jar("both", "2.0.0"));
        await _world.WaitsForConfirmationAsync("both", 1, 2);
        foreach (var version in (string[])["1.0.0", "2.0.0"])
        {
            var lost = _world.ModulesOf("both").First(module => module.Spec.Module.Version == version);
            await _world.Client.DeleteAsync<Module>(ObjectKey.Of(lost.Metadata));
            await Eventually.True(() => _world.ModulesOf("both").All(module => module.Metadata.Uid != lost.Metadata.Uid));
            await _world.SharesAsync("both", ("1.0.0", 2), ("2.0.0", 2));
        }

        await _world.WaitsForConfirmationAsync("both", 1, 2);
        await _world.ConfirmAsync("both", 1);
        await _world.AvailableAsync("both", 4, "2.0.0");
    }

    [Fact]
    public async Task An_explicit_policy_that_no_jvm_can_carry_out_is_found_before_the_first_module_is_touched()
    {
        await _world.InstalledAsync(New("shared-path").Policy("install_then_uninstall"));
        await using var recording = await ReleaseRecording.StartAsync(_world, "shared-path");
        await _world.UpgradeAsync("shared-path", "2.0.0", Jar("shared-path", "2.0.0"));
        await _world.RestsAsync("shared-path", Reasons.WebContextPathConflict, "no JVM can hold both");
        await _world.WarningAsync("shared-path", Reasons.WebContextPathConflict, "uninstall_then_install");
        Assert.Equal((0, 0), (_world.InstallsOf("shared-path:2.0.0"), await recording.MostOfAsync("2.0.0")));
        Assert.Equal(4, await recording.LeastAvailableAsync());

        await _world.StrategyAsync("shared-path", new() { ["upgradePolicy"] = null });
        await _world.AvailableAsync("shared-path", 4, "2.0.0");
        Assert.Equal("uninstall_then_install", (await _world.FindAsync("shared-path"))!.Status.ReleaseStatus!.UpgradePolicy);
    }

    private ModuleDeployment New(string name) => A.Module(name, "1.0.0", Jar(name, "1.0.0")).Replicas(4).Policy("uninstall_then_install");

    private string Jar(string name, string version) => _world.Jar(name, version);

    private JsonObject Template(string name, string version) => new()
    {
        ["spec"] = new JsonObject { ["module"] = new JsonObject { ["version"] = version, ["url"] = Jar(name, version) } },
    };

    /// <summary>The modules that were made first, and the others.</summary>
    private (IReadOnlyList<Module> First, IReadOnlyList<Module> Second) Halves(string name)
    {
        var modules = _world.ModulesOf(name).OrderBy(ServingSince).ToList();
        return (modules[..2], modules[2..]);
    }

    private static DateTimeOffset Created(Module module) => module.Metadata.CreationTimestamp!.Value;

    private static DateTimeOffset ServingSince(Module module) =>
        module.Status.Conditions.Find(ModuleConditions.TrafficReady)!.LastTransitionTime!.Value;
}
