using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Failures;

/// <summary>A module that takes its JVM down five seconds after its start, beside two that have lived for minutes.</summary>
public sealed class PoisonTests(WorldWithoutBase shared) : IClassFixture<WorldWithoutBase>
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
    public async Task Released_at_once_poison_ends_every_life_once_and_all_come_back_without_it()
    {
        await BaseAsync("bold");
        await _world.CreateAsync(Poison("venom", "bold", batchCount: 1, minReadySeconds: 0));
        await _world.RestsAsync("venom", Reasons.BaseDied, "venom 1.0.0 has ended two base JVMs");
        // Where it was installed last, it is still about to end its base.
        await _world.HoldsAsync(() => Deaths("bold") == _world.InstallsOf("venom:1.0.0"), "venom", "it has ended each life in which it was installed");
        await HealthyAsync("bold", "venom:1.0.0");
        Assert.All(_world.PodsOf("bold"), pod => Assert.InRange(_world.Images.Of(pod.Metadata.Uid!).Statistics.Count, 1, 2));
        Assert.InRange(_world.InstallsOf("venom:1.0.0"), 2, 4);
    }

    /// <summary>Four pods with two modules each that are, as far as anyone can tell, minutes old.</summary>
    private async Task BaseAsync(string name)
    {
        // As a JVM: its lives are told apart by their starts.
        _world.Images.Configure = options => options with { StartDelay = TimeSpan.FromSeconds(1.5) };
        _world.Images.AgentClock.Shift = -Minutes;
        await _world.BaseAsync(name, 4);
        foreach (var healthy in NamesOn(name))
        {
            await _world.InstalledAsync(A.Module(healthy, "1.0.0", _world.Jar(healthy, "1.0.0")).On(name).Symmetric());
            foreach (var module in _world.ModulesOf(healthy)) await AgeAsync(module);
        }

        _world.Images.AgentClock.Shift = TimeSpan.Zero;
    }

    /// <summary>The agents' clocks said when it was installed; this says since when it serves.</summary>
    private async Task AgeAsync(Module module)
    {
        var conditions = module.Status.Conditions.Select(condition => condition with { LastTransitionTime = condition.LastTransitionTime - Minutes });
        var status = JsonSerializer.SerializeToNode(module.Status with { Conditions = [.. conditions] }, ModulesJson.Default.ModuleStatus)!;
        var aged = await _world.Client.PatchAsync<Module>(
            ObjectKey.Of(module.Metadata), new() { ["status"] = new JsonObject { ["conditions"] = status["conditions"]!.DeepClone() } },
            new("test") { Subresource = "status" });
        var now = TimeProvider.System.GetUtcNow();
        Assert.All([aged.Status.InstalledAt, aged.Status.Conditions.Find(ModuleConditions.TrafficReady)!.LastTransitionTime],
            since => Assert.True(now - since > TimeSpan.FromMinutes(1), $"{module.Metadata.Name} is young: {since}"));
    }

    private static IReadOnlyList<string> NamesOn(string baseName) => [$"{baseName}-one", $"{baseName}-two"];

    /// <summary>What the bases hold comes first: of a life that has just ended, the API does not know yet.</summary>
    private async Task HealthyAsync(string baseName, string poison)
    {
        await _world.HoldsAsync(
            () => _world.PodsOf(baseName) is { Count: 4 } pods && pods.All(pod => _world.Images.Of(pod.Metadata.Uid!).Biz is var biz
                && !biz.ContainsKey(poison) && NamesOn(baseName).All(healthy => biz.GetValueOrDefault($"{healthy}:1.0.0") == "activated")),
            poison.Split(':')[0], "the healthy ones are active on all four, and the poison on none");
        foreach (var healthy in NamesOn(baseName)) await _world.AvailableAsync(healthy, 4, "1.0.0");
    }

    private int Deaths(string baseName) =>
        _world.PodsOf(baseName).Sum(pod => _world.Images.Of(pod.Metadata.Uid!).Statistics.Count - 1);

    private ModuleDeployment Poison(string name, string baseName, int batchCount, int minReadySeconds)
    {
        var jar = _world.Jar(name, "1.0.0", attributes: new Dictionary<string, string> { ["Simulator-Dies-After-Millis"] = "5000" });
        var deployment = A.Module(name, "1.0.0", jar).On(baseName).Replicas(4).Strategy(strategy => strategy with { BatchCount = batchCount });
        return deployment with { Spec = deployment.Spec with { MinReadySeconds = minReadySeconds } };
    }

    private string Antidote(string name)
    {
        var file = Path.ChangeExtension(new Uri(_world.Jar(name, "1.0.0")).LocalPath, "good.jar");
        ArkletSimulator.SampleJar.Write(file, name, "1.0.0", name);
        return new Uri(file).AbsoluteUri;
    }
}
