using Microsoft.Extensions.Logging;
using ModuleController.Kube.Client;
using ModuleController.Kube.Tests.Caches;

namespace ModuleController.Kube.Tests.Hosting;

/// <summary>Requests for the Lease that fail, hang, or whose answers are lost.</summary>
public sealed class LeaseFailureTests : IAsyncDisposable
{
    private readonly ElectionBench _bench = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task A_lost_connection_costs_the_lease_only_at_the_renew_deadline()
    {
        var election = _bench.Elect("a");
        await _bench.StartAsync(election);
        _bench.Cluster.Before = _ => throw FakeCluster.Unreachable;
        await _bench.PassAsync(TimeSpan.FromSeconds(6));
        Assert.False(election.Lost.IsCancellationRequested);

        _bench.Cluster.Before = _ => Task.CompletedTask;
        await _bench.PassAsync(TimeSpan.FromSeconds(7));
        Assert.True(election.IsLeader);

        _bench.Cluster.Before = _ => throw FakeCluster.Unreachable;
        await _bench.PassUntilAsync(() => election.Lost.IsCancellationRequested);
        Assert.False(election.IsLeader);
    }

    [Fact]
    public async Task A_request_that_hangs_does_not_keep_the_lease()
    {
        var election = _bench.Elect("a");
        await _bench.StartAsync(election);
        var hangs = new TaskCompletionSource();
        (_bench.Cluster.Before, _bench.IsHanging) = (_ => hangs.Task, true);
        var since = _bench.Time.GetUtcNow();
        await _bench.PassUntilAsync(() => election.Lost.IsCancellationRequested);
        Assert.InRange(_bench.Time.GetUtcNow() - since, TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(14));
    }

    [Fact]
    public async Task One_request_that_hangs_does_not_cost_the_lease()
    {
        var election = _bench.Elect("a");
        await _bench.StartAsync(election);
        var (hangs, count) = (new TaskCompletionSource(), 0);
        (_bench.Cluster.Before, _bench.IsHanging) = (_ => Interlocked.Increment(ref count) == 1 ? hangs.Task : Task.CompletedTask, true);
        await _bench.PassAsync(TimeSpan.FromSeconds(25));
        Assert.True(count > 5, $"{count} requests");
        Assert.True(election.IsLeader);
        Assert.False(election.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_server_that_takes_a_part_of_the_renew_deadline_for_each_answer_does_not_cost_the_lease()
    {
        var election = _bench.Elect("a");
        await _bench.StartAsync(election);
        _bench.Cluster.Before = _ => Task.Delay(TimeSpan.FromSeconds(4), _bench.Time);
        await _bench.PassAsync(TimeSpan.FromSeconds(60));
        Assert.True(election.IsLeader);
        Assert.DoesNotContain(_bench.Logs.Lines, line => line.Level == LogLevel.Warning);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task An_acquisition_whose_answer_was_lost_is_continued(bool wasThereBefore)
    {
        if (wasThereBefore) await _bench.StopAsync(await _bench.StartedAsync("before"));
        var writes = 0;
        _bench.Cluster.After = _ => Interlocked.Increment(ref writes) == 1 ? throw FakeCluster.Unreachable : Task.CompletedTask;
        var election = _bench.Elect("a");
        var since = _bench.Time.GetUtcNow();
        var starting = _bench.StartAsync(election);
        await _bench.PassUntilAsync(() => starting.IsCompleted);

        Assert.InRange(_bench.Time.GetUtcNow() - since, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.True(election.IsLeader);
        var lease = await _bench.LeaseAsync();
        Assert.Equal(wasThereBefore ? 2 : 1, lease.Spec.LeaseTransitions);
        Assert.Equal(election.Epoch, (long)lease.Spec.LeaseTransitions!);
    }

    [Fact]
    public async Task A_renewal_whose_answer_was_lost_is_followed_by_the_next_one()
    {
        var election = _bench.Elect("a");
        await _bench.StartAsync(election);
        var writes = 0;
        _bench.Cluster.After = _ => Interlocked.Increment(ref writes) == 1 ? throw FakeCluster.Unreachable : Task.CompletedTask;
        await _bench.PassAsync(TimeSpan.FromSeconds(20));
        Assert.True(election.IsLeader);
        Assert.Equal(1, election.Epoch);
    }

    [Fact]
    public async Task A_raise_that_hangs_is_a_failure_and_no_cancellation_also_behind_a_renewal_that_hangs()
    {
        var election = _bench.Elect("a");
        await _bench.StartAsync(election);
        var hangs = new TaskCompletionSource();
        (_bench.Cluster.Before, _bench.IsHanging) = (_ => hangs.Task, true);
        var hanging = election.RaiseEpochAsync(42, Cancellation);
        var waiting = election.RaiseEpochAsync(43, Cancellation);
        await _bench.PassUntilAsync(() => hanging.IsCompleted && waiting.IsCompleted);

        foreach (var raise in new[] { hanging, waiting })
        {
            var exception = await Assert.ThrowsAsync<KubeException>(() => raise);
            Assert.Contains("demo/leader", exception.Message, StringComparison.Ordinal);
            Assert.Contains("no answer within 00:00:05", exception.Message, StringComparison.Ordinal);
        }

        Assert.Equal(1, election.Epoch);
    }

    [Fact]
    public async Task Failures_while_waiting_are_tried_again()
    {
        var failures = 3;
        _bench.Cluster.Before = _ => failures-- > 0 ? throw FakeCluster.Unreachable : Task.CompletedTask;
        var election = _bench.Elect("a");
        var starting = _bench.StartAsync(election);
        await _bench.PassUntilAsync(() => starting.IsCompleted);
        Assert.True(election.IsLeader);
        Assert.Equal(3, _bench.Logs.Lines.Count(line => line.Level == LogLevel.Warning));
    }
}
