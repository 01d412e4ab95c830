using System.Collections.Concurrent;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>JVMs that end, hang and come back, and agents that do.</summary>
public sealed class BaseLifeTests(SharedWorld shared) : IClassFixture<SharedWorld>
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task A_jvm_that_dies_loses_the_label_and_gets_it_back_with_its_module()
    {
        await InstallAsync(A.Module("shop", "1.0.0", _world.Jar("shop", "1.0.0")).Replicas(3).WithService());
        var module = _world.ModulesOf("shop")[0];
        var (pod, simulated) = (_world.PodOf(module), _world.BaseOf(module));
        // It comes back when its pod has been seen without the label.
        var cut = new TaskCompletionSource();
        simulated.Order("shop", new() { DuringInstall = cut.Task.WaitAsync });
        var labels = new List<(bool IsOn, bool IsServing)>();
        await using var pods = await Recording<Pod>.StartAsync(_world, seen =>
        {
            if (seen.Metadata.Uid == pod.Metadata.Uid)
                labels.Add(
                    (seen.Metadata.Labels.ContainsKey(Labels.Traffic("shop")),
                    simulated.Biz.GetValueOrDefault("shop:1.0.0") == "activated"));
            if (labels is [.., { IsOn: false }]) cut.TrySetResult();
        });

        await simulated.RestartAsync();
        await _world.HoldsAsync(
            () => _world.HasLabel(pod, "shop") && _world.ModulesOf("shop")
                .Single(other => other.Metadata.Uid == module.Metadata.Uid) is { IsAvailable: true } now
                && now.Status.BaseLife != module.Status.BaseLife, "shop", "it is back in the new life");
        await pods.CaughtUpAsync();
        Assert.Contains((false, false), labels);
        Assert.All(labels.SkipWhile(seen => seen.IsOn), seen => Assert.True(!seen.IsOn || seen.IsServing));
        Assert.All(pods.Moments, moment => Assert.All(
            moment.Values.Where(other => other.Metadata.Uid != pod.Metadata.Uid
                && other.Metadata.Labels.GetValueOrDefault("app") == "base"),
            other => Assert.Contains(Labels.Traffic("shop"), other.Metadata.Labels.Keys)));
        Assert.Equal(1, simulated.Statistics[^1].InstallsStarted["shop:1.0.0"]);
        _world.AssertNothingWasInstalledTwice("shop");
    }

    [Fact]
    public async Task A_new_life_gets_its_modules_back_in_order_of_priority_each_once()
    {
        string[] inOrder = ["high", "older", "younger", "low"];
        (string Name, int? Priority)[] modules = [("low", -5), ("older", null), ("younger", null), ("high", 7)];
        await _world.BaseAsync("ranked", 1);
        var simulated = _world.Images.Of(_world.PodsOf("ranked")[0].Metadata.Uid!);
        foreach (var (name, priority) in modules)
        {
            var deployment = A.Module(name, "1.0.0", _world.Jar(name, "1.0.0")).On("ranked").Symmetric();
            await _world.CreateAsync(deployment with { Spec = deployment.Spec with { Priority = priority } });
            await _world.AvailableAsync(name, 1, "1.0.0");
            // Ages are whole seconds: the next one is younger for certain.
            var created = (await _world.FindAsync(name))!.Metadata.CreationTimestamp!.Value;
            await Eventually.True(() => TimeProvider.System.GetUtcNow() >= created.AddSeconds(1));
        }

        // What is seen of the API server need not be in the order of the installs: two that ended may be written at once.
        var back = new ConcurrentQueue<string>();
        foreach (var name in inOrder)
        {
            simulated.Order(name, new()
            {
                DuringInstall = _ =>
                {
                    back.Enqueue(name);
                    return Task.CompletedTask;
                },
            });
        }

        await simulated.RestartAsync();
        foreach (var name in inOrder)
            await _world.HoldsAsync(
                () => simulated.Statistics[^1].Installs.ContainsKey($"{name}:1.0.0")
                    && _world.ModulesOf(name)[0].IsAvailable, name, $"{name} is back");

        Assert.Equal(inOrder, back);
        Assert.All(inOrder, name => Assert.Equal(1, simulated.Statistics[^1].InstallsStarted[$"{name}:1.0.0"]));
        Assert.Equal(1, simulated.Statistics[^1].MaxConcurrent);
    }

    [Fact]
    public async Task A_base_that_hangs_changes_nothing_and_gets_no_commands()
    {
        await InstallAsync(A.Module("calm", "1.0.0", _world.Jar("calm", "1.0.0")).Replicas(3));
        var module = _world.ModulesOf("calm")[0];
        var (pod, simulated) = (_world.PodOf(module), _world.BaseOf(module));
        await using var pods = await Recording<Pod>.StartAsync(_world);
        simulated.Hang();
        await Eventually.True(() => _world.Controller!.Agents.Find(ObjectKey.Of(pod.Metadata), pod.Metadata.Uid!) is { IsCurrent: false });

        // The other two go on; this one waits, and says why.
        await _world.CreateAsync(A.Module("eager", "1.0.0", _world.Jar("eager", "1.0.0")).Symmetric());
        await _world.HoldsAsync(() => _world.ModulesOf("eager").Count(other => other.IsAvailable) == 2, "eager", "two are available");
        await _world.HoldsAsync(
            () => _world.ModulesOf("eager")
                .SingleOrDefault(other => !other.IsAvailable)?.Status.Message?.Contains("does not answer",
                StringComparison.Ordinal) == true,
            "eager", "the third says that Arklet does not answer");
        await pods.CaughtUpAsync();
        Assert.All(pods.Moments, moment => Assert.Equal("true", moment[pod.Metadata.Name].Metadata.Labels[Labels.Traffic("calm")]));
        Assert.True(_world.ModulesOf("calm").All(other => other.IsAvailable));
        Assert.DoesNotContain("eager:1.0.0", simulated.Statistics[^1].InstallsStarted.Keys);

        simulated.Resume();
        await _world.AvailableAsync("eager", 3, "1.0.0");
        Assert.Equal(1, simulated.Statistics[^1].InstallsStarted["calm:1.0.0"]);
        Assert.Equal(1, simulated.Statistics[^1].InstallsStarted["eager:1.0.0"]);
    }

    [Fact]
    public async Task An_agent_that_ends_and_comes_back_changes_nothing()
    {
        await InstallAsync(A.Module("steady", "1.0.0", _world.Jar("steady", "1.0.0")).Replicas(3));
        await using var pods = await Recording<Pod>.StartAsync(_world);
        await using var modules = await Recording<Module>.StartAsync(_world);
        foreach (var pod in _world.PodsOf("base")) _world.Images.KillAgent(pod.Metadata.Uid!);
        await Eventually.True(() => _world.PodsOf("base").All(pod => _world.Images.AgentStarts(pod.Metadata.Uid!) == 2));
        await Eventually.True(() => _world.PodsOf("base").All(pod =>
            _world.Controller!.Agents.Find(ObjectKey.Of(pod.Metadata), pod.Metadata.Uid!) is { IsCurrent: true }));

        await pods.CaughtUpAsync();
        await modules.CaughtUpAsync();
        Assert.All(pods.Moments,
            moment => Assert.Equal(3, moment.Values.Count(pod => pod.Metadata.Labels.ContainsKey(Labels.Traffic("steady")))));
        Assert.All(modules.Moments,
            moment => Assert.Equal(3, moment.Values.Count(module => module.IsAvailable && module.Spec.Module.Name == "steady")));
        _world.AssertNothingWasInstalledTwice("steady");
    }

    [Fact]
    public async Task A_replay_uses_what_the_module_was_installed_from()
    {
        await _world.BaseAsync("archive", 1);
        var url = _world.Jar("kept", "1.0.0");
        await InstallAsync(A.Module("kept", "1.0.0", url).On("archive").Replicas(1));
        var module = _world.ModulesOf("kept")[0];
        File.Delete(new Uri(url).LocalPath);                  // the agent has it still
        await _world.BaseOf(module).RestartAsync();
        await _world.HoldsAsync(
            () => _world.ModulesOf("kept") is [{ IsAvailable: true } one] && one.Metadata.Uid == module.Metadata.Uid
                && one.Status.BaseLife != module.Status.BaseLife, "kept", "it is back in a new life");
    }

    private async Task InstallAsync(ModuleDeployment deployment)
    {
        await _world.CreateAsync(deployment);
        await _world.AvailableAsync(deployment.Metadata.Name, deployment.Spec.Replicas!.Value,
            deployment.Spec.Template.Spec.Module.Version);
    }
}
