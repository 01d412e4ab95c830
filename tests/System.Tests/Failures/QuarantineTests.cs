using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Failures;

/// <summary>A module that ends its JVM five seconds after its start, beside two that were installed minutes before.</summary>
public sealed class QuarantineTests(WorldWithoutBase shared) : IClassFixture<WorldWithoutBase>
{
    private static readonly TimeSpan Minutes = TimeSpan.FromMinutes(5);
    private readonly World _world = shared.World;

    [Fact]
    public async Task A_revision_that_ends_two_JVMs_is_quarantined_until_its_artifact_changes()
    {
        await BaseAsync("exiting");
        await _world.CreateAsync(Fatal("fatal", "exiting", batchCount: 4, minReadySeconds: 60));
        var seen = await _world.RestsAsync("fatal", Reasons.BaseDied, "fatal 1.0.0 has ended two base JVMs");
        Assert.Equal(ReleaseProgress.Aborted, seen.Status.ReleaseStatus!.Progress);
        await HealthyAsync("exiting", "fatal:1.0.0");
        await _world.WarningAsync("fatal", Reasons.BaseDied);
        Assert.InRange(JvmExits("exiting"), 1, 2);
        Assert.InRange(_world.InstallsOf("fatal:1.0.0"), 1, 2);

        await _world.PatchSpecAsync("fatal", new() { ["minReadySeconds"] = 0 });
        await _world.UpgradeAsync("fatal", "1.0.0", Corrected("fatal"));
        await _world.AvailableAsync("fatal", 4, "1.0.0");
        Assert.InRange(JvmExits("exiting"), 1, 2);
    }

    [Fact]
    public async Task A_revision_that_has_lived_is_installed_again_however_often_all_its_bases_end()
    {
        _world.Images.Configure = options => options with { StartDelay = TimeSpan.FromSeconds(1.5) };
        await _world.BaseAsync("proven-base", 1);
        await _world.InstalledAsync(A.Module("proven", "1.0.0", _world.Jar("proven", "1.0.0")).On("proven-base").Replicas(1));
        await _world.AgeAsync("proven");
        var pod = _world.Images.Of(_world.PodsOf("proven-base")[0].Metadata.Uid!);
        for (var exits = 1; exits <= 3; exits++)
        {
            await pod.RestartAsync();
            await _world.HoldsAsync(
                () => _world.ModulesOf("proven")[0] is { IsAvailable: true } && _world.InstallsOf("proven:1.0.0") == 1
                    + exits, "proven", $"available again after {exits} JVM exits");
        }

        Assert.Null(_world.ModulesOf("proven")[0].Status.LastError);
        Assert.Equal(ReleaseProgress.Completed, (await _world.FindAsync("proven"))!.Status.ReleaseStatus!.Progress);
    }

    /// <summary>Four pods with two modules each, installed minutes ago by their status.</summary>
    private async Task BaseAsync(string name)
    {
        // A JVM's start time identifies its base life.
        _world.Images.Configure = options => options with { StartDelay = TimeSpan.FromSeconds(1.5) };
        _world.Images.AgentClock.Shift = -Minutes;
        await _world.BaseAsync(name, 4);
        foreach (var healthy in NamesOfHealthy(name))
        {
            await _world.InstalledAsync(A.Module(healthy, "1.0.0", _world.Jar(healthy, "1.0.0")).On(name).Symmetric());
            await _world.AgeAsync(healthy);
            var now = TimeProvider.System.GetUtcNow();
            Assert.All(_world.ModulesOf(healthy),
                module => Assert.True(now - module.Status.InstalledAt > TimeSpan.FromMinutes(1), $"{module.Metadata.Name} is young"));
        }

        _world.Images.AgentClock.Shift = TimeSpan.Zero;
    }

    private static IReadOnlyList<string> NamesOfHealthy(string baseName) => [$"{baseName}-one", $"{baseName}-two"];

    /// <summary>Checks the bases first: the API does not show yet that a base life has just ended.</summary>
    private async Task HealthyAsync(string baseName, string fatal)
    {
        await _world.HoldsAsync(
            () => _world.PodsOf(baseName) is { Count: 4 } pods && pods.All(pod => _world.Images.Of(pod.Metadata.Uid!).Biz is var biz
                && !biz.ContainsKey(fatal) && NamesOfHealthy(baseName)
                    .All(healthy => biz.GetValueOrDefault($"{healthy}:1.0.0") == "activated")),
            fatal.Split(':')[0], "the healthy ones are active on all four, and the fatal one on none");
        foreach (var healthy in NamesOfHealthy(baseName)) await _world.AvailableAsync(healthy, 4, "1.0.0");
    }

    private int JvmExits(string baseName) =>
        _world.PodsOf(baseName).Sum(pod => _world.Images.Of(pod.Metadata.Uid!).Statistics.Count - 1);

    private ModuleDeployment Fatal(string name, string baseName, int batchCount, int minReadySeconds)
    {
        var jar = _world.Jar(name, "1.0.0", attributes: new Dictionary<string, string> { ["Simulator-Exits-After-Millis"] = "5000" });
        var deployment = A.Module(name, "1.0.0", jar).On(baseName).Replicas(4)
            .Strategy(strategy => strategy with { BatchCount = batchCount });
        return deployment with { Spec = deployment.Spec with { MinReadySeconds = minReadySeconds } };
    }

    private string Corrected(string name)
    {
        var file = Path.ChangeExtension(new Uri(_world.Jar(name, "1.0.0")).LocalPath, "good.jar");
        Dev.ArkletSimulator.SampleJar.Write(file, name, "1.0.0", name);
        return new Uri(file).AbsoluteUri;
    }
}
