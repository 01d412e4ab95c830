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

namespace ModuleController.Kube.Tests.Hosting;

public sealed class ManagerTests : IAsyncDisposable
{
    private readonly LogGuard _logs = new();
    private readonly FakeTimeProvider _time = new();
    private readonly FakeCluster _cluster = new();
    private readonly InformerFactory _informers;
    private readonly LeaderElection _election;
    private readonly Manager _manager;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _steps = new();

    public ManagerTests()
    {
        _informers = new(_cluster, _time, _logs);
        _election = new(_cluster, new(new("demo", "leader"), LeaderIdentity.Create("a")), _time, _logs.CreateLogger<LeaderElection>());
        _manager = new(_informers, _time, _logs, _election);
    }

    public async ValueTask DisposeAsync()
    {
        await _informers.DisposeAsync();
        _election.Dispose();
        _stop.Dispose();
        _logs.Dispose();
    }

    [Fact]
    public async Task Start_is_HTTP_and_webhooks_then_caches_then_session_gateway_then_leader_then_workers_and_stop_in_reverse()
    {
        foreach (var phase in Enum.GetValues<ManagerPhase>().Reverse()) Add(phase);
        _manager.Reconcile(new Idle());
        var run = _manager.RunAsync(_stop.Token);
        await Eventually.True(() => _logs.Lines.Any(line => line.Message == "Everything runs"));
        Assert.Equal(
            [
                "start Http: ready False, leads False", "start Caches: ready False, leads False", "start Gateway: ready True, leads False",
                "start Leader: ready True, leads False", "start Workers: ready True, leads True",
            ],
            _steps);
        _steps.Clear();

        await _stop.CancelAsync();
        await Eventually.Ends(run);
        Assert.Equal(["stop Workers", "stop Leader", "stop Gateway", "stop Caches", "stop Http"],
            _steps.Select(step => step.Split(':')[0]));
        Assert.EndsWith("leads True", _steps.First(), StringComparison.Ordinal);
        Assert.EndsWith("leads False", _steps.Last(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lost_lease_ends_the_process()
    {
        var isCancelledAtOnce = default(bool?);
        _manager.Add(ManagerPhase.Workers, "worker", _ => Task.CompletedTask, deadline =>
        {
            isCancelledAtOnce = deadline.IsCancellationRequested;
            return Task.CompletedTask;
        });
        Add(ManagerPhase.Http);
        var run = _manager.RunAsync(_stop.Token);
        await Eventually.True(() => _logs.Lines.Any(line => line.Message == "Everything runs"));
        _cluster.Before = _ => throw FakeCluster.Unreachable;
        await Eventually.True(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(0.5));
            return run.IsCompleted;
        });

        await Assert.ThrowsAsync<LeadershipLostException>(() => run);
        Assert.Equal(["start Http", "stop Http"], _steps.Select(step => step.Split(':')[0]));
        Assert.True(isCancelledAtOnce);   // another one may lead by now
    }

    [Fact]
    public async Task One_that_is_not_the_leader_is_ready_and_can_be_stopped_while_it_waits()
    {
        await _cluster.CreateAsync(new Lease
        {
            Metadata = new() { Name = "leader", Namespace = "demo" },
            Spec = new() { HolderIdentity = "other_1@there:1", LeaseDurationSeconds = 3600, LeaseTransitions = 1 },
        }, "test", TestContext.Current.CancellationToken);
        Add(ManagerPhase.Workers);
        _informers.Of<Pod>();
        var run = _manager.RunAsync(_stop.Token);
        await Eventually.True(() => _manager.IsReady && _election.Leader is { Address: "there:1" });
        Assert.Empty(_steps);

        await _stop.CancelAsync();
        await Eventually.Ends(run);
        Assert.Empty(_steps);
    }

    [Fact]
    public async Task A_part_that_does_not_stop_in_time_is_left_and_the_others_are_stopped()
    {
        _logs.Allow("failed to stop");
        Add(ManagerPhase.Http);
        _manager.Add(ManagerPhase.Gateway, "hangs", _ => Task.CompletedTask, _ => new TaskCompletionSource().Task);
        _manager.Add(ManagerPhase.Gateway, "throws", _ => Task.CompletedTask, _ => throw new InvalidOperationException("no"));
        var run = _manager.RunAsync(_stop.Token);
        await Eventually.True(() => _logs.Lines.Any(line => line.Message == "Everything runs"));
        await _stop.CancelAsync();
        await Eventually.True(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(0.5));
            return run.IsCompleted;
        });
        await run;
        Assert.StartsWith("stop Http", _steps.Last(), StringComparison.Ordinal);
        Assert.Contains(_logs.Lines, line => line.Level == LogLevel.Warning
            && line.Message.Contains("hangs did not stop", StringComparison.Ordinal));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_loop_that_fails_or_ends_by_itself_ends_the_process_also_where_it_does_not_lead(bool fails)
    {
        _logs.Allow("Gateway: watch failed, the process ends");
        await _cluster.CreateAsync(new Lease
        {
            Metadata = new() { Name = "leader", Namespace = "demo" },
            Spec = new() { HolderIdentity = "other_1@there:1", LeaseDurationSeconds = 3600, LeaseTransitions = 1 },
        }, "test", TestContext.Current.CancellationToken);
        Add(ManagerPhase.Http);
        var goesOn = new TaskCompletionSource();
        _manager.AddLoop(ManagerPhase.Gateway, "watch", _ => goesOn.Task);
        var run = _manager.RunAsync(_stop.Token);
        await Eventually.True(() => _election.Leader is { Address: "there:1" });
        Assert.False(run.IsCompleted);

        if (fails) goesOn.SetException(new IOException("no"));
        else goesOn.SetResult();
        var exception = await Assert.ThrowsAnyAsync<Exception>(() => Eventually.Ends(run));
        Assert.Equal(fails ? "no" : "the loop ended by itself", exception.Message);
        Assert.Equal(["start Http", "stop Http"], _steps.Select(step => step.Split(':')[0]));
    }

    [Fact]
    public async Task A_loop_is_cancelled_and_awaited_on_stop()
    {
        var hasEnded = false;
        _manager.AddLoop(ManagerPhase.Gateway, "watch", async cancellation =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            hasEnded = true;
            cancellation.ThrowIfCancellationRequested();
        });
        var run = _manager.RunAsync(_stop.Token);
        await Eventually.True(() => _logs.Lines.Any(line => line.Message == "Everything runs"));
        await _stop.CancelAsync();
        await Eventually.Ends(run);
        Assert.True(hasEnded);
    }

    [Fact]
    public async Task What_keeps_a_part_from_starting_ends_the_process_and_stops_the_parts_before_it()
    {
        Add(ManagerPhase.Http);
        _manager.Add(ManagerPhase.Gateway, "port", _ => throw new IOException("the port is taken"));
        await Assert.ThrowsAsync<IOException>(() => _manager.RunAsync(_stop.Token));
        Assert.Equal(["start Http", "stop Http"], _steps.Select(step => step.Split(':')[0]));
    }

    private void Add(ManagerPhase phase)
    {
        _manager.Add(phase, "part", _ => Note("start"), _ => Note("stop"));

        Task Note(string what)
        {
            _steps.Enqueue($"{what} {phase}: ready {_manager.IsReady}, leads {_election.IsLeader}");
            return Task.CompletedTask;
        }
    }

    private sealed class Idle : IReconciler<Deployment>
    {
        public Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellation) => Task.FromResult(ReconcileResult.Done);
    }
}
