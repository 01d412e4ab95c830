using System.Text.Json.Nodes;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Dev.Controllers;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>Bases that change under a release.</summary>
[Collection(nameof(ReleaseWorld))]
public sealed class RollingBaseTests(WorldOfFour shared)
{
    private readonly World _world = shared.World;

    /// <remarks>The share of what is on every pod grows with a pod that surges: of four it is two, and none is downgraded
    /// afterwards.</remarks>
    [Theory]
    [InlineData("moving", 3, 1)]
    [InlineData("everywhere", -1, 0)]
    public async Task A_base_that_rolls_in_mid_release_keeps_the_shares_of_both_versions(string name, int replicas, int surge)
    {
        await _world.BaseAsync($"{name}-base", 3);
        await _world.InstalledAsync(New(name, $"{name}-base").Replicas(replicas).Strategy(strategy => strategy with { BatchCount = 3 }));
        await _world.StrategyAsync(name, new() { ["needConfirm"] = true });
        await _world.UpgradeAsync(name, "2.0.0", _world.Jar(name, "2.0.0"));
        await _world.WaitsForConfirmationAsync(name, 1, 1);

        var before = _world.PodsOf($"{name}-base").Select(pod => pod.Metadata.Uid).ToHashSet();
        await _world.Client.PatchAsync<ClusterDeployment>(
            new(_world.Namespace, $"{name}-base"),
            new()
            {
                ["spec"] = new JsonObject
                {
                    ["strategy"] = new JsonObject
                    {
                        ["type"] = "RollingUpdate",
                        ["rollingUpdate"] = new JsonObject { ["maxSurge"] = surge, ["maxUnavailable"] = 1 - surge },
                    },
                    ["template"] = new JsonObject
                    {
                        ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { ["build"] = "2" } },
                    },
                },
            },
            new("test"));
        await Eventually.True(
            () => _world.Pods.List().Where(pod => pod.Metadata.Labels.GetValueOrDefault("app") == $"{name}-base")
                .ToList() is { Count: 3 } pods
                && !pods.Any(pod => before.Contains(pod.Metadata.Uid)),
            () => _world.DescribePodsAsync($"{name}-base").Result, what: "three new pods and no old one");
        await _world.SharesAsync(name, ("1.0.0", 2), ("2.0.0", 1));
        await _world.WaitsForConfirmationAsync(name, 1, 1);
        await _world.ConfirmAsync(name, 2);
        await _world.AvailableAsync(name, 3, "2.0.0");
        Assert.DoesNotContain(_world.ModulesOf(name), module => before.Contains(module.Spec.PodUid));
    }

    [Fact]
    public async Task A_base_that_shrinks_in_mid_release_downgrades_nothing()
    {
        await _world.BaseAsync("shrinking", 4);
        await _world.InstalledAsync(New("shrunk", "shrinking").Symmetric().Strategy(strategy => strategy with { BatchCount = 2 }));
        await _world.StrategyAsync("shrunk", new() { ["needConfirm"] = true });
        await _world.UpgradeAsync("shrunk", "2.0.0", _world.Jar("shrunk", "2.0.0"));
        await _world.WaitsForConfirmationAsync("shrunk", 1, 2);
        var installs = _world.InstallsOf("shrunk:1.0.0");
        var updated = _world.ModulesOf("shrunk").Where(module => module.Spec.Module.Version == "2.0.0")
            .Select(module => module.Spec.PodUid).ToHashSet();
        await _world.ScaleBaseAsync("shrinking", 2);
        await Eventually.True(
            () => _world.ModulesOf("shrunk") is { Count: 2 } modules && modules.All(module => module.IsAvailable),
            () => _world.DumpAsync("shrunk").Result);
        await _world.CaughtUpAsync();
        var left = _world.PodsOf("shrinking").Count(pod => updated.Contains(pod.Metadata.Uid));
        await _world.WaitsForConfirmationAsync("shrunk", 1, Math.Max(1, left));
        Assert.Equal(installs, _world.InstallsOf("shrunk:1.0.0"));
        await _world.ConfirmAsync("shrunk", 1);
        await _world.AvailableAsync("shrunk", 2, "2.0.0");
    }

    [Fact]
    public async Task A_base_that_appears_after_its_modules_is_used_from_then_on()
    {
        await _world.CreateAsync(New("early", "late-base").Replicas(2)
            .Strategy(strategy => strategy with { BatchCount = 2, NeedConfirm = true }));
        await _world.RestsAsync("early", Reasons.BaseNotFound, "there is no Deployment late-base");
        await _world.BaseAsync("late-base", 2);
        await _world.WaitsForConfirmationAsync("early", 1, 1);
        await _world.ConfirmAsync("early", 1);
        await _world.AvailableAsync("early", 2, "1.0.0");
    }

    private ModuleDeployment New(string name, string baseName) =>
        A.Module(name, "1.0.0", _world.Jar(name, "1.0.0")).On(baseName).Policy("uninstall_then_install");
}
