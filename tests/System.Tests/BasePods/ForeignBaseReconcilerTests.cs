namespace ModuleController.SystemTests.BasePods;

/// <summary>Pods on one node's host network: what changes on one of them triggers a reconcile of the others.</summary>
public sealed class ForeignBaseReconcilerTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Jvm = TimeProvider.System.GetUtcNow().AddMinutes(-10);

    private BasePodBench _bench = null!;

    public async ValueTask InitializeAsync() => _bench = await BasePodBench.StartAsync();

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task The_second_pod_gets_no_label_and_no_command_and_the_first_is_not_disturbed()
    {
        var first = await _bench.CreatePodAsync("base-1", onHostNetwork: (Jvm.AddSeconds(-1), Jvm));
        var orders = await _bench.CreateModuleAsync(first, "orders");
        await _bench.Becomes(orders, found => found.IsAvailable);

        var second = await _bench.CreatePodAsync("base-2", onHostNetwork: (Jvm.AddSeconds(60), Jvm));
        var stock = await _bench.CreateModuleAsync(second, "stock");

        var reported = await _bench.Becomes(stock, found => found.Status.Message is not null);
        Assert.StartsWith(
            "the agent of pod default/base-2 reaches the Arklet of pod default/base-1 (host network, port 1238), so nothing is installed",
            reported.Status.Message, StringComparison.Ordinal);
        Assert.False(await _bench.HasLabelAsync(second, "stock"));
        Assert.True(await _bench.HasLabelAsync(first, "orders"));
        Assert.True((await _bench.FindAsync(orders))!.IsAvailable);
        Assert.Equal(["orders"], _bench.Agents.Sent.Select(command => command.Name));
        await _bench.WrittenAsync(pods: 1, statuses: 2, modules: 0);
    }

    [Fact]
    public async Task An_owner_that_connects_later_takes_the_label_from_a_pod_that_had_it_and_one_that_goes_gives_it_back()
    {
        var first = await _bench.CreatePodAsync("base-1", onHostNetwork: (Jvm.AddSeconds(-60), Jvm));
        var orders = await _bench.CreateModuleAsync(first, "orders");
        await _bench.Becomes(orders, found => found.IsAvailable);

        var owner = await _bench.CreatePodAsync("base-2", onHostNetwork: (Jvm.AddSeconds(-1), Jvm));

        await _bench.Becomes(orders, found => found is { IsAvailable: false, Status.Message: not null });
        Assert.False(await _bench.HasLabelAsync(first, "orders"));

        await _bench.DeleteAsync(owner);
        await _bench.PatchAsync(owner, """{"metadata":{"finalizers":null}}""");

        await _bench.Becomes(orders, found => found.IsAvailable);
        Assert.True(await _bench.HasLabelAsync(first, "orders"));
    }

    [Fact]
    public async Task A_restart_of_its_container_alone_triggers_a_reconcile()
    {
        var pod = await _bench.CreatePodAsync("base-1", onHostNetwork: (Jvm.AddSeconds(60), Jvm));
        var orders = await _bench.CreateModuleAsync(pod, "orders");
        await _bench.Becomes(orders, found => found.Status.Message is not null);

        var started = Jvm.AddSeconds(-1).UtcDateTime;
        await _bench.PatchAsync(pod, $$$"""
            {"status":{"containerStatuses":[{"name":"base","ready":true,"restartCount":0,"image":"base","imageID":"",
              "state":{"running":{"startedAt":"{{{started:yyyy-MM-ddTHH:mm:ssZ}}}"} } }]}}
            """, "status");

        await _bench.Becomes(orders, found => found.IsAvailable);
    }
}
