using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
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
        await _world.AvailableAsync("prices", 4, "1.0.0");
        await UpgradeAsync("prices");
        await _world.WaitsForConfirmationAsync("prices", 1, 1);
        await _world.ActAsync("prices", "confirm", "you");
        await _world.WaitsForConfirmationAsync("prices", 2, 3);
        await _world.ActAsync("prices", "confirm", "you");
        await _world.AvailableAsync("prices", 4, "2.0.0");
        await _world.ActAsync("prices", "undo");
        await _world.WaitsForConfirmationAsync("prices", 1, 1);
        await _world.ActAsync("prices", "promote");
        await _world.AvailableAsync("prices", 4, "1.0.0");
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

    [Fact]
    public async Task Careful_stops_when_its_second_batch_fails_and_keeps_what_serves()
    {
        await ApplyAsync("careful", "charges", of: "prices");
        await _world.WaitsForConfirmationAsync("charges", 1, 1);
        await _world.ActAsync("charges", "promote");
        await _world.AvailableAsync("charges", 4, "1.0.0");
        await UpgradeAsync("charges");
        await _world.WaitsForConfirmationAsync("charges", 1, 1);
        Order("charges:2.0.0", Failing);
        await _world.ActAsync("charges", "confirm", "you");
        var seen = await _world.RestsAsync("charges", Reasons.MaxFailuresExceeded, "2 failed (BizStartFailed), more than maxFailures (1)");
        Assert.Equal((ReleaseProgress.Aborted, 2), (seen.Status.ReleaseStatus!.Progress, seen.Status.ReleaseStatus.CurrentBatch));
        Assert.Equal(["1.0.0", "2.0.0"], Serving("charges"));

        // What was at fault is repaired, and it is the operator who says so.
        Order("charges:2.0.0", null);
        await _world.ActAsync("charges", "retry");
        await _world.WaitsForConfirmationAsync("charges", 2, 3);
        await _world.ActAsync("charges", "confirm", "you");
        await _world.AvailableAsync("charges", 4, "2.0.0");
    }

    [Fact]
    public async Task By_itself_goes_back_when_its_second_batch_fails()
    {
        await ApplyAsync("by-itself", "depot", of: "stock");
        await _world.AvailableAsync("depot", 4, "1.0.0");
        // Time enough after the first batch for the orders; then the clock as the test needs it.
        await _world.StrategyAsync("depot", new() { ["grayTimeBetweenBatchSeconds"] = 3600 });
        await UpgradeAsync("depot");
        await _world.RestsAsync("depot", Reasons.GrayTime, "2 of 4 available");
        Order("depot:2.0.0", Failing);
        await _world.StrategyAsync("depot", new() { ["grayTimeBetweenBatchSeconds"] = 1 });
        await _world.SeenAsync("depot", deployment => deployment.Status.ReleaseStatus!.CurrentBatch == 2
            && deployment.Status.Conditions.Find(DeploymentConditions.ReplicaFailure)?.Reason == nameof(FailureReason.BizStartFailed),
            "a module of the second batch fails");
        await _world.PatchSpecAsync("depot", new() { ["progressDeadlineSeconds"] = 2 });
        var seen = await _world.RestsAsync("depot", Reasons.RolledBack, "1 failed (BizStartFailed)");
        Assert.Equal((ReleaseProgress.Aborted, 2), (seen.Status.ReleaseStatus!.Progress, seen.Status.ReleaseStatus.CurrentBatch));
        await _world.SharesAsync("depot", ("1.0.0", 4));
    }

    private static Dev.ArkletSimulator.BizBehavior Failing => new() { FailCause = "java.lang.IllegalStateException: no price list" };

    /// <summary>On every pod, from the next install on.</summary>
    private void Order(string biz, Dev.ArkletSimulator.BizBehavior? behavior)
    {
        foreach (var (_, simulated) in _world.Images.Living) simulated.Order(biz, behavior);
    }

    private IEnumerable<string> Serving(string name) => _world.ModulesOf(name).Where(module => module.IsAvailable)
        .Select(module => module.Spec.Module.Version).Order(StringComparer.Ordinal);

    private async Task ApplyAsync(string file, string name, string? path = null, string? of = null)
    {
        var manifest = Manifests.Read(
            await File.ReadAllTextAsync(Path.Combine(Manifests.Root, "deploy", "examples", "rollouts", $"{file}.yaml")));
        var module = manifest["spec"]!["template"]!["spec"]!["module"]!.AsObject();
        Assert.Equal(of ?? name, (string?)module["name"]);
        // Under a name of its own where the sample has two stories to tell.
        (manifest["metadata"]!["name"], module["name"]) = (name, name);
        module["url"] = _world.Jar(name, "1.0.0", path);
        await _world.Client.CreateAsync(LooseModuleDeployment.Of(manifest, _world.Namespace) with { Status = null }, "test");
    }

    private Task UpgradeAsync(string name, string? path = null) => _world.UpgradeAsync(name, "2.0.0", _world.Jar(name, "2.0.0", path));

    private async Task PolicyAsync(string name, string policy) =>
        Assert.Equal(policy, (await _world.FindAsync(name))!.Status.ReleaseStatus!.UpgradePolicy);
}
