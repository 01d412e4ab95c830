using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>A pause and a freeze stop the move between revisions, and nothing else.</summary>
[Collection(nameof(ReleaseWorld))]
public sealed class HoldTests(WorldOfFour shared)
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task A_paused_release_moves_nothing_and_replaces_what_is_lost_in_the_old_version()
    {
        await _world.InstalledAsync(New("halted"));
        await using var recording = await ReleaseRecording.StartAsync(_world, "halted");
        await _world.PatchSpecAsync("halted", new() { ["paused"] = true, ["template"] = Template("halted", "2.0.0") });
        await _world.RestsAsync("halted", Reasons.Paused);
        await _world.SeenAsync("halted", seen => seen.Status.ReleaseStatus!.Progress == ReleaseProgress.Paused, "it is paused");
        var lost = _world.ModulesOf("halted")[0];
        await _world.Client.DeleteAsync<Module>(ObjectKey.Of(lost.Metadata));
        await Eventually.True(() => _world.ModulesOf("halted").All(module => module.Metadata.Uid != lost.Metadata.Uid));
        await _world.SharesAsync("halted", ("1.0.0", 4));
        Assert.Equal(0, await recording.MostOfAsync("2.0.0"));

        await _world.PatchSpecAsync("halted", new() { ["paused"] = false });
        await _world.AvailableAsync("halted", 4, "2.0.0");
    }

    [Fact]
    public async Task A_confirmation_during_a_pause_counts_when_it_ends()
    {
        await _world.InstalledAsync(New("later").Strategy(strategy => strategy with { BatchCount = 2 }));
        await using var recording = await ReleaseRecording.StartAsync(_world, "later");
        await _world.StrategyAsync("later", new() { ["needConfirm"] = true });
        await _world.UpgradeAsync("later", "2.0.0", Jar("later", "2.0.0"));
        await _world.WaitsForConfirmationAsync("later", 1, 2);
        await _world.PatchSpecAsync("later", new() { ["paused"] = true });
        await _world.RestsAsync("later", Reasons.Paused);
        await _world.ConfirmAsync("later", 1);
        await _world.RestsAsync("later", Reasons.Paused);
        Assert.Equal(2, await recording.MostOfAsync("2.0.0"));
        await _world.PatchSpecAsync("later", new() { ["paused"] = false });
        await _world.AvailableAsync("later", 4, "2.0.0");
    }

    [Fact]
    public async Task While_a_release_is_paused_what_is_added_by_replicas_takes_the_old_version()
    {
        await _world.InstalledAsync(New("added").Replicas(2));
        await _world.PatchSpecAsync("added", new() { ["paused"] = true, ["template"] = Template("added", "2.0.0") });
        await _world.RestsAsync("added", Reasons.Paused);
        await _world.PatchSpecAsync("added", new() { ["replicas"] = 4 });
        await _world.SharesAsync("added", ("1.0.0", 4));
        await _world.RestsAsync("added", Reasons.Paused);
        await _world.PatchSpecAsync("added", new() { ["paused"] = false });
        await _world.AvailableAsync("added", 4, "2.0.0");
    }

    [Fact]
    public async Task A_first_release_under_a_freeze_installs_nothing_before_it_ends()
    {
        await _world.FreezeAsync(Annotations.Freeze, "stocktaking", "ines");
        try
        {
            await _world.CreateAsync(New("frozen-first"));
            await _world.RestsAsync("frozen-first", Reasons.Frozen, $"namespace {_world.Namespace} is frozen by ines: stocktaking");
            await _world.EventAsync("frozen-first", Reasons.Frozen, "stocktaking");
            Assert.Empty(_world.ModulesOf("frozen-first"));
        }
        finally
        {
            await _world.FreezeAsync(Annotations.Freeze, null);
        }

        await _world.AvailableAsync("frozen-first", 4, "1.0.0");
    }

    [Fact]
    public async Task A_freeze_of_everything_stops_an_upgrade_and_no_scale()
    {
        await _world.InstalledAsync(New("iced").Replicas(2));
        await using var recording = await ReleaseRecording.StartAsync(_world, "iced");
        await _world.FreezeAsync(Annotations.FreezeAll, "black friday");
        try
        {
            await _world.UpgradeAsync("iced", "2.0.0", Jar("iced", "2.0.0"));
            await _world.RestsAsync("iced", Reasons.Frozen, "everything is frozen: black friday");
            await _world.ScaleAsync("iced", 4);
            await _world.SharesAsync("iced", ("1.0.0", 4));
            Assert.Equal(0, await recording.MostOfAsync("2.0.0"));
        }
        finally
        {
            await _world.FreezeAsync(Annotations.FreezeAll, null);
        }

        await _world.AvailableAsync("iced", 4, "2.0.0");
    }

    [Fact]
    public async Task A_freeze_without_a_reason_is_reported_and_stops_nothing()
    {
        await _world.InstalledAsync(New("unmoved"));
        await _world.FreezeAsync(Annotations.Freeze, "");
        try
        {
            await _world.UpgradeAsync("unmoved", "2.0.0", Jar("unmoved", "2.0.0"));
            await _world.AvailableAsync("unmoved", 4, "2.0.0");
            await _world.WarningAsync("unmoved", Reasons.FreezeWithoutReason, $"namespace {_world.Namespace}");
        }
        finally
        {
            await _world.FreezeAsync(Annotations.Freeze, null);
        }
    }

    [Fact]
    public async Task Frozen_at_batch_1_of_3_a_symmetric_release_gives_the_pods_that_are_added_the_old_version()
    {
        await _world.BaseAsync("growing", 3);
        await _world.InstalledAsync(New("grown").On("growing").Symmetric().Strategy(strategy => strategy with { BatchCount = 3 }));
        await using var recording = await ReleaseRecording.StartAsync(_world, "grown");
        await _world.StrategyAsync("grown", new() { ["needConfirm"] = true });
        await _world.UpgradeAsync("grown", "2.0.0", Jar("grown", "2.0.0"));
        await _world.WaitsForConfirmationAsync("grown", 1, 1);
        await _world.FreezeAsync(Annotations.Freeze, "audit");
        try
        {
            await _world.RestsAsync("grown", Reasons.Frozen);
            await _world.ScaleBaseAsync("growing", 6);
            // A third of six is two: the batch's share holds. The four others have the old version.
            await _world.SharesAsync("grown", ("1.0.0", 4), ("2.0.0", 2));
            await _world.RestsAsync("grown", Reasons.Frozen, "batch 1 of 3: 2 of 6 available");
            Assert.Equal(2, await recording.MostOfAsync("2.0.0"));
        }
        finally
        {
            await _world.FreezeAsync(Annotations.Freeze, null);
        }

        await _world.WaitsForConfirmationAsync("grown", 1, 2);
        await _world.ConfirmAsync("grown", 2);
        await _world.AvailableAsync("grown", 6, "2.0.0");
    }

    private ModuleDeployment New(string name) => A.Module(name, "1.0.0", Jar(name, "1.0.0")).Replicas(4).Policy("uninstall_then_install");

    private string Jar(string name, string version) => _world.Jar(name, version);

    private JsonObject Template(string name, string version) => new()
    {
        ["spec"] = new JsonObject { ["module"] = new JsonObject { ["version"] = version, ["url"] = Jar(name, version) } },
    };
}
