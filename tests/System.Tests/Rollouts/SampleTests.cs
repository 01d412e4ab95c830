using ModuleController.Core.Modules;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>The samples of docs/rollouts.md as they stand in <c>deploy/examples/rollouts</c>; only urls are replaced.</summary>
public sealed class SampleTests(WorldOfFour shared) : IClassFixture<WorldOfFour>
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task Side_by_side_installs_the_new_version_before_the_old_one_goes()
    {
        await ApplyAsync("side-by-side", "catalog", "catalog-v1");
        await _world.AvailableAsync("catalog", 3, "1.0.0");
        await UpgradeAsync("catalog", "catalog-v2");
        await _world.AvailableAsync("catalog", 3, "2.0.0");
        await PolicyAsync("catalog", "install_then_uninstall");
    }

    [Fact]
    public async Task One_after_the_other_uninstalls_first()
    {
        await ApplyAsync("one-after-the-other", "orders");
        await _world.AvailableAsync("orders", 3, "1.0.0");
        await UpgradeAsync("orders");
        await _world.AvailableAsync("orders", 3, "2.0.0");
        await PolicyAsync("orders", "uninstall_then_install");
    }

    [Fact]
    public async Task On_another_pod_hands_over()
    {
        await ApplyAsync("on-another-pod", "invoice");
        await _world.AvailableAsync("invoice", 1, "1.0.0");
        var home = _world.ModulesOf("invoice").Single().Spec.PodUid;
        await UpgradeAsync("invoice");
        await _world.AvailableAsync("invoice", 1, "2.0.0");
        Assert.NotEqual(home, _world.ModulesOf("invoice").Single().Spec.PodUid);
        await PolicyAsync("invoice", "scaleup_then_scaledown");
    }

    [Fact]
    public async Task Careful_goes_one_first_then_batch_by_batch_and_back()
    {
        await ApplyAsync("careful", "prices");
        await _world.WaitsForConfirmationAsync("prices", 1, 1);
        await _world.ActAsync("prices", "promote");
        await _world.AvailableAsync("prices", 3, "1.0.0");
        await UpgradeAsync("prices");
        await _world.WaitsForConfirmationAsync("prices", 1, 1);
        await _world.ActAsync("prices", "confirm", "you");
        await _world.WaitsForConfirmationAsync("prices", 2, 2);
        await _world.ActAsync("prices", "confirm", "you");
        await _world.AvailableAsync("prices", 3, "2.0.0");
        await _world.ActAsync("prices", "undo");
        await _world.WaitsForConfirmationAsync("prices", 1, 1);
        await _world.ActAsync("prices", "promote");
        await _world.AvailableAsync("prices", 3, "1.0.0");
    }

    [Fact]
    public async Task By_itself_goes_on_after_its_gray_time_and_rolls_back()
    {
        await ApplyAsync("by-itself", "stock");
        await _world.AvailableAsync("stock", 4, "1.0.0");
        await UpgradeAsync("stock");
        await _world.AvailableAsync("stock", 4, "2.0.0");

        await _world.PatchSpecAsync("stock", new() { ["progressDeadlineSeconds"] = 2 });
        await _world.UpgradeAsync("stock", "3.0.0", _world.Jar("stock", "1.0.0"));
        var seen = await _world.RestsAsync("stock", Reasons.RolledBack, "InvalidArtifact");
        Assert.Equal((ReleaseProgress.Aborted, 4), (seen.Status.ReleaseStatus!.Progress, seen.Status.AvailableReplicas));
        await _world.SharesAsync("stock", ("2.0.0", 4));
    }

    private async Task ApplyAsync(string file, string name, string? path = null)
    {
        var manifest = Manifests.Read(await File.ReadAllTextAsync(Path.Combine(Manifests.Root, "deploy", "examples", "rollouts", $"{file}.yaml")));
        var module = manifest["spec"]!["template"]!["spec"]!["module"]!.AsObject();
        Assert.Equal(name, (string?)module["name"]);
        module["url"] = _world.Jar(name, "1.0.0", path);
        await _world.Client.CreateAsync(LooseModuleDeployment.Of(manifest, _world.Namespace) with { Status = null }, "test");
    }

    private Task UpgradeAsync(string name, string? path = null) => _world.UpgradeAsync(name, "2.0.0", _world.Jar(name, "2.0.0", path));

    private async Task PolicyAsync(string name, string policy) =>
        Assert.Equal(policy, (await _world.FindAsync(name))!.Status.ReleaseStatus!.UpgradePolicy);
}
