using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Core.Builtin;
using ModuleController.Kube.Caches;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Caches;

public sealed class InformerTests : IAsyncDisposable
{
    private readonly LogGuard _logs = new();
    private readonly FakeCluster _cluster = new();
    private readonly InformerFactory _informers;

    public InformerTests() => _informers = new(_cluster, new FakeTimeProvider(), _logs);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _informers.DisposeAsync();
        _logs.Dispose();
    }

    [Fact]
    public async Task A_kind_has_one_informer_shared_by_all()
    {
        var pods = _informers.Of<Pod>();
        Assert.Same(pods, _informers.Of<Pod>());
        Assert.Throws<InvalidOperationException>(() => _informers.Of<Pod>(new() { Namespace = "demo" }));
        Assert.Null(_informers.Find<Node>());

        _informers.Start();
        await _informers.WaitForSyncAsync(Cancellation);
        Assert.True(_informers.IsSynced);
        Assert.Equal(1, _cluster.Requests.Count(request => request == "list pods"));
    }

    [Fact]
    public async Task An_informer_that_is_asked_for_later_runs_at_once()
    {
        _informers.Start();
        await _informers.Of<Node>().WaitForSyncAsync(Cancellation);
        Assert.True(_informers.IsSynced);
    }

    [Fact]
    public async Task A_subscriber_first_gets_what_is_there_and_then_what_changes()
    {
        await CreateAsync("a");
        _informers.Of<Pod>();
        _informers.Start();
        await _informers.WaitForSyncAsync(Cancellation);

        var seen = new ConcurrentQueue<string>();
        using (_informers.Of<Pod>()
            .Subscribe(change => seen.Enqueue($"{change.Before is not null}>{change.After is not null} {change.Key.Name}")))
        {
            await CreateAsync("b");
            await Eventually.True(() => seen.Count == 2);
            await _cluster.DeleteAsync<Pod>(new("demo", "a"), cancellation: Cancellation);
            await Eventually.True(() => seen.Count == 3);
            Assert.Equal(["False>True a", "False>True b", "True>False a"], seen);
        }

        await CreateAsync("c");
        await Eventually.True(() => _informers.Of<Pod>().List().Count == 2);
        Assert.Equal(3, seen.Count);
    }

    [Fact]
    public async Task A_slow_handler_delays_only_itself_and_sees_each_object_in_order_with_some_states_skipped()
    {
        var pods = _informers.Of<Pod>();
        using var gate = new ManualResetEventSlim();
        var slow = new ConcurrentQueue<ObjectChange<Pod>>();
        var quick = new ConcurrentQueue<ObjectChange<Pod>>();
        var isStuck = false;
        using var first = pods.Subscribe(change =>
        {
            Volatile.Write(ref isStuck, true);
            gate.Wait(Cancellation);
            slow.Enqueue(change);
        });
        using var second = pods.Subscribe(quick.Enqueue);
        _informers.Start();
        await _informers.WaitForSyncAsync(Cancellation);
        await CreateAsync("a");
        await Eventually.True(() => quick.Count == 1 && Volatile.Read(ref isStuck));
        for (var i = 0; i < 50; i++)
        {
            await _cluster.PatchAsync<Pod>(new("demo", "a"),
                new() { ["spec"] = new System.Text.Json.Nodes.JsonObject { ["nodeName"] = $"n{i}" } }, new("test"), Cancellation);
        }

        await CreateAsync("gone");
        await Eventually.True(() => pods.List().Count == 2);
        await _cluster.DeleteAsync<Pod>(new("demo", "gone"), cancellation: Cancellation);
        await Eventually.True(() => pods.List().SingleOrDefault()?.Spec.NodeName == "n49");
        await Eventually.True(() => quick.LastOrDefault(change => change.Key.Name == "a").After?.Spec.NodeName == "n49");

        gate.Set();
        await Eventually.True(() => slow.LastOrDefault().After?.Spec.NodeName == "n49");
        Assert.Equal(2, slow.Count);   // the creation that it was stuck in, and all the rest as one
        Assert.Same(slow.First().After, slow.Last().Before);
    }

    [Fact]
    public async Task A_handler_that_throws_is_logged_and_gets_the_next_change()
    {
        _logs.Allow("A handler failed");
        var seen = 0;
        using var subscription = _informers.Of<Pod>()
            .Subscribe(_ => throw new InvalidOperationException($"{Interlocked.Increment(ref seen)}"));
        _informers.Start();
        await CreateAsync("a");
        await CreateAsync("b");
        await Eventually.True(() => _logs.Lines.Count(line => line.Message.StartsWith("A handler failed", StringComparison.Ordinal)) == 2);
        Assert.Equal(2, seen);
    }

    private Task<Pod> CreateAsync(string name) =>
        _cluster.CreateAsync(new Pod { Metadata = new() { Name = name, Namespace = "demo" } }, "test", Cancellation);
}
