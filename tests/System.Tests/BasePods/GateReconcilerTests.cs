using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.SystemTests.BasePods;

/// <summary>The readiness gate against an API server: what is written, how often, and what triggers a pod that waits.</summary>
public sealed class GateReconcilerTests : IAsyncLifetime
{
    private BasePodBench _bench = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _bench = await BasePodBench.StartAsync();

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task A_life_costs_one_patch_and_its_loss_another_and_the_kubelets_conditions_stay()
    {
        _bench.Clock.Stand();      // however slow the machine: nothing takes so long that it is reported meanwhile
        var (_, set) = await RequiredAsync("orders");
        var pod = await _bench.CreatePodAsync(gateOf: await _bench.CreateBaseAsync());
        await _bench.PatchAsync(
            pod, """{"status":{"conditions":[{"type":"ContainersReady","status":"True"},{"type":"Ready","status":"False","reason":"ReadinessGatesNotReady"}]}}""", "status");
        var before = _bench.Writes("pods", "status");
        await _bench.CreateModuleAsync(pod, "orders", owner: set);

        var open = await _bench.GateBecomes(pod, found => found.Status == Condition.True);
        Assert.Equal("all 1 required modules are installed; base life life-1", open.Message);
        Assert.True(await _bench.HasLabelAsync(pod, "orders"));
        await GatesWrittenAsync(before + 1);

        _bench.Agents.Begin(ObjectKey.Of(pod.Metadata), "life-2");
        await _bench.GateBecomes(pod, found => found.Message!.EndsWith("life-2", StringComparison.Ordinal));
        await GatesWrittenAsync(before + 3);
        var conditions = (await _bench.FindAsync(pod))!.Status.Conditions;
        Assert.Equal(["ContainersReady", "Ready", ModulesGate.ConditionType], conditions.Select(condition => condition.Type)
            .Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_pod_without_the_gate_gets_no_status_of_ours()
    {
        var (_, set) = await RequiredAsync("orders");
        var pod = await _bench.CreatePodAsync();
        var module = await _bench.CreateModuleAsync(pod, "orders", owner: set);

        await _bench.Becomes(module, found => found.IsAvailable);

        Assert.Equal(0, _bench.Writes("pods", "status"));
    }

    [Fact]
    public async Task A_pod_whose_base_is_not_known_is_left_alone()
    {
        var unseen = new ReplicaSet { Metadata = new() { Name = "base-1", Uid = "not-yet" } };
        var waiting = await _bench.CreatePodAsync("waiting", gateOf: unseen);
        var known = await _bench.CreatePodAsync("known", gateOf: await _bench.CreateBaseAsync("other"));

        await _bench.GateBecomes(known, found => found.Status == Condition.True);

        Assert.Null(await _bench.GateOf(waiting));
    }

    [Fact]
    public async Task It_says_what_it_waits_for_and_opens_when_that_is_required_no_longer()
    {
        var (deployment, _) = await RequiredAsync("orders");
        var pod = await _bench.CreatePodAsync(gateOf: await _bench.CreateBaseAsync());
        var closed = await _bench.GateBecomes(pod, found => found.Status == Condition.False);
        Assert.Equal((ModulesGate.WaitingForModules, "waiting for 1 of 1 required modules: orders 1.0.0 (no Module on this pod yet)"),
            (closed.Reason, closed.Message));

        await _bench.PatchAsync(deployment, """{"spec":{"required":false}}""");

        await _bench.GateBecomes(pod,
            found => found is { Status: Condition.True, Message: "no module is required here; base life life-1" });
    }

    [Fact]
    public async Task A_pod_is_looked_at_when_a_base_that_was_made_anew_adopts_what_the_one_before_left()
    {
        await RequiredAsync("orders");
        var made = await _bench.CreateBaseAsync();
        var left = await _bench.PatchAsync(made, """{"metadata":{"ownerReferences":[]}}""");
        await Eventually.True(() => _bench.Caches.ReplicaSets.Get(ObjectKey.Of(left.Metadata)) is { Metadata.Controller: null });
        var pod = await _bench.CreatePodAsync("left", gateOf: left);
        await _bench.GateBecomes(await _bench.CreatePodAsync("known", gateOf: await _bench.CreateBaseAsync("other")),
            found => found.Status == Condition.True);
        Assert.Null(await _bench.GateOf(pod));

        await _bench.PatchAsync(left, """
            {"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"base","uid":"made-anew","controller":true}]}}
            """);

        await _bench.GateBecomes(pod, found => found.Status == Condition.False);
    }

    [Fact]
    public async Task It_opens_when_the_ModuleDeployment_is_deleted()
    {
        var (deployment, _) = await RequiredAsync("orders");
        var pod = await _bench.CreatePodAsync(gateOf: await _bench.CreateBaseAsync());
        await _bench.GateBecomes(pod, found => found.Status == Condition.False);

        await _bench.DeleteAsync(deployment);

        await _bench.GateBecomes(pod, found => found.Status == Condition.True);
    }

    [Fact]
    public async Task It_opens_when_no_revision_has_completed_any_more()
    {
        var (_, set) = await RequiredAsync("orders");
        var pod = await _bench.CreatePodAsync(gateOf: await _bench.CreateBaseAsync());
        await _bench.GateBecomes(pod, found => found.Status == Condition.False);

        await _bench.DeleteAsync(set);

        await _bench.GateBecomes(pod, found => found.Status == Condition.True);
    }

    [Fact]
    public async Task After_the_timeout_it_opens_where_older_pods_of_the_base_fail_too_and_none_of_them_serves()
    {
        var (_, set) = await RequiredAsync("orders");
        var (oldBase, newBase) = (await _bench.CreateBaseAsync(revision: 1), await _bench.CreateBaseAsync(revision: 2));
        var pod = await _bench.CreatePodAsync("new", gateOf: newBase);
        _bench.Agents.Failing["orders"] = (FailureReason.BizStartFailed, "cannot reach the ledger database");
        await _bench.CreateModuleAsync(pod, "orders", owner: set);
        var closed = await _bench.GateBecomes(pod, found => found.Reason == ModulesGate.ModulesFailed);
        Assert.Equal("waiting for 1 of 1 required modules: orders 1.0.0 (BizStartFailed: cannot reach the ledger database)", closed.Message);
        var serving = await _bench.CreatePodAsync("old-1", gateOf: oldBase);
        var served = await _bench.CreateModuleAsync(serving, "orders", owner: set);
        await _bench.Becomes(served, found => found.IsAvailable);
        var failing = await _bench.CreatePodAsync("old-2", gateOf: oldBase);
        _bench.Agents.Failing["orders"] = (FailureReason.BizStartFailed, "cannot reach the ledger database");
        var failed = await _bench.CreateModuleAsync(failing, "orders", owner: set);
        await _bench.Becomes(failed, found => found.Status.LastError is not null);

        _bench.Clock.Jump(TimeSpan.FromMinutes(1));
        await LooksAtAsync(pod);
        Assert.Equal(Condition.False, (await _bench.GateOf(pod))!.Status);      // the base that rolls on would lose it on old-1
        await _bench.DeleteAsync(served);

        var open = await _bench.GateBecomes(pod, found => found.Status == Condition.True);
        Assert.Equal(ModulesGate.OpenedAfterTimeout, open.Reason);
        await _bench.GateBecomes(failing, found => found.Status == Condition.False);  // there is no older one than this
        var warning = await Eventually.Some(async () =>
            (await _bench.Client.ListAllAsync<Event>(new() { Namespace = BasePodBench.Namespace }, Cancellation))
            .FirstOrDefault(found => found.Reason == ModulesGate.OpenedAfterTimeout));
        Assert.Equal(("Warning", pod.Metadata.Uid), (warning.Type, warning.InvolvedObject?.Uid));
    }

    // The server counts a request when it has answered it.
    private async Task GatesWrittenAsync(long count)
    {
        await Eventually.True(() => _bench.Writes("pods", "status") >= count);
        Assert.Equal(count, _bench.Writes("pods", "status"));
    }

    /// <summary>A stray label is taken away in a look of its own, so that one has begun after now.</summary>
    private async Task LooksAtAsync(Pod pod)
    {
        await _bench.PatchAsync(pod, """{"metadata":{"labels":{"module.koupleless.io/stray":"true"}}}""");
        await Eventually.True(async () => !await _bench.HasLabelAsync(pod, "stray"));
    }

    private async Task<(ModuleDeployment Deployment, ModuleReplicaSet ReplicaSet)> RequiredAsync(string name)
    {
        var (deployment, set) = await _bench.CreateRevisionAsync(name, "1.0.0");
        deployment = await _bench.PatchAsync(deployment, """{"spec":{"replicas":-1}}""");
        set = await _bench.PatchAsync(set, """{"metadata":{"annotations":{"koupleless.io/completed-at":"2026-01-01T00:00:00Z"}}}""");
        // A pod that is judged before the controller knows of it has its gate opened, once for its whole life.
        await Eventually.True(() => _bench.Caches.ModuleDeployments.Get(ObjectKey.Of(deployment.Metadata))?.Spec.IsSymmetric == true
            && _bench.Caches.ModuleReplicaSets.Get(ObjectKey.Of(set.Metadata))?.Metadata.Annotations.ContainsKey(
                Annotations.CompletedAt) == true);
        return (deployment, set);
    }
}
