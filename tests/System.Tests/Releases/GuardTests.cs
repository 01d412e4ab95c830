using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Releases;

/// <summary>What is decided on a stale cache is not carried out.</summary>
public sealed class GuardTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_goal_that_somebody_changed_since_it_was_observed_is_decided_again_and_never_sent_again()
    {
        await using var bench = await ReleaseBench.StartAsync(2);
        await bench.CreateAsync("shop", 1);
        await bench.Completes("shop", 1);
        var sent = new ConcurrentQueue<string>();
        bench.Race.BeforePatch = async (name, patch) =>
        {
            if (patch["spec"]?["replicas"] is null || name == "shop") return;
            sent.Enqueue(patch.ToJsonString());
            if (sent.Count == 1) await PatchAsync<ModuleReplicaSet>(bench, name, """{"spec":{"replicas":5}}""");
        };
        await bench.PatchAsync("shop", """{"spec":{"replicas":2}}""");
        await bench.Completes("shop", 2);
        Assert.Equal(2, Assert.Single(await bench.ListAsync<ModuleReplicaSet>()).Spec.Replicas);
        Assert.Equal(2, sent.Count);
        Assert.Equal(2, sent.Distinct().Count());
        Assert.DoesNotContain(await bench.ListAsync<Event>(), recorded => recorded.Reason == Reasons.WriteRejected);
    }

    [Fact]
    public async Task A_batch_whose_scaling_meets_conflicts_is_reported_once()
    {
        await using var bench = await ReleaseBench.StartAsync(1);
        var conflicts = 0;
        bench.Race.BeforePatch = async (name, patch) =>
        {
            if (patch["spec"]?["replicas"] is null || name == "shop" || ++conflicts > 3) return;
            var conflict = """{"metadata":{"annotations":{"conflict":"N"}}}""".Replace("N", $"{conflicts}", StringComparison.Ordinal);
            await PatchAsync<ModuleReplicaSet>(bench, name, conflict);
        };
        await bench.CreateAsync("shop", 1);
        await bench.Completes("shop", 1);
        Assert.Equal(4, conflicts);
        await Eventually.True(async () => (await bench.ListAsync<Event>()).Any(recorded => recorded.Reason == Reasons.ReleaseCompleted));
        Assert.Equal(1, Assert.Single(await bench.ListAsync<Event>(), recorded => recorded.Reason == Reasons.BatchStarted).Count);
    }

    [Fact]
    public async Task A_module_that_somebody_bound_since_it_was_observed_is_not_bound_again()
    {
        await using var bench = await ReleaseBench.StartAsync(1);
        await bench.CreateAsync("shop", 2);
        await IsExplainedAsync(bench);
        var guards = new ConcurrentQueue<string?>();
        bench.Race.BeforePatch = async (name, patch) =>
        {
            if (patch["spec"]?["podName"] is null) return;
            guards.Enqueue(patch["metadata"]?["resourceVersion"]?.GetValue<string>());
            await PatchAsync<Module>(bench, name, """{"spec":{"podName":"base-first","podUid":"first"}}""");
        };
        await bench.AddPodAsync("base-second");
        await Eventually.True(async () => (await bench.ListAsync<Module>()).Any(module => module.Spec.PodName == "base-second"));
        // The one of the other leader is on a pod that does not exist: it is replaced, not moved.
        await bench.Completes("shop", 2);
        Assert.NotNull(Assert.Single(guards));
        Assert.DoesNotContain(await bench.ListAsync<Event>(), recorded => recorded.Reason == Reasons.WriteRejected);
    }

    [Fact]
    public async Task Before_a_module_is_removed_because_its_pod_is_in_no_cache_the_api_server_confirms_it()
    {
        await using var bench = await ReleaseBench.StartAsync(1);
        await bench.CreateAsync("shop", 2);
        await IsExplainedAsync(bench);
        bench.Host.Faults.RejectNext(100_000, "watch", "pods", 500);
        bench.Host.Faults.RejectNext(100_000, "list", "pods", 500);
        bench.Host.Faults.CutWatches("pods");
        await bench.AddPodAsync("base-late");
        var pod = await bench.Client.GetAsync<Pod>(new("default", "base-late"), Cancellation);
        var waiting = (await bench.ListAsync<Module>()).Single(module => !module.IsBound);
        await PatchAsync<Module>(bench, waiting.Metadata.Name,
            """{"spec":{"podName":"base-late","podUid":"UID"}}""".Replace("UID", pod.Metadata.Uid, StringComparison.Ordinal));
        await IsAskedAsync(bench);
        Assert.Equal((waiting.Metadata.Uid, false), await StateAsync(bench, waiting.Metadata.Name));
        Assert.Equal(2, (await bench.ListAsync<Module>()).Count);

        await bench.DeleteAsync<Module>(waiting.Metadata.Name);
        await IsAskedAsync(bench);
        Assert.Equal((waiting.Metadata.Uid, true), await StateAsync(bench, waiting.Metadata.Name));

        await bench.Client.DeleteAsync<Pod>(new("default", "base-late"), cancellation: Cancellation);
        await Eventually.True(async () => await StateAsync(bench, waiting.Metadata.Name) is var (uid, _) && uid != waiting.Metadata.Uid);
    }

    /// <summary>A Module without a pod says why it has none.</summary>
    private static Task IsExplainedAsync(ReleaseBench bench) => Eventually.True(async () => (await bench.ListAsync<Module>())
        .Any(module => !module.IsBound && module.Status is { Message: not null, LastTransitionTime: not null }));

    /// <summary>The API server is asked for the pod, and again.</summary>
    private static Task IsAskedAsync(ReleaseBench bench)
    {
        var before = Asked();
        return Eventually.True(() => Asked() >= before + 3);

        long Asked() => bench.Requests().GetValueOrDefault("get pods");
    }

    private static async Task<(string? Uid, bool IsDeleting)> StateAsync(ReleaseBench bench, string module) =>
        await bench.Client.FindAsync<Module>(new("default", module), Cancellation) is { } found
            ? (found.Metadata.Uid, found.Metadata.IsDeleting) : (null, false);

    private static Task PatchAsync<T>(ReleaseBench bench, string name, string patch) where T : class, IResource =>
        bench.Client.PatchAsync<T>(new("default", name), JsonNode.Parse(patch)!.AsObject(), new("another-leader"), Cancellation);
}
