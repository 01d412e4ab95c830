using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Controllers;
using ModuleController.Kube.Hosting;
using ModuleController.Kube.Tests.Caches;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Controllers;

public sealed class ControllerTests : IAsyncDisposable
{
    private static readonly ObjectKey Shop = new("demo", "shop");

    private readonly LogGuard _logs = new();
    private readonly FakeTimeProvider _time = new();
    private readonly FakeCluster _cluster = new();
    private readonly InformerFactory _informers;
    private readonly Manager _manager;
    private readonly CancellationTokenSource _stop = new();
    private readonly Recorder _reconciler = new();
    private Task _run = Task.CompletedTask;

    public ControllerTests()
    {
        _informers = new(_cluster, _time, _logs);
        _manager = new(_informers, _time, _logs);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Eventually.Ends(_run);
        await _informers.DisposeAsync();
        _stop.Dispose();
        _logs.Dispose();
    }

    [Fact]
    public async Task No_reconcile_before_all_its_informers_have_synced()
    {
        var mayList = new TaskCompletionSource();
        _cluster.Before = request => request == "list nodes" ? mayList.Task : Task.CompletedTask;
        await CreateDeploymentAsync("shop");
        _manager.Reconcile(_reconciler).Reads<Node>();
        Start();
        await Eventually.True(() => _informers.Of<Deployment>().List().Count == 1);
        Assert.Empty(_reconciler.Keys);

        mayList.SetResult();
        await Eventually.True(() => _reconciler.Keys.Count == 1);
    }

    [Fact]
    public async Task A_resync_every_10_minutes_in_background()
    {
        await CreateDeploymentAsync("shop");
        _manager.Reconcile(_reconciler);
        await StartedAsync();

        _time.Advance(TimeSpan.FromMinutes(9.9));
        Assert.Single(_reconciler.Keys);
        _time.Advance(TimeSpan.FromMinutes(0.1));
        await Eventually.True(() => _reconciler.Keys.Count == 2);
    }

    [Fact]
    public async Task A_child_triggers_its_owner_and_another_kind_whom_the_mapping_names()
    {
        _manager.Reconcile(_reconciler)
            .Owns<ReplicaSet>()
            .Watches<Pod>(pod => [new("mapped", pod.Metadata.Name)])
            .WatchesChanges<Node>(change => change.Before is null ? [] : [new("changed", change.Key.Name)]);
        await StartedAsync(0);

        await _cluster.CreateAsync(new ReplicaSet
        {
            Metadata = new() { Name = "shop-1", Namespace = "demo", OwnerReferences = [new("apps/v1", "Deployment", "shop", "u", true)] },
        }, "test", Cancellation);
        await _cluster.CreateAsync(new ReplicaSet
        {
            Metadata = new()
            {
                Name = "other",
                Namespace = "demo",
                OwnerReferences = [new("v1", "Deployment", "other-group", "u", true),
                new("apps/v1", "Deployment", "not-controlled", "u")]
            },
        }, "test", Cancellation);
        await _cluster.CreateAsync(new Pod { Metadata = new() { Name = "p", Namespace = "demo" } }, "test", Cancellation);
        await _cluster.CreateAsync(new Node { Metadata = new() { Name = "n" } }, "test", Cancellation);
        await _cluster.DeleteAsync<Node>(new("", "n"), cancellation: Cancellation);

        await Eventually.True(() => _reconciler.Keys.Count >= 2 && _reconciler.Keys.Contains(new("mapped", "p")));
        Assert.Contains(Shop, _reconciler.Keys);
        Assert.All(_reconciler.Keys, key => Assert.Contains(key, new ObjectKey[] { Shop, new("mapped", "p"), new("changed", "n") }));
    }

    [Fact]
    public async Task Only_keys_of_ours_are_reconciled_and_what_is_no_api_object_can_trigger_them()
    {
        var trigger = default(Action<ObjectKey>);
        await CreateDeploymentAsync("foreign");
        _manager.Reconcile(_reconciler)
            .Where(deployment => deployment.Metadata.Name != "foreign")
            .Watches(subscriber =>
            {
                trigger = subscriber;
                return new MemoryStream();
            });
        await StartedAsync(0);
        trigger!(Shop);
        await Eventually.True(() => _reconciler.Keys.Count == 1);
        Assert.Equal([Shop], _reconciler.Keys);
    }

    [Fact]
    public async Task It_looks_again_when_the_reconcile_said()
    {
        _reconciler.Reconcile = (_, count) =>
            count == 1 ? ReconcileResult.At(_time.GetUtcNow().AddSeconds(5), _time.GetUtcNow()) : ReconcileResult.Done;
        await CreateDeploymentAsync("shop");
        _manager.Reconcile(_reconciler);
        await StartedAsync();
        await AdvanceUntilAsync(() => _reconciler.Keys.Count == 2);
    }

    [Fact]
    public async Task An_exception_means_try_again_with_back_off()
    {
        _reconciler.Reconcile = (_, count) => count switch
        {
            1 => throw FakeCluster.Unreachable,
            2 => throw FakeCluster.Refusal(409, "Conflict"),
            _ => ReconcileResult.Done,
        };
        await CreateDeploymentAsync("shop");
        _manager.Reconcile(_reconciler);
        await StartedAsync();
        await AdvanceUntilAsync(() => _reconciler.Keys.Count == 3);
        Assert.Single(_logs.Lines, line => line.Level == LogLevel.Warning);   // a stale cache is tried again quietly
    }

    [Fact]
    public async Task A_bug_is_logged_as_an_error_and_tried_again()
    {
        _logs.Allow("deployments demo/shop failed");
        _reconciler.Reconcile = (_, count) => count == 1 ? throw new InvalidOperationException("a bug") : ReconcileResult.Done;
        await CreateDeploymentAsync("shop");
        _manager.Reconcile(_reconciler);
        await StartedAsync();
        await AdvanceUntilAsync(() => _reconciler.Keys.Count == 2);
        Assert.Contains(_logs.Lines, line => line.Level == LogLevel.Error);
    }

    [Fact]
    public async Task A_key_whose_writes_the_caches_do_not_show_yet_waits_50_ms_and_again()
    {
        var mayWatch = new TaskCompletionSource();
        _cluster.Before = request => request == "watch pods" ? mayWatch.Task : Task.CompletedTask;
        var tracker = new WriteTracker(_informers, _time);
        var created = default(Pod);
        _reconciler.ReconcileAsyncly = async _ => created ??= await CreatePodAsync();
        _reconciler.Reconcile = (key, count) =>
        {
            if (count == 1) tracker.Created(key, created!);
            else Assert.Single(_informers.Of<Pod>().List());
            return ReconcileResult.After(TimeSpan.FromMilliseconds(1));
        };
        await CreateDeploymentAsync("shop");
        _manager.Reconcile(_reconciler).Reads<Pod>().Tracks(tracker);
        await StartedAsync();
        for (var i = 0; i < 20; i++) _time.Advance(TimeSpan.FromMilliseconds(50));
        Assert.Single(_reconciler.Keys);

        mayWatch.SetResult();
        await AdvanceUntilAsync(() => _reconciler.Keys.Count >= 2);

        Task<Pod> CreatePodAsync() =>
            _cluster.CreateAsync(new Pod { Metadata = new() { Name = "p", Namespace = "demo" } }, "test", Cancellation);
    }

    [Fact]
    public async Task As_many_work_at_once_as_it_has_workers_and_no_more()
    {
        using var gate = new SemaphoreSlim(0);
        var (now, most) = (0, 0);
        _reconciler.ReconcileAsyncly = async cancellation =>
        {
            var current = Interlocked.Increment(ref now);
            lock (gate) most = Math.Max(most, current);
            await gate.WaitAsync(cancellation);
            Interlocked.Decrement(ref now);
        };
        for (var i = 0; i < 6; i++) await CreateDeploymentAsync($"d{i}");
        _manager.Reconcile(_reconciler).Workers(3);
        Start();
        await Eventually.True(() => now == 3);
        gate.Release(6);
        await Eventually.True(() => _reconciler.Keys.Count == 6 && now == 0);
        Assert.Equal(3, most);
    }

    [Fact]
    public async Task When_stopped_a_running_reconcile_may_finish_until_the_deadline_then_it_is_cancelled()
    {
        var started = new TaskCompletionSource();
        var cancelled = false;
        _reconciler.ReconcileAsyncly = async cancellation =>
        {
            started.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancelled = cancellation.IsCancellationRequested;
        };
        await CreateDeploymentAsync("shop");
        _manager.Reconcile(_reconciler);
        Start();
        await started.Task.WaitAsync(Cancellation);
        await _stop.CancelAsync();
        Assert.False(_run.IsCompleted);
        Assert.False(cancelled);

        await AdvanceUntilAsync(() => _run.IsCompleted, TimeSpan.FromSeconds(1));
        Assert.True(cancelled);
    }

    private void Start() => _run = Task.Run(() => _manager.RunAsync(_stop.Token), CancellationToken.None);

    private async Task StartedAsync(int reconciles = 1)
    {
        Start();
        await Eventually.True(() => _logs.Lines.Any(line => line.Message == "Everything runs"));
        await Eventually.True(() => _reconciler.Keys.Count == reconciles);
        await Eventually.True(() => _reconciler.Running == 0);
    }

    private Task AdvanceUntilAsync(Func<bool> condition, TimeSpan? step = null) => Eventually.True(() =>
    {
        if (condition()) return true;
        _time.Advance(step ?? TimeSpan.FromMilliseconds(100));
        return false;
    });

    private Task<Deployment> CreateDeploymentAsync(string name) =>
        _cluster.CreateAsync(new Deployment { Metadata = new() { Name = name, Namespace = "demo" } }, "test", Cancellation);

    private sealed class Recorder : IReconciler<Deployment>
    {
        private int _running;

        public ConcurrentQueue<ObjectKey> Keys { get; } = new();

        public int Running => _running;

        public Func<ObjectKey, int, ReconcileResult> Reconcile { get; set; } = (_, _) => ReconcileResult.Done;

        public Func<CancellationToken, Task> ReconcileAsyncly { get; set; } = _ => Task.CompletedTask;

        public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation)
        {
            Interlocked.Increment(ref _running);
            try
            {
                Keys.Enqueue(key);
                await ReconcileAsyncly(cancellation);
                return Reconcile(key, Keys.Count);
            }
            finally
            {
                Interlocked.Decrement(ref _running);
            }
        }
    }
}
