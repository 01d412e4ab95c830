using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Failures;

/// <summary>A module that takes its JVM down five seconds after its start, beside two that have lived for minutes.</summary>
public sealed class QuarantineTests(WorldWithoutBase shared) : IClassFixture<WorldWithoutBase>
{
    private static readonly TimeSpan Minutes = TimeSpan.FromMinutes(5);
    private readonly World _world = shared.World;

    [Fact]
    public async Task Released_in_batches_poison_harms_two_lives_and_is_given_up()
    {
        await BaseAsync("cautious");
        await _world.CreateAsync(Poison("toxin", "cautious", batchCount: 4, minReadySeconds: 60));
        var seen = await _world.RestsAsync("toxin", Reasons.BaseDied, "toxin 1.0.0 has ended two base JVMs");
        Assert.Equal(ReleaseProgress.Aborted, seen.Status.ReleaseStatus!.Progress);
        await HealthyAsync("cautious", "toxin:1.0.0");
        await _world.EventAsync("toxin", Reasons.BaseDied);
        Assert.InRange(Deaths("cautious"), 1, 2);
        Assert.InRange(_world.InstallsOf("toxin:1.0.0"), 1, 2);

        // Given up, until it is another artifact.
        await _world.PatchSpecAsync("toxin", new() { ["minReadySeconds"] = 0 });
        await _world.UpgradeAsync("toxin", "1.0.0", Antidote("toxin"));
        await _world.AvailableAsync("toxin", 4, "1.0.0");
        Assert.InRange(Deaths("cautious"), 1, 2);
    }

    [Fact]
    public async Task Released_at_once_poison_is_given_up_and_all_come_back_without_it()
    {
        await BaseAsync("bold");
        await _world.CreateAsync(Poison("venom", "bold", batchCount: 1, minReadySeconds: 0));
        await _world.RestsAsync("venom", Reasons.BaseDied, "venom 1.0.0 has ended two base JVMs");
        // Where it was installed last, it is still about to end its base.
        await _world.HoldsAsync(() => Deaths("bold") == _world.InstallsOf("venom:1.0.0"), "venom",
            "it has ended each life in which it was installed");
        await HealthyAsync("bold", "venom:1.0.0");
        // On the one whose death was known first it may have been tried once more before the second was.
        var lives = _world.PodsOf("bold").Select(pod => _world.Images.Of(pod.Metadata.Uid!).Statistics.Count).ToList();
        Assert.All(lives, count => Assert.InRange(count, 1, 3));
        Assert.True(lives.Count(count => count == 3) <= 1, string.Join(", ", lives));
        Assert.InRange(_world.InstallsOf("venom:1.0.0"), 2, 5);
    }

    [Fact]
    public async Task On_a_fleet_where_all_is_new_only_the_poison_is_given_up_and_the_five_others_come_back()
    {
        string[] good = ["fresh-one", "fresh-two", "fresh-three", "fresh-four", "fresh-five"];
        _world.Images.Configure = options => options with { StartDelay = TimeSpan.FromSeconds(1.5) };
        await _world.BaseAsync("fresh", 2);
        await Task.WhenAll(
            good.Select(name => _world.CreateAsync(A.Module(name, "1.0.0", _world.Jar(name, "1.0.0")).On("fresh").Symmetric())));
        // Tried before the others, once it is known that they can't be told apart: so that the test takes no minutes.
        var poison = Poison("fresh-poison", "fresh", batchCount: 1, minReadySeconds: 0).Symmetric();
        await _world.CreateAsync(poison with { Spec = poison.Spec with { Priority = 1 } });

        await _world.RestsAsync("fresh-poison", Reasons.BaseDied, "fresh-poison 1.0.0 has ended two base JVMs");
        await _world.HoldsAsync(
            () => _world.PodsOf("fresh") is { Count: 2 } pods && pods.All(pod => _world.Images.Of(pod.Metadata.Uid!).Biz is var biz
                && !biz.ContainsKey("fresh-poison:1.0.0") && good.All(name => biz.GetValueOrDefault($"{name}:1.0.0") == "activated")),
            "fresh-poison", "the good ones are active on both, and the poison on none");
        foreach (var name in good)
        {
            await _world.AvailableAsync(name, 2, "1.0.0");
            var deployment = (await _world.FindAsync(name))!;
            Assert.Equal((ReleaseProgress.Completed, (ReleaseAbort?)null),
                (deployment.Status.ReleaseStatus!.Progress, deployment.Status.ReleaseStatus.Abort));
        }

        // Twice each under suspicion of all, then on its own; once more where one came too late for the other to know.
        Assert.InRange(Deaths("fresh"), 3, 7);
    }

    [Fact]
    public async Task A_revision_that_has_lived_is_installed_again_however_often_all_its_bases_end()
    {
        _world.Images.Configure = options => options with { StartDelay = TimeSpan.FromSeconds(1.5) };
        await _world.BaseAsync("veteran-base", 1);
        await _world.InstalledAsync(A.Module("veteran", "1.0.0", _world.Jar("veteran", "1.0.0")).On("veteran-base").Replicas(1));
        await _world.AgeAsync("veteran");
        var pod = _world.Images.Of(_world.PodsOf("veteran-base")[0].Metadata.Uid!);
        for (var death = 1; death <= 3; death++)
        {
            await pod.RestartAsync();
            await _world.HoldsAsync(
                () => _world.ModulesOf("veteran")[0] is { IsAvailable: true } && _world.InstallsOf("veteran:1.0.0") == 1
                    + death, "veteran", $"back after {death}");
        }

        Assert.Null(_world.ModulesOf("veteran")[0].Status.LastError);
        Assert.Equal(ReleaseProgress.Completed, (await _world.FindAsync("veteran"))!.Status.ReleaseStatus!.Progress);
    }

    /// <summary>Four pods with two modules each that are, as far as anyone can tell, minutes old.</summary>
    private async Task BaseAsync(string name)
    {
        // As a JVM: its lives are told apart by their starts.
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

    /// <summary>What the bases hold comes first: of a life that has just ended, the API does not know yet.</summary>
    private async Task HealthyAsync(string baseName, string poison)
    {
        await _world.HoldsAsync(
            () => _world.PodsOf(baseName) is { Count: 4 } pods && pods.All(pod => _world.Images.Of(pod.Metadata.Uid!).Biz is var biz
                && !biz.ContainsKey(poison) && NamesOfHealthy(baseName)
                    .All(healthy => biz.GetValueOrDefault($"{healthy}:1.0.0") == "activated")),
            poison.Split(':')[0], "the healthy ones are active on all four, and the poison on none");
        foreach (var healthy in NamesOfHealthy(baseName)) await _world.AvailableAsync(healthy, 4, "1.0.0");
    }

    private int Deaths(string baseName) =>
        _world.PodsOf(baseName).Sum(pod => _world.Images.Of(pod.Metadata.Uid!).Statistics.Count - 1);

    private ModuleDeployment Poison(string name, string baseName, int batchCount, int minReadySeconds)
    {
        var jar = _world.Jar(name, "1.0.0", attributes: new Dictionary<string, string> { ["Simulator-Dies-After-Millis"] = "5000" });
        var deployment = A.Module(name, "1.0.0", jar).On(baseName).Replicas(4)
            .Strategy(strategy => strategy with { BatchCount = batchCount });
        return deployment with { Spec = deployment.Spec with { MinReadySeconds = minReadySeconds } };
    }

    private string Antidote(string name)
    {
        var file = Path.ChangeExtension(new Uri(_world.Jar(name, "1.0.0")).LocalPath, "good.jar");
        Dev.ArkletSimulator.SampleJar.Write(file, name, "1.0.0", name);
        return new Uri(file).AbsoluteUri;
    }
}
