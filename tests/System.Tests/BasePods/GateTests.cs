using System.Text.Json.Nodes;
using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Dev.Controllers;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.BasePods;

/// <summary>Bases whose pods have the readiness gate: when they are Ready, and what that does to the base's own rolling update.</summary>
public sealed class GateTests(GateTests.ImpatientWorld shared) : IClassFixture<GateTests.ImpatientWorld>
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(1);

    private readonly World _world = shared.World;

    [Fact]
    public async Task A_base_that_rolls_never_has_fewer_modules_than_it_should()
    {
        await GatedBaseAsync("rolling", 3);
        await _world.InstalledAsync(New("orders", "rolling"));
        await _world.InstalledAsync(New("prices", "rolling"));
        var before = Uids("rolling");
        await using var pods = await Recording<Pod>.StartAsync(_world);
        await using var modules = await Recording<Module>.StartAsync(_world);
        Ordering("orders", new() { InstallTime = Slow });
        Ordering("prices", new() { InstallTime = Slow });

        await RollAsync("rolling");
        await RolledAsync("rolling", 3, before);

        await pods.CaughtUpAsync();
        await modules.CaughtUpAsync();
        foreach (var name in (string[])["orders", "prices"])
            Assert.Equal(3,
                modules.Moments.Min(moment => moment.Values.Count(module => module.IsAvailable && module.Spec.Module.Name == name)));
        var ready = pods.Moments.SelectMany(moment => moment.Values)
            .Where(pod => Of(pod, "rolling") && IsReady(pod) && !pod.Metadata.IsDeleting).ToList();
        Assert.True(ready.Select(pod => pod.Metadata.Uid).Distinct().Count() >= 6);
        Assert.All(ready, pod => Assert.True(
            pod.Metadata.Labels.ContainsKey(Labels.Traffic("orders")) && pod.Metadata.Labels.ContainsKey(Labels.Traffic("prices")),
            $"{pod.Metadata.Name} was Ready without its modules"));
    }

    [Fact]
    public async Task A_new_life_closes_the_gate_until_its_modules_are_back()
    {
        await GatedBaseAsync("mortal", 1);
        await _world.InstalledAsync(New("shop", "mortal"));
        var pod = _world.PodsOf("mortal").Single();
        var simulated = _world.Images.Of(pod.Metadata.Uid!);
        var looked = new TaskCompletionSource();
        simulated.Order("shop", new() { DuringInstall = looked.Task.WaitAsync });
        await using var pods = await Recording<Pod>.StartAsync(_world);

        await simulated.RestartAsync();
        await Eventually.True(() => GateOf(pod) is { Status: Condition.False }, () => Describe("mortal"));
        await Eventually.True(() => !IsReady(_world.Pods.Get(ObjectKey.Of(pod.Metadata))!), () => Describe("mortal"));
        looked.SetResult();
        await Eventually.True(
            () => GateOf(pod) is { Status: Condition.True } && IsReady(_world.Pods.Get(ObjectKey.Of(pod.Metadata))!), () =>
                Describe("mortal"));

        await pods.CaughtUpAsync();
        var states = pods.Moments.Select(moment => moment[pod.Metadata.Name]).ToList();
        string[] gate = [.. states.Select(state => ModulesGate.ConditionOf(state)!.Status)];
        Assert.Equal([Condition.True, Condition.False, Condition.True], gate.Where((status, at) => at == 0 || gate[at - 1] != status));
        // Whoever saw the loss sees the pod's readiness only with the module.
        Assert.All(states.SkipWhile(IsReady).Where(IsReady), state => Assert.Contains(Labels.Traffic("shop"), state.Metadata.Labels.Keys));
        Assert.Equal("true", _world.Pods.Get(ObjectKey.Of(pod.Metadata))!.Metadata.Labels[Labels.Traffic("shop")]);
    }

    [Fact]
    public async Task An_upgrade_in_place_leaves_the_gate_open()
    {
        await GatedBaseAsync("upgraded", 2);
        await _world.InstalledAsync(New("cart", "upgraded"));
        await using var pods = await Recording<Pod>.StartAsync(_world);

        await _world.UpgradeAsync("cart", "2.0.0", _world.Jar("cart", "2.0.0"));
        await _world.AvailableAsync("cart", 2, "2.0.0");

        await pods.CaughtUpAsync();
        var states = pods.Moments.SelectMany(moment => moment.Values).Where(pod => Of(pod, "upgraded")).ToList();
        Assert.Contains(states, pod => !pod.Metadata.Labels.ContainsKey(Labels.Traffic("cart")));   // out of service in between
        Assert.All(states, pod => Assert.Equal(Condition.True, ModulesGate.ConditionOf(pod)!.Status));
        Assert.All(states, pod => Assert.True(IsReady(pod)));
    }

    [Fact]
    public async Task A_module_that_fails_on_the_new_base_alone_halts_the_bases_rollout()
    {
        await GatedBaseAsync("halted", 2);
        await _world.InstalledAsync(New("ledger", "halted"));
        var before = Uids("halted");
        Ordering("ledger", new() { FailCause = "java.lang.NoSuchMethodError: the new base lacks it" });

        await RollAsync("halted");
        await Eventually.True(
            () => NewOf("halted", before) is [var fresh] && GateOf(fresh) is { Reason: ModulesGate.ModulesFailed }, () =>
                Describe("halted"));
        var pod = NewOf("halted", before).Single();
        var closed = GateOf(pod)!;
        Assert.StartsWith("waiting for 1 of 1 required modules: ledger 1.0.0 (BizStartFailed: ", closed.Message, StringComparison.Ordinal);
        Assert.Contains("the new base lacks it", closed.Message, StringComparison.Ordinal);
        await Eventually.True(() => TimeProvider.System.GetUtcNow() > closed.LastTransitionTime!.Value + Timeout + TimeSpan.FromSeconds(2));

        Assert.Equal(Condition.False, GateOf(pod)!.Status);
        Assert.False(IsReady(_world.Pods.Get(ObjectKey.Of(pod.Metadata))!));
        Assert.Equal(2, _world.PodsOf("halted").Count(other => before.Contains(other.Metadata.Uid) && IsReady(other)));
        Assert.Equal(2, _world.ModulesOf("ledger").Count(module => module.IsAvailable));

        // Repaired, it continues by itself.
        Ordering("ledger", null);
        _world.Images.Of(pod.Metadata.Uid!).Order("ledger", null);
        await RolledAsync("halted", 2, before);
        await _world.SharesAsync("ledger", ("1.0.0", 2));
    }

    [Fact]
    public async Task A_revision_that_was_given_up_lets_the_base_roll_after_the_timeout_too()
    {
        await GatedBaseAsync("given-up", 2);
        await _world.InstalledAsync(New("fatal", "given-up"));
        var before = Uids("given-up");
        // Two lives that end within a minute of the install: it is not tried on any pod any more.
        // What is tried again on one before the other's end is known doesn't come up, or its gate would open for good in that life.
        foreach (var old in _world.PodsOf("given-up"))
            _world.Images.Of(old.Metadata.Uid!)
                .Order("fatal",
                new() { DuringInstall = life => Task.Delay(System.Threading.Timeout.InfiniteTimeSpan, TimeProvider.System, life) });
        foreach (var old in _world.PodsOf("given-up")) await _world.Images.Of(old.Metadata.Uid!).RestartAsync();
        await Eventually.True(
            () => _world.PodsOf("given-up").All(pod => GateOf(pod) is { Status: Condition.False, Reason: ModulesGate.ModulesFailed }), () =>
                Describe("given-up"));
        await RollAsync("given-up");
        await OpensAfterTimeoutAsync("given-up", before, "fatal 1.0.0 (");
    }

    [Fact]
    public async Task A_store_that_is_down_delays_a_new_pod_until_the_timeout()
    {
        using var store = new ArtifactServer();
        var url = store.Serve(_world.Jar("remote", "1.0.0"));
        store.Start();
        await GatedBaseAsync("fetching", 1);
        await _world.InstalledAsync(New("remote", "fetching", url));
        var before = Uids("fetching");
        store.Dispose();

        await _world.ScaleBaseAsync("fetching", 2);

        await OpensAfterTimeoutAsync("fetching", before, "remote 1.0.0 (ArtifactUnreachable");
    }

    [Fact]
    public async Task What_is_not_required_holds_no_pod()
    {
        await GatedBaseAsync("free", 1);
        var deployment = New("extra", "free");
        await _world.InstalledAsync(deployment with { Spec = deployment.Spec with { Required = false } });
        var before = Uids("free");
        Ordering("extra", new() { FailCause = "java.lang.IllegalStateException: not today" });

        await _world.ScaleBaseAsync("free", 2);

        await Eventually.True(() => NewOf("free", before) is [var pod] && IsReady(pod), () => Describe("free"));
        var gate = GateOf(NewOf("free", before).Single())!;
        Assert.StartsWith("no module is required here; base life ", gate.Message, StringComparison.Ordinal);
    }

    private async Task OpensAfterTimeoutAsync(string name, HashSet<string?> before, string without)
    {
        await Eventually.True(
            () => NewOf(name, before)
                .Any(pod => GateOf(pod) is { Status: Condition.True, Reason: ModulesGate.OpenedAfterTimeout } && IsReady(pod)),
            () => Describe(name), what: $"a new pod of {name} is Ready after the timeout");
        var opened = NewOf(name, before).First(pod => GateOf(pod)?.Status == Condition.True);
        await _world.WarningAsync(opened.Metadata.Name, ModulesGate.OpenedAfterTimeout, without);
        Assert.True(GateOf(opened)!.LastTransitionTime - opened.Metadata.CreationTimestamp >= Timeout);
    }

    private ModuleDeployment New(string name, string baseName, string? url = null) =>
        A.Module(name, "1.0.0", url ?? _world.Jar(name, "1.0.0")).On(baseName).Symmetric().Policy("uninstall_then_install");

    private async Task GatedBaseAsync(string name, int replicas)
    {
        _world.Images.Started = (_, _) => { };
        await _world.BaseAsync(name, replicas, change: Gated);
        await _world.Client.PatchAsync<ClusterDeployment>(
            new(_world.Namespace, name),
            JsonNode.Parse("""{"spec":{"strategy":{"rollingUpdate":{"maxSurge":1,"maxUnavailable":0} } } }""")!.AsObject(),
            new("test"));
    }

    private static void Gated(JsonObject template) =>
        template["spec"]!["readinessGates"] = new JsonArray(new JsonObject { ["conditionType"] = ModulesGate.ConditionType });

    /// <summary>How a module behaves on bases that start from now on; null: as it should.</summary>
    private void Ordering(string name, Dev.ArkletSimulator.BizBehavior? behavior)
    {
        var before = _world.Images.Started;
        _world.Images.Started = (pod, simulated) =>
        {
            before(pod, simulated);
            simulated.Order(name, behavior);
        };
    }

    private Task RollAsync(string name) => _world.Client.PatchAsync<ClusterDeployment>(
        new(_world.Namespace, name),
        JsonNode.Parse("""{"spec": {"template": {"metadata": {"annotations": {"build": "2"}}}}}""")!.AsObject(),
        new("test"));

    private Task RolledAsync(string name, int replicas, HashSet<string?> before) => Eventually.True(
        () => _world.Pods.List().Where(pod => Of(pod, name)).ToList() is var pods && pods.Count == replicas
            && pods.TrueForAll(pod => IsReady(pod) && !before.Contains(pod.Metadata.Uid)),
        () => Describe(name), TimeSpan.FromSeconds(90), $"{name} has rolled");

    private HashSet<string?> Uids(string name) => [.. _world.PodsOf(name).Select(pod => pod.Metadata.Uid)];

    private List<Pod> NewOf(string name, HashSet<string?> before) =>
        [.. _world.PodsOf(name).Where(pod => !before.Contains(pod.Metadata.Uid))];

    private Condition? GateOf(Pod pod) => _world.Pods.Get(ObjectKey.Of(pod.Metadata)) is { } now ? ModulesGate.ConditionOf(now) : null;

    private static bool Of(Pod pod, string name) => pod.Metadata.Labels.GetValueOrDefault("app") == name;

    private static bool IsReady(Pod pod) => pod.Status.Conditions.IsTrue("Ready");

    private string Describe(string name) =>
        _world.DescribePodsAsync(name).Result + string.Join('\n', _world.PodsOf(name).Select(pod => $"{pod.Metadata.Name}: {GateOf(pod)}"));

    /// <summary>Gates there give up after four seconds.</summary>
    public sealed class ImpatientWorld : WorldWithoutBase
    {
        public override async ValueTask InitializeAsync() => World = await World.StartAsync(world =>
            world.ConfigureController = options => options with { GateTimeout = Timeout });
    }
}
