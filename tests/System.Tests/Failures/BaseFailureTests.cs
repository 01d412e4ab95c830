using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Failures;

/// <summary>What goes wrong inside a base.</summary>
public sealed class BaseFailureTests(SharedWorld shared) : IClassFixture<SharedWorld>
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task InstallTimedOut_is_stuck_while_others_on_that_base_proceed()
    {
        await _world.BaseAsync("narrow", 1);
        var pod = _world.PodsOf("narrow")[0];
        var hanging = A.Module("hanging", "1.0.0", Jar("hanging", "1.0.0", ("Simulator-Hang", "true"))).On("narrow").Symmetric();
        await _world.CreateAsync(hanging.Strategy(strategy => strategy with { InstallTimeoutSeconds = 4 }));
        var early = A.Module("early", "1.0.0", _world.Jar("early", "1.0.0")).On("narrow").Symmetric();
        await _world.CreateAsync(early);
        await _world.FailedAsync("hanging", FailureReason.InstallTimedOut);
        await _world.AvailableAsync("early", 1, "1.0.0");
        await _world.WarningAsync(pod.Metadata.Name, "NeedsRestart", "hanging:1.0.0");
        Assert.Equal("resolved", _world.Images.Of(pod.Metadata.Uid!).Biz["hanging:1.0.0"]);
        Assert.Equal(1, _world.InstallsOf("hanging:1.0.0"));

        // Only a new life helps.
        _world.Images.Of(pod.Metadata.Uid!).Order("hanging", new() { Hangs = false });
        await _world.Images.Of(pod.Metadata.Uid!).RestartAsync();
        await _world.AvailableAsync("hanging", 1, "1.0.0");
    }

    [Fact]
    public async Task MetaspaceFull_is_tried_again_only_elsewhere()
    {
        // One pod has a limit; it has more headroom than those without one, so it is asked first.
        var isFirst = true;
        _world.Images.Configure = options => options with { MaxMetaspace = Interlocked.Exchange(ref isFirst, false) ? 60_000_000 : -1 };
        await _world.BaseAsync("tight", 2);
        _world.Images.Configure = options => options;
        var small = _world.Images.Living.Single(living => living.Base.Statistics.Count > 0 && IsSmall(living.PodUid));
        await _world.CreateAsync(A.Module("big", "1.0.0", Jar("big", "1.0.0", ("Simulator-Metaspace-Bytes", "20000000"))).On("tight")
            .Replicas(1));
        await _world.AvailableAsync("big", 1, "1.0.0");
        Assert.NotEqual(small.PodUid, _world.ModulesOf("big")[0].Spec.PodUid);
        Assert.Equal(1, small.Base.Statistics[^1].InstallsStarted["big:1.0.0"]);

        // The next leader learns it from the agent's journal, and would ask this pod first, too.
        await _world.StopControllerAsync();
        await _world.StartControllerAsync();
        await Eventually.True(() => _world.PodsOf("tight").All(pod =>
            _world.Controller!.Agents.Find(ObjectKey.Of(pod.Metadata), pod.Metadata.Uid!) is { IsCurrent: true }));
        await _world.CreateAsync(A.Module("later", "1.0.0", _world.Jar("later", "1.0.0")).On("tight").Replicas(1));
        await _world.AvailableAsync("later", 1, "1.0.0");
        Assert.NotEqual(small.PodUid, _world.ModulesOf("later")[0].Spec.PodUid);

        bool IsSmall(string uid) => _world.Controller!.Agents
            .Find(ObjectKey.Of(_world.PodsOf("tight").SingleOrDefault(pod => pod.Metadata.Uid == uid)?.Metadata ?? new()),
                uid)?.Jvm?.MaxMetaspace == 60_000_000;
    }

    [Fact]
    public async Task UninstallFailed_is_reported_where_it_takes_too_long_and_a_late_success_counts()
    {
        var answered = new TaskCompletionSource();
        _world.Order("clingy", new() { DuringUninstall = answered.Task.WaitAsync });
        var slow = A.Module("clingy", "1.0.0", _world.Jar("clingy", "1.0.0")).Replicas(1);
        await _world.CreateAsync(slow.Strategy(strategy => strategy with { InstallTimeoutSeconds = 4 }));
        await _world.AvailableAsync("clingy", 1, "1.0.0");
        var module = _world.ModulesOf("clingy")[0];
        await _world.DeleteAsync("clingy");
        await _world.WarningAsync(module.Metadata.Name, "UninstallFailed", "clingy:1.0.0");
        answered.SetResult();
        await _world.GoneAsync("clingy");
        await _world.HoldsAsync(() => !_world.BaseOf(module).Biz.ContainsKey("clingy:1.0.0"), "clingy",
            "it is gone from the base in the end");
        Assert.Equal(1, _world.BaseOf(module).Statistics[^1].Uninstalls["clingy:1.0.0"]);

        // The base takes the next one of that name.
        await _world.CreateAsync(A.Module("clingy", "1.0.0", _world.Jar("clingy", "1.0.0")).Symmetric());
        await _world.AvailableAsync("clingy", 3, "1.0.0");
    }

    [Fact]
    public async Task SwitchFailed_leaves_the_old_version_serving()
    {
        await _world.CreateAsync(A.Module("toggle", "1.0.0", _world.Jar("toggle", "1.0.0", "toggle-1")).Replicas(1)
            .Policy("install_then_uninstall"));
        await _world.AvailableAsync("toggle", 1, "1.0.0");
        var old = _world.ModulesOf("toggle")[0];
        await using var pods = await Recording<Pod>.StartAsync(_world);
        var jar = _world.Jar(
            "toggle", "2.0.0", "toggle-2", new Dictionary<string,
            string>
            { ["Simulator-Switch-Fail-Cause"] = "java.lang.IllegalStateException: no switch" });
        await _world.UpgradeAsync("toggle", "2.0.0", jar);
        var failed = await _world.FailedAsync("toggle", FailureReason.SwitchFailed);
        Assert.Contains("no switch", failed.Status.LastError!.Message, StringComparison.Ordinal);
        await pods.CaughtUpAsync();
        Assert.All(pods.Moments, moment => Assert.Contains(Labels.Traffic("toggle"), moment[old.Spec.PodName!].Metadata.Labels.Keys));
        Assert.True(_world.ModulesOf("toggle").Single(module => module.Metadata.Uid == old.Metadata.Uid).IsAvailable);
        Assert.Equal("activated", _world.BaseOf(old).Biz["toggle:1.0.0"]);

        // The way out: back to what serves.
        await _world.UpgradeAsync("toggle", "1.0.0", _world.Jar("toggle", "1.0.0"));
        await _world.AvailableAsync("toggle", 1, "1.0.0");
        await _world.HoldsAsync(() => !_world.BaseOf(old).Biz.ContainsKey("toggle:2.0.0"), "toggle", "the new version is gone");
    }

    [Fact]
    public async Task A_biz_installed_by_hand_is_reported_and_stays()
    {
        var pods = _world.PodsOf("base");
        foreach (var pod in pods) await _world.InstallByHandAsync(pod, "packed", "0.9.0", _world.Jar("packed", "0.9.0", "packed-0"));
        await _world.CreateAsync(A.Module("packed", "1.0.0", _world.Jar("packed", "1.0.0", "packed-1")).Replicas(1));
        await Eventually.True(
            async () => (await _world.Client.ListAllAsync<Event>(new() { Namespace = _world.Namespace }))
                .Any(e => e.Reason == "ForeignBiz" && e.Message!.Contains("packed:0.9.0", StringComparison.Ordinal)),
            () => _world.DumpAsync("packed"));
        await _world.DeleteAsync("packed");
        await _world.GoneAsync("packed");
        Assert.All(pods, pod => Assert.Contains("packed:0.9.0", _world.Images.Of(pod.Metadata.Uid!).Biz.Keys));
    }

    [Fact]
    public async Task A_biz_installed_by_hand_is_adopted_by_a_module_of_its_name_and_version()
    {
        var url = _world.Jar("adopted", "1.0.0");
        foreach (var pod in _world.PodsOf("base")) await _world.InstallByHandAsync(pod, "adopted", "1.0.0", url);
        await _world.CreateAsync(A.Module("adopted", "1.0.0", url).Symmetric());
        await _world.AvailableAsync("adopted", 3, "1.0.0");
        Assert.Equal(3, _world.InstallsOf("adopted:1.0.0"));
        await _world.DeleteAsync("adopted");
        await _world.GoneAsync("adopted");
        Assert.All(_world.Images.Living, living => Assert.DoesNotContain("adopted:1.0.0", living.Base.Biz.Keys));
    }

    [Fact]
    public async Task A_biz_that_was_removed_by_hand_is_lost_and_installed_again()
    {
        await _world.CreateAsync(A.Module("plucked", "1.0.0", _world.Jar("plucked", "1.0.0")).Replicas(1));
        await _world.AvailableAsync("plucked", 1, "1.0.0");
        var module = _world.ModulesOf("plucked")[0];
        await _world.UninstallByHandAsync(_world.PodOf(module), "plucked", "1.0.0");
        await _world.WarningAsync(module.Metadata.Name, "BizLost");
        await _world.HoldsAsync(
            () => _world.ModulesOf("plucked")[0].IsAvailable
                && _world.BaseOf(module).Biz.ContainsKey("plucked:1.0.0"), "plucked", "it is back");
        Assert.Equal(2, _world.InstallsOf("plucked:1.0.0"));
    }

    [Fact]
    public async Task BaseDied_gives_a_module_that_ends_its_base_one_more_try_and_no_third()
    {
        // as a JVM: its lives differ by their starts
        _world.Images.Configure = options => options with { StartDelay = TimeSpan.FromSeconds(1.5) };
        await _world.BaseAsync("fragile", 1);
        _world.Images.Configure = options => options;
        var simulated = _world.Images.Of(_world.PodsOf("fragile")[0].Metadata.Uid!);
        await _world.CreateAsync(A.Module("harmless", "1.0.0", _world.Jar("harmless", "1.0.0")).On("fragile").Symmetric());
        await _world.AvailableAsync("harmless", 1, "1.0.0");
        await _world.AgeAsync("harmless");
        await _world.CreateAsync(A.Module("fatal", "1.0.0", Jar("fatal", "1.0.0", ("Simulator-Exits", "true"))).On("fragile").Symmetric());
        await _world.HoldsAsync(
            () => _world.ModulesOf("fatal") is [{ Status: { Status: ModulePhase.Failed, LastError: { Reason: "BaseDied", Code: "2" } } }],
            "fatal", "two lives have ended");
        await _world.ConditionAsync("fatal", DeploymentConditions.ReplicaFailure, Condition.True, "BaseDied");
        await _world.HoldsAsync(
            () => _world.ModulesOf("harmless")[0].IsAvailable
                && simulated.Biz.ContainsKey("harmless:1.0.0"), "harmless", "the other one is back");
        Assert.Equal(3, simulated.Statistics.Count);
        Assert.Equal(2, _world.InstallsOf("fatal:1.0.0"));
    }

    [Fact]
    public async Task A_jvm_that_goes_down_in_mid_install_is_waited_for_and_gets_the_module_once_it_is_back()
    {
        _world.Images.Configure = options => options with { StartDelay = TimeSpan.FromSeconds(1.5) };
        await _world.BaseAsync("faint", 1);
        _world.Images.Configure = options => options;
        var simulated = _world.Images.Of(_world.PodsOf("faint")[0].Metadata.Uid!);
        simulated.Order("cut-off", new() { DuringInstall = life => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, life) });
        await _world.CreateAsync(A.Module("cut-off", "1.0.0", _world.Jar("cut-off", "1.0.0")).On("faint").Symmetric());
        await _world.HoldsAsync(() => _world.InstallsOf("cut-off:1.0.0") == 1, "cut-off", "its install has begun");
        await simulated.KillAsync();
        simulated.Order("cut-off", null);
        await _world.HoldsAsync(
            () => _world.ModulesOf("cut-off") is [{ Status: { Status: ModulePhase.Prepare, Message: { } message } }]
                && message.Contains("to answer", StringComparison.Ordinal), "cut-off", "it says what it waits for");
        await simulated.StartLifeAsync();
        await _world.AvailableAsync("cut-off", 1, "1.0.0");
        await _world.WarningAsync(_world.ModulesOf("cut-off")[0].Metadata.Name, "BaseDied");
        Assert.Equal(2, _world.InstallsOf("cut-off:1.0.0"));
    }

    [Fact]
    public async Task An_arklet_that_refuses_connections_gets_nothing_new_and_what_runs_there_stays()
    {
        await _world.BaseAsync("closed", 1);
        var pod = _world.PodsOf("closed")[0];
        var simulated = _world.Images.Of(pod.Metadata.Uid!);
        await _world.CreateAsync(A.Module("inside", "1.0.0", _world.Jar("inside", "1.0.0")).On("closed").Replicas(1));
        await _world.AvailableAsync("inside", 1, "1.0.0");
        simulated.StopAccepting();
        await Eventually.True(() => _world.Controller!.Agents.Find(ObjectKey.Of(pod.Metadata), pod.Metadata.Uid!) is { IsCurrent: false });
        await _world.CreateAsync(A.Module("outside", "1.0.0", _world.Jar("outside", "1.0.0")).On("closed").Replicas(1));
        await _world.ConditionAsync("outside", DeploymentConditions.Progressing, Condition.Unknown, Reasons.NoEligibleBase);
        await _world.HoldsAsync(
            () => _world.ModulesOf("outside") is [{ Status.Message: { } message }]
                && message.Contains("1 has an Arklet that does not answer", StringComparison.Ordinal), "outside", "it says why it waits");
        Assert.Equal("inside", Assert.Single(_world.ModulesOf("inside")).Spec.Module.Name);
        simulated.ResumeAccepting();
        await _world.AvailableAsync("outside", 1, "1.0.0");
        Assert.Equal(1, _world.InstallsOf("inside:1.0.0"));
    }

    private string Jar(string name, string version, params (string Key, string Value)[] attributes) =>
        _world.Jar(name, version, attributes: attributes.ToDictionary(pair => pair.Key, pair => pair.Value));
}
