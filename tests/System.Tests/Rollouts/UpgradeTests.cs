using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>From one version to the next, with every state of pods and Modules on the way looked at.</summary>
public sealed class UpgradeTests(SharedWorld shared) : IClassFixture<SharedWorld>
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task Install_then_uninstall_keeps_the_traffic_label_on_all_the_while()
    {
        await InstallAsync(A.Module("catalog", "1.0.0", Jar("catalog", "1.0.0")).Replicas(3).Policy("install_then_uninstall"));
        await using var pods = await Recording<Pod>.StartAsync(_world);
        await _world.UpgradeAsync("catalog", "2.0.0", Jar("catalog", "2.0.0"));
        await _world.AvailableAsync("catalog", 3, "2.0.0");

        await pods.CaughtUpAsync();
        Assert.All(pods.Moments, moment => Assert.Equal(3, Labelled(moment.Values, "catalog")));
        Assert.All(_world.ModulesOf("catalog"), module => Assert.Equal(["activated"], States(module, "catalog")));
        _world.AssertNothingWasInstalledTwice("catalog");
    }

    [Fact]
    public async Task A_jar_that_is_not_there_or_is_another_version_takes_nothing_out_of_service()
    {
        await InstallAsync(A.Module("steady", "1.0.0", _world.Jar("steady", "1.0.0")).Replicas(3).AtMostUnavailable(1)
            .Policy("uninstall_then_install"));
        await using var modules = await Recording<Module>.StartAsync(_world);
        await _world.UpgradeAsync("steady", "1.1.0", _world.Jar("steady", "1.0.0"));
        await FailedAsync(nameof(FailureReason.InvalidArtifact));
        await _world.UpgradeAsync("steady", "1.2.0", "file:///nowhere/steady.jar");
        await FailedAsync(nameof(FailureReason.ArtifactNotFound));
        await modules.CaughtUpAsync();
        Assert.All(modules.Moments, moment => Assert.Equal(3, Available(moment.Values, "steady")));

        await _world.UpgradeAsync("steady", "1.3.0", _world.Jar("steady", "1.3.0"));
        await _world.AvailableAsync("steady", 3, "1.3.0");

        Task FailedAsync(string reason) => _world.HoldsAsync(
            () => _world.ModulesOf("steady")
                .Any(module => module.Status is { Status: ModulePhase.Failed, LastError: { } error } && error.Reason == reason),
            "steady", $"a new module failed with {reason}");
    }

    [Fact]
    public async Task Uninstall_then_install_cuts_the_traffic_before_the_old_one_goes_and_keeps_max_unavailable()
    {
        // As its uninstall begins, the API server is asked whether the pod has the label still.
        var begun = new ConcurrentQueue<bool>();
        foreach (var pod in _world.PodsOf("base"))
        {
            _world.Images.Of(pod.Metadata.Uid!).Order("orders:1.0.0", new()
            {
                DuringUninstall = async life => begun.Enqueue(
                    (await _world.Client.GetAsync<Pod>(ObjectKey.Of(pod.Metadata), life)).Metadata.Labels.ContainsKey(
                        Labels.Traffic("orders"))),
            });
        }

        await InstallAsync(A.Module("orders", "1.0.0", _world.Jar("orders", "1.0.0")).Replicas(3).AtMostUnavailable(1)
            .Policy("uninstall_then_install").Strategy(strategy => strategy with { TrafficDrainSeconds = 1 }));
        var drained = new ConcurrentQueue<string>();
        await using var pods = await Recording<Pod>.StartAsync(_world, pod =>
        {
            if (!pod.Metadata.Labels.ContainsKey(Labels.Traffic("orders"))) drained.Enqueue(pod.Metadata.Name);
        });
        await using var modules = await Recording<Module>.StartAsync(_world);
        await _world.UpgradeAsync("orders", "1.1.0", _world.Jar("orders", "1.1.0"));
        await _world.AvailableAsync("orders", 3, "1.1.0");

        await pods.CaughtUpAsync();
        await modules.CaughtUpAsync();
        Assert.Equal(3, drained.Intersect(_world.PodsOf("base").Select(pod => pod.Metadata.Name)).Count());
        Assert.Equal([false, false, false], begun);
        Assert.All(pods.Moments, moment => Assert.InRange(Labelled(moment.Values, "orders"), 2, 3));
        Assert.All(modules.Moments, moment => Assert.InRange(Available(moment.Values, "orders"), 2, 3));
        _world.AssertNothingWasInstalledTwice("orders");
    }

    [Fact]
    public async Task Without_a_policy_two_paths_are_installed_side_by_side()
    {
        await InstallAsync(A.Module("prices", "1.0.0", Jar("prices", "1.0.0")).Replicas(1));
        await _world.UpgradeAsync("prices", "2.0.0", Jar("prices", "2.0.0"));
        await _world.AvailableAsync("prices", 1, "2.0.0");
        Assert.Equal("install_then_uninstall", (await _world.FindAsync("prices"))!.Status.ReleaseStatus!.UpgradePolicy);
    }

    [Fact]
    public async Task Without_a_policy_a_shared_path_means_that_the_old_version_goes_first()
    {
        await InstallAsync(A.Module("stock", "1.0.0", _world.Jar("stock", "1.0.0")).Replicas(2));
        await _world.UpgradeAsync("stock", "2.0.0", _world.Jar("stock", "2.0.0"));
        await _world.AvailableAsync("stock", 2, "2.0.0");
        Assert.Equal("uninstall_then_install", (await _world.FindAsync("stock"))!.Status.ReleaseStatus!.UpgradePolicy);
        Assert.DoesNotContain(_world.ModulesOf("stock"), module => module.Status.Attempts > 1);
    }

    [Fact]
    public async Task Redeploy_at_installs_the_same_version_once_more()
    {
        await InstallAsync(A.Module("again", "1.0.0", _world.Jar("again", "1.0.0")).Replicas(2));
        var before = _world.ModulesOf("again").Select(module => module.Metadata.Uid).ToHashSet();
        await _world.PatchSpecAsync("again", new()
        {
            ["template"] = new JsonObject
            {
                ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [Annotations.RedeployAt] = "2026-01-01T00:00:00Z" } },
            },
        });
        await Eventually.True(
            () => !_world.ModulesOf("again").Any(module => before.Contains(module.Metadata.Uid)), () => _world.DumpAsync("again").Result);
        await _world.AvailableAsync("again", 2, "1.0.0");
        Assert.Equal(4, _world.InstallsOf("again:1.0.0"));
        Assert.Equal(2, (await _world.SetsOfAsync("again")).Count);
    }

    [Fact]
    public async Task Going_back_adopts_the_old_replica_set_with_the_newest_revision_number()
    {
        await InstallAsync(A.Module("back", "1.0.0", Jar("back", "1.0.0")).Replicas(1));
        var first = Assert.Single(await _world.SetsOfAsync("back"));
        await _world.UpgradeAsync("back", "2.0.0", Jar("back", "2.0.0"));
        await _world.AvailableAsync("back", 1, "2.0.0");
        await _world.UpgradeAsync("back", "1.0.0", Jar("back", "1.0.0"));
        await _world.AvailableAsync("back", 1, "1.0.0");

        var sets = await _world.SetsOfAsync("back");
        Assert.Equal(2, sets.Count);
        Assert.Equal(first.Metadata.Uid, sets[^1].Metadata.Uid);
        Assert.Equal(3, WorldWaits.Revision(sets[^1]));
        Assert.Equal([0, 1], sets.Select(set => set.Spec.Replicas));
    }

    [Fact]
    public async Task Old_replica_sets_are_kept_up_to_the_history_limit()
    {
        var module = A.Module("history", "1.0.0", Jar("history", "1.0.0")).Replicas(1);
        await InstallAsync(module with { Spec = module.Spec with { RevisionHistoryLimit = 1 } });
        foreach (var version in (string[])["1.0.1", "1.0.2", "1.0.3"])
        {
            await _world.UpgradeAsync("history", version, Jar("history", version));
            await _world.AvailableAsync("history", 1, version);
        }

        await Eventually.True(async () => (await _world.SetsOfAsync("history")).Count == 2, () => _world.DumpAsync("history"));
        Assert.Equal(["1.0.2", "1.0.3"], (await _world.SetsOfAsync("history")).Select(set => set.Spec.Template.Spec.Module.Version));
    }

    [Fact]
    public async Task Another_url_or_digest_is_no_new_revision_and_new_modules_take_it()
    {
        await InstallAsync(A.Module("moved", "1.0.0", _world.Jar("moved", "1.0.0")).Replicas(1));
        var before = Assert.Single(_world.ModulesOf("moved"));
        var other = new Uri(_world.Jar("moved", "1.0.0")).LocalPath.Replace(".jar", "-copy.jar", StringComparison.Ordinal);
        File.Copy(new Uri(_world.Jar("moved", "1.0.0")).LocalPath, other);
        var (url, digest) = (new Uri(other).AbsoluteUri, Digests.Sha256(other));
        await _world.PatchSpecAsync("moved", new()
        {
            ["replicas"] = 2,
            ["template"] = new JsonObject
            {
                ["spec"] = new JsonObject { ["module"] = new JsonObject { ["url"] = url, ["sha256"] = digest } }
            },
        });
        await _world.AvailableAsync("moved", 2, "1.0.0");

        Assert.Single(await _world.SetsOfAsync("moved"));
        Assert.Contains(_world.ModulesOf("moved"), module => module.Metadata.Uid == before.Metadata.Uid);
        var added = _world.ModulesOf("moved").Single(module => module.Metadata.Uid != before.Metadata.Uid);
        Assert.Equal((url, digest), (added.Spec.Module.Url, added.Spec.Module.Sha256));
        await Eventually.True(async () => (await _world.FindAsync("moved"))!.Status.StaleArtifactReplicas == 1,
            () => _world.DumpAsync("moved"));
    }

    [Fact]
    public async Task A_corrected_url_continues_a_first_release_that_failed()
    {
        var missing = new Uri(new Uri(_world.Jar("typo", "1.0.0")), "typo-1.0.O.jar").AbsoluteUri;
        await _world.CreateAsync(A.Module("typo", "1.0.0", missing).Replicas(1));
        await _world.FailedAsync("typo", FailureReason.ArtifactNotFound);
        await _world.UpgradeAsync("typo", "1.0.0", _world.Jar("typo", "1.0.0"));
        await _world.AvailableAsync("typo", 1, "1.0.0");
        Assert.Single(await _world.SetsOfAsync("typo"));
        Assert.Null((await _world.FindAsync("typo"))!.Status.Conditions.Find(DeploymentConditions.ReplicaFailure));
    }

    [Fact]
    public async Task The_only_serving_module_is_not_taken_down_for_a_new_version_unless_that_was_allowed()
    {
        // Its base has one pod: nothing else could serve meanwhile.
        await _world.BaseAsync("single", 1);
        await InstallAsync(A.Module("only", "1.0.0", _world.Jar("only", "1.0.0")).On("single").Replicas(1)
            .Policy("uninstall_then_install"));
        await using var modules = await Recording<Module>.StartAsync(_world);
        await _world.UpgradeAsync("only", "2.0.0", _world.Jar("only", "2.0.0"));
        await _world.ConditionAsync("only", DeploymentConditions.Progressing, Condition.Unknown, Reasons.WouldInterruptService);
        await modules.CaughtUpAsync();
        Assert.All(modules.Moments, moment => Assert.Equal(1, Available(moment.Values, "only")));

        await _world.PatchSpecAsync("only", new() { ["operationStrategy"] = new JsonObject { ["maxUnavailable"] = 1 } });
        await _world.AvailableAsync("only", 1, "2.0.0");
    }

    private async Task InstallAsync(ModuleDeployment deployment)
    {
        await _world.CreateAsync(deployment);
        await _world.AvailableAsync(deployment.Metadata.Name, deployment.Spec.Replicas!.Value,
            deployment.Spec.Template.Spec.Module.Version);
    }

    /// <summary>A path for each version, so that both can live in one JVM.</summary>
    private string Jar(string name, string version) => _world.Jar(name, version, $"{name}-{version}");

    private static int Labelled(IEnumerable<Pod> pods, string module) => pods.Count(pod =>
        pod.Metadata.Labels.GetValueOrDefault("app") == "base" && pod.Metadata.Labels.GetValueOrDefault(Labels.Traffic(module)) == "true");

    private static int Available(IEnumerable<Module> modules, string deployment) => modules
        .Where(module => module.Metadata.Labels.GetValueOrDefault(Labels.ModuleDeployment) == deployment && module.IsAvailable)
        .Select(module => module.Spec.PodUid).Distinct().Count();

    private IEnumerable<string> States(Module module, string biz) =>
        _world.BaseOf(module).Biz.Where(pair => pair.Key.StartsWith($"{biz}:", StringComparison.Ordinal)).Select(pair => pair.Value);
}
