using Microsoft.Extensions.Time.Testing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Controllers;
using ModuleController.Kube.Tests.Caches;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Controllers;

public sealed class WriteTrackerTests : IAsyncDisposable
{
    private static readonly ObjectKey Key = new("demo", "shop");

    private readonly LogGuard _logs = new();
    private readonly FakeCluster _cluster = new();
    private readonly FakeTimeProvider _time = new();
    private readonly InformerFactory _informers;
    private readonly WriteTracker _tracker;

    public WriteTrackerTests()
    {
        _informers = new(_cluster, _time, _logs);
        _informers.Of<Pod>();   // never started: the cache stays where it is until a test lets it run
        _tracker = new(_informers, _time);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _informers.DisposeAsync();
        _logs.Dispose();
    }

    [Fact]
    public async Task Before_a_reconcile_the_caches_it_reads_have_come_as_far_as_this_keys_last_write()
    {
        var pod = await CreateAsync("a");
        _informers.Start();
        await Eventually.True(() => _informers.Of<Pod>().Get(ObjectKey.Of(pod.Metadata)) is not null);
        _tracker.Wrote(Key, pod);
        Assert.True(_tracker.HasCaughtUp(Key));

        _tracker.Wrote(Key, Version(pod, "999"));
        Assert.False(_tracker.HasCaughtUp(Key));
        Assert.True(_tracker.HasCaughtUp(new("demo", "other")));

        // What happens to others also shows how far the cache has come.
        while (long.Parse((await CreateAsync($"b{Guid.NewGuid():N}")).Metadata.ResourceVersion!,
            System.Globalization.CultureInfo.InvariantCulture) < 999) { }
        await Eventually.True(() => _tracker.HasCaughtUp(Key));
    }

    [Fact]
    public async Task Creates_are_remembered_until_seen()
    {
        _tracker.Created(Key, await CreateAsync("a"));
        Assert.False(_tracker.HasCaughtUp(Key));
        _informers.Start();
        await Eventually.True(() => _tracker.HasCaughtUp(Key));
    }

    [Fact]
    public async Task A_create_that_is_gone_again_counts_as_seen()
    {
        var pod = await CreateAsync("a");
        _tracker.Created(Key, pod);
        await _cluster.DeleteAsync<Pod>(ObjectKey.Of(pod.Metadata), cancellation: Cancellation);
        Assert.False(_tracker.HasCaughtUp(Key));
        _informers.Start();
        await Eventually.True(() => _tracker.HasCaughtUp(Key));
    }

    [Fact]
    public async Task Deletes_are_remembered_by_uid_until_the_cache_has_lost_it()
    {
        var pod = await CreateAsync("a");
        _informers.Start();
        await Eventually.True(() => _informers.Of<Pod>().List().Count == 1);
        _tracker.Deleted(Key, pod);
        Assert.False(_tracker.HasCaughtUp(Key));

        await _cluster.DeleteAsync<Pod>(ObjectKey.Of(pod.Metadata), cancellation: Cancellation);
        await CreateAsync("a");   // another uid under the same name is not the one that we deleted
        await Eventually.True(() => _tracker.HasCaughtUp(Key));
    }

    [Fact]
    public async Task A_delete_that_a_finalizer_holds_back_counts_as_seen_when_it_is_marked()
    {
        var pod = await CreateAsync("a");
        _informers.Start();
        await Eventually.True(() => _informers.Of<Pod>().List().Count == 1);
        _tracker.Deleted(Key, pod);
        await _cluster.PatchAsync<Pod>(
            ObjectKey.Of(pod.Metadata),
            new() { ["metadata"] = new System.Text.Json.Nodes.JsonObject { ["deletionTimestamp"] = "2026-01-01T00:00:00Z" } },
            new("test"),
            Cancellation);
        await Eventually.True(() => _tracker.HasCaughtUp(Key));
        Assert.Single(_informers.Of<Pod>().List());
    }

    [Fact]
    public async Task A_write_that_removed_the_object_is_remembered_by_uid_until_the_object_has_left_the_cache()
    {
        var pod = await CreateAsync("a");
        _informers.Start();
        await Eventually.True(() => _informers.Of<Pod>().List().Count == 1);
        _tracker.Wrote(Key, Ending(pod, graceSeconds: 0));   // it has the version that the cache has
        Assert.False(_tracker.HasCaughtUp(Key));

        await _cluster.DeleteAsync<Pod>(ObjectKey.Of(pod.Metadata), cancellation: Cancellation);
        await Eventually.True(() => _tracker.HasCaughtUp(Key));
    }

    [Fact]
    public async Task A_pod_within_its_grace_period_is_there_and_not_waited_for()
    {
        var pod = await CreateAsync("a");
        _informers.Start();
        await Eventually.True(() => _informers.Of<Pod>().List().Count == 1);
        _tracker.Wrote(Key, Ending(pod, graceSeconds: 30));
        Assert.True(_tracker.HasCaughtUp(Key));
    }

    [Fact]
    public async Task An_object_that_was_not_found_is_remembered_until_it_has_left_the_cache()
    {
        var pod = await CreateAsync("a");
        _informers.Start();
        await Eventually.True(() => _informers.Of<Pod>().List().Count == 1);
        _tracker.NotFound(Key, pod);
        Assert.False(_tracker.HasCaughtUp(Key));

        await _cluster.DeleteAsync<Pod>(ObjectKey.Of(pod.Metadata), cancellation: Cancellation);
        await Eventually.True(() => _tracker.HasCaughtUp(Key));
    }

    [Fact]
    public async Task A_conflict_is_remembered_until_the_cache_shows_another_version_of_the_object()
    {
        var pod = await CreateAsync("a");
        _informers.Start();
        await Eventually.True(() => _informers.Of<Pod>().List().Count == 1);
        _tracker.Conflicted(Key, pod);
        Assert.False(_tracker.HasCaughtUp(Key));

        await _cluster.PatchAsync<Pod>(
            ObjectKey.Of(pod.Metadata),
            new()
            {
                ["metadata"] = new System.Text.Json.Nodes.JsonObject
                {
                    ["labels"] = new System.Text.Json.Nodes.JsonObject { ["a"] = "b" }
                }
            },
            new("test"),
            Cancellation);
        await Eventually.True(() => _tracker.HasCaughtUp(Key));
    }

    [Fact]
    public async Task What_only_a_change_of_the_cache_would_end_is_forgotten_after_thirty_seconds()
    {
        var pod = await CreateAsync("a");
        _informers.Start();
        await Eventually.True(() => _informers.Of<Pod>().List().Count == 1);
        _tracker.NotFound(Key, pod);
        _tracker.Deleted(Key, pod);
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(_tracker.HasCaughtUp(Key));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_tracker.HasCaughtUp(Key));
    }

    [Fact]
    public async Task A_conflict_without_another_version_is_forgotten_after_five_seconds()
    {
        var pod = await CreateAsync("a");
        _informers.Start();
        await Eventually.True(() => _informers.Of<Pod>().List().Count == 1);
        _tracker.Conflicted(Key, pod);
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.False(_tracker.HasCaughtUp(Key));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_tracker.HasCaughtUp(Key));
    }

    [Fact]
    public async Task Versions_that_cannot_be_compared_count_as_caught_up()
    {
        _tracker.Wrote(Key, Version(await CreateAsync("a"), "v7-of-another-store"));
        Assert.True(_tracker.HasCaughtUp(Key));
    }

    [Fact]
    public void A_kind_without_a_cache_is_not_waited_for()
    {
        _tracker.Created(Key, new Service { Metadata = new() { Name = "a", ResourceVersion = "5" } });
        Assert.True(_tracker.HasCaughtUp(Key));
    }

    private static Pod Ending(Pod pod, long graceSeconds) => pod with
    {
        Metadata = pod.Metadata with
        {
            DeletionTimestamp = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero),
            DeletionGracePeriodSeconds = graceSeconds
        },
    };

    private static Pod Version(Pod pod, string version) => pod with { Metadata = pod.Metadata with { ResourceVersion = version } };

    private Task<Pod> CreateAsync(string name) =>
        _cluster.CreateAsync(new Pod { Metadata = new() { Name = name, Namespace = "demo" } }, "test", Cancellation);
}
