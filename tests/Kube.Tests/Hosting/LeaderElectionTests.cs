using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;
using ModuleController.Kube.Hosting;
using ModuleController.Kube.Tests.Caches;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Hosting;

public sealed class LeaderElectionTests : IAsyncDisposable
{
    private static readonly ObjectKey Key = new("demo", "leader");

    private readonly LogGuard _logs = new();
    private readonly PausedTime _time = new(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly FakeCluster _cluster = new();
    private readonly List<LeaderElection> _elections = [];
    private readonly HashSet<LeaderElection> _running = [];
    private bool _isHanging;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _cluster.Before = _ => Task.CompletedTask;
        foreach (var election in _elections)
        {
            await Eventually.Ends(election.StopAsync(CancellationToken.None));
            election.Dispose();
        }

        _logs.Dispose();
    }

    [Fact]
    public async Task The_epoch_is_the_leases_count_of_transitions_and_each_acquisition_raises_it()
    {
        for (var epoch = 1; epoch <= 3; epoch++)
        {
            var election = Elect("a");   // the same pod, another life
            await StartAsync(election);
            Assert.Equal((epoch, true), (election.Epoch, election.IsLeader));
            Assert.Equal(epoch, (await LeaseAsync()).Spec.LeaseTransitions);
            await StopAsync(election);
        }
    }

    [Fact]
    public async Task An_acquisition_makes_the_epoch_more_than_the_floor_and_more_than_before()
    {
        foreach (var (floor, epoch) in new[] { (0, 1), (1 << 30, (1 << 30) + 1), (7, (1 << 30) + 2) })
        {
            var election = Elect("a", options: defaults => defaults with { EpochFloor = floor });
            await StartAsync(election);
            Assert.Equal(epoch, election.Epoch);
            Assert.Equal(epoch, (await LeaseAsync()).Spec.LeaseTransitions);
            await StopAsync(election);
        }
    }

    [Fact]
    public async Task Of_two_only_one_leads_and_the_other_knows_who_and_where()
    {
        var first = Elect("a", "10.0.0.1:7443");
        await StartAsync(first);
        var second = Elect("b");
        var waiting = StartAsync(second);

        await PassAsync(TimeSpan.FromMinutes(1));
        Assert.False(waiting.IsCompleted);
        Assert.True(first.IsLeader);
        Assert.False(second.IsLeader);
        Assert.Equal(("a", "10.0.0.1:7443"), (second.Leader?.Name, second.Leader?.Address));
    }

    [Fact]
    public async Task The_lease_is_released_on_stop_so_that_the_next_need_not_wait_for_its_end()
    {
        var first = Elect("a");
        await StartAsync(first);
        await StopAsync(first);
        Assert.False(first.IsLeader);
        Assert.Null((await LeaseAsync()).Spec.HolderIdentity);
        Assert.False(first.Lost.IsCancellationRequested);

        var second = Elect("b");
        await StartAsync(second);   // no time has passed
        Assert.Equal(2, second.Epoch);
    }

    [Fact]
    public async Task One_that_died_is_followed_when_its_lease_has_run_out_by_our_own_clock()
    {
        // Its clock is a year ahead: only that the lease does not change counts.
        await _cluster.CreateAsync(new Lease
        {
            Metadata = new() { Name = Key.Name, Namespace = Key.Namespace },
            Spec = new()
            {
                HolderIdentity = "dead_1",
                LeaseDurationSeconds = 15,
                LeaseTransitions = 7,
                RenewTime = _time.GetUtcNow()
                .AddYears(1)
            },
        }, "test", Cancellation);
        var election = Elect("b");
        var starting = StartAsync(election);
        await PassAsync(TimeSpan.FromSeconds(12));
        Assert.False(starting.IsCompleted);
        await PassUntilAsync(() => starting.IsCompleted);
        Assert.Equal(8, election.Epoch);
    }

    [Fact]
    public async Task A_lost_connection_costs_the_lease_only_at_the_renew_deadline()
    {
        var election = Elect("a");
        await StartAsync(election);
        _cluster.Before = _ => throw FakeCluster.Unreachable;
        await PassAsync(TimeSpan.FromSeconds(6));
        Assert.False(election.Lost.IsCancellationRequested);

        _cluster.Before = _ => Task.CompletedTask;
        await PassAsync(TimeSpan.FromSeconds(7));
        Assert.True(election.IsLeader);

        _cluster.Before = _ => throw FakeCluster.Unreachable;
        await PassUntilAsync(() => election.Lost.IsCancellationRequested);
        Assert.False(election.IsLeader);
    }

    [Fact]
    public async Task A_request_that_hangs_does_not_keep_the_lease()
    {
        var election = Elect("a");
        await StartAsync(election);
        var hangs = new TaskCompletionSource();
        (_cluster.Before, _isHanging) = (_ => hangs.Task, true);
        var since = _time.GetUtcNow();
        await PassUntilAsync(() => election.Lost.IsCancellationRequested);
        Assert.InRange(_time.GetUtcNow() - since, TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(14));
    }

    [Fact]
    public async Task One_request_that_hangs_does_not_cost_the_lease()
    {
        var election = Elect("a");
        await StartAsync(election);
        var (hangs, count) = (new TaskCompletionSource(), 0);
        (_cluster.Before, _isHanging) = (_ => Interlocked.Increment(ref count) == 1 ? hangs.Task : Task.CompletedTask, true);
        await PassAsync(TimeSpan.FromSeconds(25));
        Assert.True(count > 5, $"{count} requests");
        Assert.True(election.IsLeader);
        Assert.False(election.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_server_that_takes_a_part_of_the_renew_deadline_for_each_answer_does_not_cost_the_lease()
    {
        var election = Elect("a");
        await StartAsync(election);
        _cluster.Before = _ => Task.Delay(TimeSpan.FromSeconds(4), _time);
        await PassAsync(TimeSpan.FromSeconds(60));
        Assert.True(election.IsLeader);
        Assert.DoesNotContain(_logs.Lines, line => line.Level == LogLevel.Warning);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task An_acquisition_whose_answer_was_lost_is_continued(bool wasThereBefore)
    {
        if (wasThereBefore) await StopAsync(await StartedAsync("before"));
        var writes = 0;
        _cluster.After = _ => Interlocked.Increment(ref writes) == 1 ? throw FakeCluster.Unreachable : Task.CompletedTask;
        var election = Elect("a");
        var since = _time.GetUtcNow();
        var starting = StartAsync(election);
        await PassUntilAsync(() => starting.IsCompleted);

        Assert.InRange(_time.GetUtcNow() - since, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.True(election.IsLeader);
        var lease = await LeaseAsync();
        Assert.Equal(wasThereBefore ? 2 : 1, lease.Spec.LeaseTransitions);
        Assert.Equal(election.Epoch, (long)lease.Spec.LeaseTransitions!);
    }

    [Fact]
    public async Task A_renewal_whose_answer_was_lost_is_followed_by_the_next_one()
    {
        var election = Elect("a");
        await StartAsync(election);
        var writes = 0;
        _cluster.After = _ => Interlocked.Increment(ref writes) == 1 ? throw FakeCluster.Unreachable : Task.CompletedTask;
        await PassAsync(TimeSpan.FromSeconds(20));
        Assert.True(election.IsLeader);
        Assert.Equal(1, election.Epoch);
    }

    [Theory]
    [InlineData(1.5, 2)]
    [InlineData(0.4, 1)]
    [InlineData(15, 15)]
    public async Task The_duration_in_the_lease_is_rounded_up_to_whole_seconds(double duration, int seconds)
    {
        var time = TimeSpan.FromSeconds(duration);
        await StartAsync(
            Elect("a", options: options => options with { Duration = time, RenewDeadline = time / 2, RetryPeriod = time / 10 }));
        Assert.Equal(seconds, (await LeaseAsync()).Spec.LeaseDurationSeconds);

        await StopAsync(_elections[0]);
        await StartAsync(
            Elect("b", options: options => options with { Duration = time, RenewDeadline = time / 2, RetryPeriod = time / 10 }));
        Assert.Equal(seconds, (await LeaseAsync()).Spec.LeaseDurationSeconds);
    }

    [Fact]
    public async Task A_lease_that_another_one_took_is_lost_at_once()
    {
        var election = Elect("a");
        await StartAsync(election);
        await PatchAsync("holderIdentity", "thief_1");
        await PassUntilAsync(() => election.Lost.IsCancellationRequested);
        Assert.Equal("thief_1", (await LeaseAsync()).Spec.HolderIdentity);
        Assert.False(election.IsLeader);
    }

    [Fact]
    public async Task A_lease_that_only_somebody_edited_is_kept()
    {
        var election = Elect("a");
        await StartAsync(election);
        await PatchAsync("leaseDurationSeconds", 20);
        await PassAsync(TimeSpan.FromSeconds(20));
        Assert.True(election.IsLeader);
        Assert.False(election.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_lease_that_was_deleted_is_made_again_with_the_same_epoch()
    {
        var election = Elect("a");
        await StartAsync(election);
        await election.RaiseEpochAsync(5, Cancellation);
        await _cluster.DeleteAsync<Lease>(Key, cancellation: Cancellation);
        await PassAsync(TimeSpan.FromSeconds(8));
        Assert.True(election.IsLeader);
        Assert.Equal(5, (await LeaseAsync()).Spec.LeaseTransitions);
    }

    [Fact]
    public async Task A_leader_that_learns_of_a_higher_epoch_raises_the_lease_first()
    {
        var election = Elect("a");
        await StartAsync(election);
        await PatchAsync("leaseDurationSeconds", 15);   // its version is old by now
        await election.RaiseEpochAsync(42, Cancellation);
        Assert.Equal(42, election.Epoch);
        Assert.Equal(42, (await LeaseAsync()).Spec.LeaseTransitions);

        await election.RaiseEpochAsync(7, Cancellation);
        Assert.Equal(42, election.Epoch);
        await PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(42, election.Epoch);

        _cluster.Before = _ => throw FakeCluster.Unreachable;
        await Assert.ThrowsAsync<KubeException>(() => election.RaiseEpochAsync(43, Cancellation));
        Assert.Equal(42, election.Epoch);
    }

    [Fact]
    public async Task A_raise_that_hangs_is_a_failure_and_no_cancellation_also_behind_a_renewal_that_hangs()
    {
        var election = Elect("a");
        await StartAsync(election);
        var hangs = new TaskCompletionSource();
        (_cluster.Before, _isHanging) = (_ => hangs.Task, true);
        var hanging = election.RaiseEpochAsync(42, Cancellation);
        var waiting = election.RaiseEpochAsync(43, Cancellation);
        await PassUntilAsync(() => hanging.IsCompleted && waiting.IsCompleted);

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
        _cluster.Before = _ => failures-- > 0 ? throw FakeCluster.Unreachable : Task.CompletedTask;
        var election = Elect("a");
        var starting = StartAsync(election);
        await PassUntilAsync(() => starting.IsCompleted);
        Assert.True(election.IsLeader);
        Assert.Equal(3, _logs.Lines.Count(line => line.Level == LogLevel.Warning));
    }

    [Theory]
    [InlineData("pod-1_abc@10.0.0.1:7443", "pod-1", "abc", "10.0.0.1:7443")]
    [InlineData("pod_with_lines_abc", "pod_with_lines", "abc", null)]
    [InlineData("somebody", "somebody", "", null)]
    public void An_identity_carries_name_life_and_address(string text, string name, string id, string? address) =>
        Assert.Equal(new LeaderIdentity(name, id, address), LeaderIdentity.Parse(text));

    [Fact]
    public void Each_life_of_a_process_is_another_holder()
    {
        Assert.NotEqual(LeaderIdentity.Create("a"), LeaderIdentity.Create("a"));
        var identity = LeaderIdentity.Create("a", "h:1");
        Assert.Equal(identity, LeaderIdentity.Parse(identity.ToString()));
    }

    private async Task<LeaderElection> StartedAsync(string name)
    {
        var election = Elect(name);
        await StartAsync(election);
        return election;
    }

    private LeaderElection Elect(string name, string? address = null, Func<LeaderElectionOptions, LeaderElectionOptions>? options = null)
    {
        var defaults = new LeaderElectionOptions(Key, LeaderIdentity.Create(name, address));
        var election = new LeaderElection(_cluster, options?.Invoke(defaults) ?? defaults, _time, _logs.CreateLogger<LeaderElection>());
        _elections.Add(election);
        return election;
    }

    private Task<Lease> LeaseAsync() => _cluster.GetAsync<Lease>(Key, Cancellation);

    private Task PatchAsync(string field, System.Text.Json.Nodes.JsonNode value) =>
        _cluster.PatchAsync<Lease>(Key, new() { ["spec"] = new System.Text.Json.Nodes.JsonObject { [field] = value } }, new("test"),
            Cancellation);

    private Task StartAsync(LeaderElection election)
    {
        _running.Add(election);
        return election.StartAsync(Cancellation);
    }

    private Task StopAsync(LeaderElection election)
    {
        _running.Remove(election);
        return election.StopAsync(Cancellation);
    }

    /// <summary>In steps of a second, each of which the elections get time for; a renewal comes at least every 2.2 s.</summary>
    private async Task PassAsync(TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromSeconds(1)) await StepAsync();
    }

    private async Task PassUntilAsync(Func<bool> condition)
    {
        await Eventually.True(async () =>
        {
            if (!condition()) await StepAsync();
            return condition();
        });
    }

    private async Task StepAsync()
    {
        await SettledAsync();
        _time.Advance(TimeSpan.FromSeconds(1));
        await SettledAsync();
    }

    /// <summary>Until each election that runs has done what it had to, and pauses, hangs in a request, or has lost.</summary>
    private Task SettledAsync() => Eventually.True(() =>
        _time.Pauses + (_isHanging ? _time.Limits : 0) >= _running.Count(election => !election.Lost.IsCancellationRequested));

    /// <summary>Knows how many pauses there are, and how many limits after which a request is cut off.</summary>
    private sealed class PausedTime(DateTimeOffset start) : FakeTimeProvider(start)
    {
        private int _pauses;
        private int _limits;

        public int Pauses => Volatile.Read(ref _pauses);

        public int Limits => Volatile.Read(ref _limits);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var isLimit = state is CancellationTokenSource;
            Count(1);
            var isOver = 0;
            return new CountedTimer(base.CreateTimer(
                inner =>
                {
                    End();
                    callback(inner);
                }, state, dueTime, period), End);

            void End()
            {
                if (Interlocked.Exchange(ref isOver, 1) == 0) Count(-1);
            }

            void Count(int by)
            {
                if (isLimit) Interlocked.Add(ref _limits, by);
                else Interlocked.Add(ref _pauses, by);
            }
        }

        private sealed class CountedTimer(ITimer timer, Action end) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(dueTime, period);

            public void Dispose()
            {
                end();
                timer.Dispose();
            }

            public ValueTask DisposeAsync()
            {
                end();
                return timer.DisposeAsync();
            }
        }
    }
}
