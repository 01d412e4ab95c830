using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.RealJvm;

/// <summary>Releases in real JVMs, while somebody calls the module.</summary>
[Collection(RealBases.Collection)]
public sealed class RealReleaseTests(RealBases bases) : IAsyncLifetime
{
    // The rest of the suite may be busy with the same cores.
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan Drain = TimeSpan.FromSeconds(2);

    private World World => bases.World;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(RealJvm.IsConfigured, RealJvm.HowToTurnOn);
        await bases.EmptyAsync();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Nobody_notices_when_the_old_version_goes_first_pod_by_pod()
    {
        await ApplyAsync(Module("orders", "1.0.0").Policy("uninstall_then_install").AtMostUnavailable(1), 2);
        await using var caller = await Caller.StartAsync(World, "orders", Drain, "orders/hello");
        await UpgradeAsync("orders", "1.1.0", 2);
        await AssertSeenAsync(caller, "orders 1.0.0", "orders 1.1.0");
    }

    [Fact]
    public async Task Nobody_notices_when_both_versions_overlap_on_a_path_each()
    {
        await ApplyAsync(Module("catalog", "1.0.0").Policy("install_then_uninstall"), 2);
        await using var caller = await Caller.StartAsync(World, "catalog", Drain, "catalog-v1/hello", "catalog-v2/hello");
        await UpgradeAsync("catalog", "2.0.0", 2);
        await AssertSeenAsync(caller, "catalog 1.0.0", "catalog 2.0.0");
    }

    [Fact]
    public async Task Nobody_notices_when_the_new_version_comes_up_on_another_pod()
    {
        await ApplyAsync(Module("orders", "1.0.0").Policy("scaleup_then_scaledown"), 1);
        var home = World.ModulesOf("orders").Single().Spec.PodName;
        await using var caller = await Caller.StartAsync(World, "orders", Drain, "orders/hello");
        await UpgradeAsync("orders", "1.1.0", 1);
        await AssertSeenAsync(caller, "orders 1.0.0", "orders 1.1.0");
        Assert.NotEqual(home, World.ModulesOf("orders").Single().Spec.PodName);
    }

    [Fact]
    public async Task A_batch_waits_for_its_confirmation_and_undo_fast_takes_it_back()
    {
        await ApplyAsync(Module("orders", "1.0.0").Policy("uninstall_then_install")
            .Strategy(strategy => strategy with { BatchCount = 2, NeedConfirm = true }), 2, confirm: true);
        await World.UpgradeAsync("orders", "1.1.0", RealJvm.Jar("orders", "1.1.0"));
        await World.WaitsForConfirmationAsync("orders", 1, 1);
        Assert.Equal(["orders 1.0.0", "orders 1.1.0"],
            (await Task.WhenAll(bases.Pods.Select(pod => RealBases.AnswerAsync(pod, "orders/hello")))).Order());

        await World.ActAsync("orders", "undo-fast", "operator", "too slow");
        Assert.Equal("too slow", (string?)(await World.ActedAsync("orders", "undo-fast"))["reason"]);
        await AvailableAsync("orders", 2, "1.0.0");
        foreach (var pod in bases.Pods) Assert.Equal("orders 1.0.0", await RealBases.AnswerAsync(pod, "orders/hello"));
    }

    [Fact]
    public async Task A_version_that_does_not_start_is_rolled_back_with_its_cause()
    {
        await ApplyAsync(Module("orders", "1.1.0").Policy("uninstall_then_install").AtMostUnavailable(1)
            .Strategy(strategy => strategy with { AutoRollback = true }), 2);
        await World.PatchSpecAsync("orders", new() { ["progressDeadlineSeconds"] = 3 });
        await World.UpgradeAsync("orders", "2.0.0", RealJvm.Jar("orders", "2.0.0"));
        await World.WarningAsync("orders", Reasons.RollingBack, "BizStartFailed");
        var seen = await World.SeenAsync("orders",
            deployment =>
                deployment.Status.Conditions.Find(DeploymentConditions.Progressing)?.Reason == Reasons.RolledBack, "it is rolled back",
                Timeout);
        Assert.Equal((ReleaseProgress.Aborted, 2), (seen.Status.ReleaseStatus!.Progress, seen.Status.AvailableReplicas));
        Assert.NotNull(seen.Status.AbortedRevision);
        Assert.Equal("2.0.0", seen.Spec.Template.Spec.Module.Version);
        foreach (var pod in bases.Pods) Assert.Equal("orders 1.1.0", await RealBases.AnswerAsync(pod, "orders/hello"));
    }

    private static ModuleDeployment Module(string name, string version) => A.Module(name, version, RealJvm.Jar(name, version))
        .WithService().Strategy(strategy => strategy with { TrafficDrainSeconds = (int)Drain.TotalSeconds });

    private async Task ApplyAsync(ModuleDeployment deployment, int replicas, bool confirm = false)
    {
        var name = deployment.Metadata.Name;
        await World.CreateAsync(deployment.Replicas(replicas));
        if (confirm)
        {
            await World.WaitsForConfirmationAsync(name, 1, 1);
            await World.ActAsync(name, "promote");
        }

        await AvailableAsync(name, replicas, deployment.Spec.Template.Spec.Module.Version);
        await Eventually.True(
            async () =>
                (await World.EndpointsAsync($"{name}-service")).Count == replicas, () =>
                bases.DumpAsync(name), Timeout, "all endpoints are there");
    }

    private async Task UpgradeAsync(string name, string version, int count)
    {
        await World.UpgradeAsync(name, version, RealJvm.Jar(name, version));
        await AvailableAsync(name, count, version);
    }

    private Task AvailableAsync(string name, int count, string version) => World.AvailableAsync(name, count, version, Timeout);

    private async Task AssertSeenAsync(Caller caller, string before, string after)
    {
        await Eventually.True(() => caller.Answers.Contains(after), () => caller.ToString(), Timeout, $"somebody heard {after}");
        await caller.StopAsync();
        Assert.Empty(caller.Failures);
        Assert.Equal([before, after], caller.Answers.Distinct().Order());
        Assert.Equal(UpgradePolicies.Parse((await World.FindAsync(caller.Module))!.Spec.OperationStrategy.UpgradePolicy)!.Value.Text(),
            (await World.FindAsync(caller.Module))!.Status.ReleaseStatus!.UpgradePolicy);
    }
}
