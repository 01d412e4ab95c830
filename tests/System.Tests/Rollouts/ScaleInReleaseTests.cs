using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>Numbers that change while a release is under way, by an autoscaler or by the user.</summary>
[Collection(nameof(ReleaseWorld))]
public sealed class ScaleInReleaseTests(WorldOfFour shared)
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task An_autoscaler_goes_from_4_to_12_and_back_while_a_release_waits_after_batch_1_of_3()
    {
        await _world.BaseAsync("wide", 12);
        await _world.InstalledAsync(New("elastic").On("wide").Strategy(strategy => strategy with { BatchCount = 3 }));
        await using var recording = await ReleaseRecording.StartAsync(_world, "elastic");
        await _world.StrategyAsync("elastic", new() { ["needConfirm"] = true });
        await _world.UpgradeAsync("elastic", "2.0.0", _world.Jar("elastic", "2.0.0"));
        await _world.WaitsForConfirmationAsync("elastic", 1, 2);

        await _world.ScaleAsync("elastic", 12);
        await _world.SharesAsync("elastic", ("1.0.0", 8), ("2.0.0", 4));
        await _world.WaitsForConfirmationAsync("elastic", 1, 4);
        await _world.SeenAsync("elastic", seen => seen is { Spec.Replicas: 12, Status.AvailableReplicas: 12 }, "12 are available");
        Assert.Equal(4, await recording.MostOfAsync("2.0.0"));

        await _world.ScaleAsync("elastic", 4);
        await _world.SharesAsync("elastic", ("1.0.0", 2), ("2.0.0", 2));
        await _world.WaitsForConfirmationAsync("elastic", 1, 2);
        await _world.SeenAsync("elastic", seen => seen is { Spec.Replicas: 4, Status.AvailableReplicas: 4 }, "4 are available");
        await _world.ConfirmAsync("elastic", 2);
        await _world.AvailableAsync("elastic", 4, "2.0.0");
        Assert.Equal(4, await recording.MostOfAsync("2.0.0"));
    }

    [Fact]
    public async Task An_autoscaler_on_a_symmetric_release_changes_nothing_and_is_reported()
    {
        await _world.InstalledAsync(New("rigid").Symmetric().Strategy(strategy => strategy with { BatchCount = 2 }));
        await _world.StrategyAsync("rigid", new() { ["needConfirm"] = true });
        await _world.UpgradeAsync("rigid", "2.0.0", _world.Jar("rigid", "2.0.0"));
        await _world.WaitsForConfirmationAsync("rigid", 1, 2);
        await _world.ScaleAsync("rigid", 12);
        await _world.WarningAsync("rigid", Reasons.ScaleIgnored, "scaling to 12 is ignored");
        var seen = await _world.SeenAsync("rigid", deployment => deployment.Spec.ScaleReplicas == 4,
            "scaleReplicas says how many there are");
        Assert.Equal(-1, seen.Spec.Replicas);
        await _world.WaitsForConfirmationAsync("rigid", 1, 2);
        await _world.SharesAsync("rigid", ("1.0.0", 2), ("2.0.0", 2));
        await _world.ConfirmAsync("rigid", 1);
        await _world.AvailableAsync("rigid", 4, "2.0.0");
    }

    [Fact]
    public async Task A_new_number_by_replicas_in_mid_release_begins_it_anew_from_what_is_there()
    {
        await _world.InstalledAsync(New("resized").Replicas(2).Strategy(strategy => strategy with { BatchCount = 2 }));
        await using var recording = await ReleaseRecording.StartAsync(_world, "resized");
        await _world.StrategyAsync("resized", new() { ["needConfirm"] = true });
        await _world.UpgradeAsync("resized", "2.0.0", _world.Jar("resized", "2.0.0"));
        await _world.WaitsForConfirmationAsync("resized", 1, 1);
        await _world.PatchSpecAsync("resized", new() { ["replicas"] = 4, ["confirmBatchNum"] = 1 });
        // Half of four are updated, and one more than before is there: the other one comes with the last batch.
        await _world.WaitsForConfirmationAsync("resized", 1, 2);
        Assert.Equal(2, await recording.MostOfAsync("2.0.0"));
        await _world.ConfirmAsync("resized", 2);
        await _world.AvailableAsync("resized", 4, "2.0.0");
    }

    [Fact]
    public async Task Scaling_by_the_subresource_knows_no_batches()
    {
        await _world.InstalledAsync(New("direct").Replicas(1).Strategy(strategy => strategy with { BatchCount = 3, NeedConfirm = true }));
        await _world.ScaleAsync("direct", 4);
        await _world.AvailableAsync("direct", 4, "1.0.0");
        await _world.ScaleAsync("direct", 1);
        await _world.AvailableAsync("direct", 1, "1.0.0");
        Assert.DoesNotContain(await _world.EventsAsync("direct"), e => e.Reason == Reasons.WaitingForConfirmation);
    }

    private ModuleDeployment New(string name) =>
        A.Module(name, "1.0.0", _world.Jar(name, "1.0.0")).Replicas(4).Policy("uninstall_then_install");
}
