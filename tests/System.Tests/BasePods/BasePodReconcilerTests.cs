using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;

namespace ModuleController.SystemTests.BasePods;

/// <summary>What the planner says reaches the API server and the agent, and what comes from there triggers it.</summary>
public sealed class BasePodReconcilerTests : IAsyncLifetime
{
    private BasePodBench _bench = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _bench = await BasePodBench.StartAsync();

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task An_install_is_one_patch_of_the_pod_and_one_of_the_status()
    {
        _bench.Clock.Stand();
        var pod = await _bench.CreatePodAsync();
        var module = await _bench.CreateModuleAsync(pod, "orders");

        var available = await _bench.Becomes(module, found => found.IsAvailable);

        Assert.True(await _bench.HasLabelAsync(pod, "orders"));
        Assert.Equal((1, "life-1", "cafe", 4096L, 0.25),
            (available.Status.Attempts, available.Status.BaseLife, available.Status.ArtifactHash,
            available.Status.MetaspaceBytes, available.Status.InstallSeconds));
        await _bench.WrittenAsync(pods: 1, statuses: 1, modules: 0);
        Assert.Single(_bench.Agents.Sent);
    }

    [Fact]
    public async Task A_deleted_Module_is_uninstalled_and_goes()
    {
        _bench.Clock.Stand();
        var pod = await _bench.CreatePodAsync();
        var module = await _bench.CreateModuleAsync(pod, "orders");
        await _bench.Becomes(module, found => found.IsAvailable);

        await _bench.DeleteAsync(module);
        await _bench.IsGone(module);

        Assert.False(await _bench.HasLabelAsync(pod, "orders"));
        Assert.Equal(["install", "uninstall"], _bench.Agents.Sent.Select(command => command.Action));
        await _bench.WrittenAsync(pods: 2, statuses: 1, modules: 1);
    }

    [Fact]
    public async Task What_looks_like_an_orphan_is_uninstalled_only_when_the_API_server_confirms_that_its_Module_is_gone()
    {
        var pod = await _bench.CreatePodAsync();
        await _bench.Becomes(await _bench.CreateModuleAsync(pod, "orders"), found => found.IsAvailable);
        // The cache does not get to see it.
        _bench.Host.Faults.EventDelay = TimeSpan.FromHours(1);
        var late = await _bench.CreateModuleAsync(pod, "catalog");
        var key = ObjectKey.Of(pod.Metadata);
        _bench.Agents.Add(key, new("catalog", "1.0.0", BizState.Activated) { ModuleUid = late.Metadata.Uid });
        var before = _bench.Lists;
        await Eventually.True(() =>
        {
            _bench.Clock.Jump(BasePodTimes.OrphanGrace);
            _bench.Agents.Touch(key);
            return _bench.Lists >= before + 2 || _bench.Agents.Sent.Count > 1;
        });
        Assert.Equal(["install"], _bench.Agents.Sent.Select(command => command.Action));

        await _bench.PatchAsync(late, """{"metadata":{"finalizers":null}}""");
        await _bench.DeleteAsync(late);
        await Eventually.True(() =>
        {
            _bench.Agents.Touch(key);
            return _bench.Agents.Sent.Count > 1;
        });
        Assert.Equal(("uninstall", late.Metadata.Uid), (_bench.Agents.Sent.Last().Action, _bench.Agents.Sent.Last().ModuleUid));
    }

    [Fact]
    public async Task A_finalizer_is_removed_once_while_the_cache_still_shows_the_removed_Module()
    {
        var pod = await _bench.CreatePodAsync();
        var module = await _bench.CreateModuleAsync(pod, "orders");
        await _bench.Becomes(module, found => found.IsAvailable);

        _bench.Host.Faults.EventDelay = TimeSpan.FromMilliseconds(300);
        await _bench.DeleteAsync(module);
        await _bench.IsGone(module);
        await Eventually.True(() =>
        {
            _bench.Agents.Begin(ObjectKey.Of(pod.Metadata), "life-1");   // triggers a reconcile of the pod
            return _bench.Caches.Modules.Get(ObjectKey.Of(module.Metadata)) is null;
        });

        Assert.Equal(1, _bench.Writes("modules.koupleless.io"));
    }

    [Fact]
    public async Task A_failure_is_in_the_status_and_in_a_Warning()
    {
        _bench.Agents.Failing["orders"] = (FailureReason.BizStartFailed, "cannot reach the ledger database");
        var pod = await _bench.CreatePodAsync();
        var module = await _bench.CreateModuleAsync(pod, "orders");

        var failed = await _bench.Becomes(module, found => found.Status.Status == ModulePhase.Failed);

        Assert.Equal(("BizStartFailed", "FAILED", "cannot reach the ledger database"),
            (failed.Status.LastError!.Reason, failed.Status.LastError.Code, failed.Status.LastError.Message));
        var warning = await Eventually.Some(async () =>
            (await _bench.Client.ListAllAsync<Event>(new() { Namespace = BasePodBench.Namespace }, Cancellation))
                .FirstOrDefault(found => found.InvolvedObject?.Uid == module.Metadata.Uid));
        Assert.Equal(("Warning", "BizStartFailed"), (warning.Type, warning.Reason));
        Assert.Contains("cannot reach the ledger database", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failure_is_final_only_until_its_revision_was_available_elsewhere()
    {
        _bench.Agents.Failing["orders"] = (FailureReason.BizStartFailed, "cannot reach the ledger database");
        var pod = await _bench.CreatePodAsync();
        var (_, replicaSet) = await _bench.CreateRevisionAsync("orders", "1.0.0");
        var module = await _bench.CreateModuleAsync(pod, "orders", owner: replicaSet);
        await _bench.Becomes(module, found => found.Status.Status == ModulePhase.Failed);

        await _bench.PatchAsync(
            replicaSet, $$$"""{"metadata":{"annotations":{"{{{Annotations.FirstAvailableAt}}}":"2026-01-01T00:00:00Z"} } }""");

        await _bench.Becomes(module, found => found.IsAvailable);
    }

    [Fact]
    public async Task What_the_last_error_had_is_gone_from_the_status_after_the_retry_that_succeeds()
    {
        _bench.Agents.Failing["orders"] = (FailureReason.DiskFull, "no space left");
        var pod = await _bench.CreatePodAsync();
        var module = await _bench.CreateModuleAsync(pod, "orders");

        var available = await _bench.Becomes(module, found => found.IsAvailable);

        Assert.Null(available.Status.LastError);
        Assert.Null(available.Status.Message);
        Assert.Equal(2, available.Status.Attempts);
    }

    [Fact]
    public async Task A_new_base_life_cuts_the_label_and_brings_the_module_back()
    {
        _bench.Clock.Stand();
        var pod = await _bench.CreatePodAsync();
        var module = await _bench.CreateModuleAsync(pod, "orders");
        await _bench.Becomes(module, found => found.IsAvailable);

        _bench.Agents.Begin(ObjectKey.Of(pod.Metadata), "life-2");

        await _bench.Becomes(module, found => found.IsAvailable && found.Status.BaseLife == "life-2");
        Assert.True(await _bench.HasLabelAsync(pod, "orders"));
        await _bench.WrittenAsync(pods: 3, statuses: 3, modules: 0);
        Assert.Equal(["life-1", "life-2"], _bench.Agents.Sent.Select(command => command.BaseLife));
    }

    [Fact]
    public async Task A_label_that_somebody_removed_comes_back_and_a_stray_goes()
    {
        var pod = await _bench.CreatePodAsync();
        var module = await _bench.CreateModuleAsync(pod, "orders");
        await _bench.Becomes(module, found => found.IsAvailable);

        await _bench.PatchAsync(pod, """{"metadata":{"labels":{"module.koupleless.io/orders":null,"module.koupleless.io/stray":"true"}}}""");

        await Eventually.True(async () => await _bench.HasLabelAsync(pod, "orders") && !await _bench.HasLabelAsync(pod, "stray"));
    }

    [Fact]
    public async Task Labels_of_ours_are_acted_on_on_base_pods_alone()
    {
        var bare = await _bench.CreatePodAsync("bare");
        var of = await _bench.CreatePodAsync("base-2", gateOf: await _bench.CreateBaseAsync());
        await _bench.CreateRevisionAsync("orders", "1.0.0");
        await _bench.PatchAsync(bare, $$"""{"metadata":{"labels":{"module.koupleless.io/stray":"true","{{Labels.DeletePodDirectly}}":"true"} } }""");
        await _bench.PatchAsync(of, """{"metadata":{"labels":{"module.koupleless.io/stray":"true"} } }""");

        await Eventually.True(async () => !await _bench.HasLabelAsync(of, "stray"));

        Assert.True(await _bench.HasLabelAsync(bare, "stray"));
        await _bench.PatchAsync(of, $$"""{"metadata":{"labels":{"{{Labels.DeletePodDirectly}}":"true"} } }""");
        await Eventually.True(async () => (await _bench.FindAsync(of))!.Metadata.IsDeleting);
        Assert.False((await _bench.FindAsync(bare))!.Metadata.IsDeleting);
    }

    [Fact]
    public async Task Modules_of_a_terminating_pod_are_let_go_without_a_command()
    {
        var pod = await _bench.CreatePodAsync();
        var module = await _bench.CreateModuleAsync(pod, "orders");
        await _bench.Becomes(module, found => found.IsAvailable);

        await _bench.DeleteAsync(pod);
        await Eventually.True(async () => !await _bench.HasLabelAsync(pod, "orders"));
        await _bench.DeleteAsync(module);

        await _bench.IsGone(module);
        Assert.Single(_bench.Agents.Sent);
    }

    [Fact]
    public async Task A_Module_is_uninstalled_when_its_pod_has_left_the_endpoints()
    {
        var pod = await _bench.CreatePodAsync();
        var (_, replicaSet) = await _bench.CreateRevisionAsync("orders", "1.0.0");
        var module = await _bench.CreateModuleAsync(pod, "orders", owner: replicaSet);
        await _bench.Becomes(module, found => found.IsAvailable);
        var slice = await _bench.Client.CreateAsync(
            new EndpointSlice
            {
                Metadata = new()
                {
                    Name = "orders-service-1",
                    Namespace = BasePodBench.Namespace,
                    Labels = new Dictionary<string, string> { ["kubernetes.io/service-name"] = ServiceNames.For("orders") },
                },
                AddressType = "IPv4",
                Endpoints = [
                    new() { Addresses = ["10.0.0.1"],
                    TargetRef = new() { Kind = "Pod", Namespace = BasePodBench.Namespace, Name = pod.Metadata.Name,
                    Uid = pod.Metadata.Uid } }],
            },
            "test", Cancellation);
        await Eventually.True(() => _bench.Caches.EndpointSlices.Get(ObjectKey.Of(slice.Metadata)) is not null);
        await _bench.DeleteAsync(module);

        // It waits, and says for what.
        await _bench.Becomes(module, found => found.Status.Status == ModulePhase.Terminating);
        Assert.Single(_bench.Agents.Sent);

        await _bench.DeleteAsync(slice);
        await _bench.IsGone(module);
    }

    [Fact]
    public async Task A_new_version_waits_for_the_policy_and_goes_ahead_when_it_arrives()
    {
        var pod = await _bench.CreatePodAsync();
        var (_, oldSet) = await _bench.CreateRevisionAsync("orders", "1.0.0");
        var old = await _bench.CreateModuleAsync(pod, "orders", owner: oldSet);
        await _bench.Becomes(old, found => found.IsAvailable);
        var (deployment, newSet) = await _bench.CreateRevisionAsync("orders", "2.0.0");
        var next = await _bench.CreateModuleAsync(pod, "orders", "2.0.0", newSet, old);
        await _bench.Becomes(next, found => found.Status.Status == ModulePhase.Prepare);
        Assert.Single(_bench.Agents.Sent);

        var revision = Revision.Of(newSet.Spec.Template).Hash();
        await _bench.PatchAsync(deployment, $$$"""{"status":{"releaseStatus":{"upgradePolicy":"install_then_uninstall","updateRevision":"{{{revision}}}"} } }""", "status");

        await _bench.Becomes(next, found => found.IsAvailable);
        Assert.True(await _bench.HasLabelAsync(pod, "orders"));
    }

    [Fact]
    public async Task Two_hundred_pods_take_two_writes_each_and_no_lists()
    {
        _bench.Clock.Stand();
        await Eventually.True(() => _bench.Lists == 2);   // the caches' own, at the start
        var modules = new List<Module>();
        for (var number = 0; number < 200; number++)
        {
            var pod = await _bench.CreatePodAsync($"base-{number}");
            modules.Add(await _bench.CreateModuleAsync(pod, "orders"));
        }

        foreach (var module in modules) await _bench.Becomes(module, found => found.IsAvailable);

        await _bench.WrittenAsync(pods: 200, statuses: 200, modules: 0);
        Assert.Equal(200, _bench.Agents.Sent.Select(command => command.ModuleUid).Distinct().Count());
        Assert.Equal(200, _bench.Agents.Sent.Count);
        Assert.Equal(2, _bench.Lists);
    }
}
