using ModuleController.Core.Builtin;
using ModuleController.Kube.Client;
using ModuleController.Kube.Hosting;
using ModuleController.Kube.Tests.Caches;

namespace ModuleController.Kube.Tests.Hosting;

public sealed class LeaderElectionTests : IAsyncDisposable
{
    private readonly ElectionBench _bench = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task The_epoch_is_the_leases_count_of_transitions_and_each_acquisition_raises_it()
    {
        for (var epoch = 1; epoch <= 3; epoch++)
        {
            var election = _bench.Elect("a");   // the same pod, another life
            await _bench.StartAsync(election);
            Assert.Equal((epoch, true), (election.Epoch, election.IsLeader));
            Assert.Equal(epoch, (await _bench.LeaseAsync()).Spec.LeaseTransitions);
            await _bench.StopAsync(election);
        }
    }

    [Fact]
    public async Task An_acquisition_makes_the_epoch_more_than_the_floor_and_more_than_before()
    {
        foreach (var (floor, epoch) in new[] { (0, 1), (1 << 30, (1 << 30) + 1), (7, (1 << 30) + 2) })
        {
            var election = _bench.Elect("a", options: defaults => defaults with { EpochFloor = floor });
            await _bench.StartAsync(election);
            Assert.Equal(epoch, election.Epoch);
            Assert.Equal(epoch, (await _bench.LeaseAsync()).Spec.LeaseTransitions);
            await _bench.StopAsync(election);
        }
    }

    [Fact]
    public async Task Of_two_only_one_leads_and_the_other_knows_who_and_where()
    {
        var first = _bench.Elect("a", "10.0.0.1:7443");
        await _bench.StartAsync(first);
        var second = _bench.Elect("b");
        var waiting = _bench.StartAsync(second);

        await _bench.PassAsync(TimeSpan.FromMinutes(1));
        Assert.False(waiting.IsCompleted);
        Assert.True(first.IsLeader);
        Assert.False(second.IsLeader);
        Assert.Equal(("a", "10.0.0.1:7443"), (second.Leader?.Name, second.Leader?.Address));
    }

    [Fact]
    public async Task The_lease_is_released_on_stop_so_that_the_next_need_not_wait_for_its_end()
    {
        var first = _bench.Elect("a");
        await _bench.StartAsync(first);
        await _bench.StopAsync(first);
        Assert.False(first.IsLeader);
        Assert.Null((await _bench.LeaseAsync()).Spec.HolderIdentity);
        Assert.False(first.Lost.IsCancellationRequested);

        var second = _bench.Elect("b");
        await _bench.StartAsync(second);   // no time has passed
        Assert.Equal(2, second.Epoch);
    }

    [Fact]
    public async Task One_that_died_is_followed_when_its_lease_has_run_out_by_our_own_clock()
    {
        // Its clock is a year ahead: only that the lease does not change counts.
        await _bench.Cluster.CreateAsync(new Lease
        {
            Metadata = new() { Name = ElectionBench.Key.Name, Namespace = ElectionBench.Key.Namespace },
            Spec = new()
            {
                HolderIdentity = "dead_1",
                LeaseDurationSeconds = 15,
                LeaseTransitions = 7,
                RenewTime = _bench.Time.GetUtcNow()
                .AddYears(1)
            },
        }, "test", Cancellation);
        var election = _bench.Elect("b");
        var starting = _bench.StartAsync(election);
        await _bench.PassAsync(TimeSpan.FromSeconds(12));
        Assert.False(starting.IsCompleted);
        await _bench.PassUntilAsync(() => starting.IsCompleted);
        Assert.Equal(8, election.Epoch);
    }

    [Theory]
    [InlineData(1.5, 2)]
    [InlineData(0.4, 1)]
    [InlineData(15, 15)]
    public async Task The_duration_in_the_lease_is_rounded_up_to_whole_seconds(double duration, int seconds)
    {
        var time = TimeSpan.FromSeconds(duration);
        var first = _bench.Elect("a", options: options =>
            options with { Duration = time, RenewDeadline = time / 2, RetryPeriod = time / 10 });
        await _bench.StartAsync(first);
        Assert.Equal(seconds, (await _bench.LeaseAsync()).Spec.LeaseDurationSeconds);

        await _bench.StopAsync(first);
        await _bench.StartAsync(
            _bench.Elect("b", options: options => options with { Duration = time, RenewDeadline = time / 2, RetryPeriod = time / 10 }));
        Assert.Equal(seconds, (await _bench.LeaseAsync()).Spec.LeaseDurationSeconds);
    }

    [Fact]
    public async Task A_lease_that_another_one_took_is_lost_at_once()
    {
        var election = _bench.Elect("a");
        await _bench.StartAsync(election);
        await _bench.PatchAsync("holderIdentity", "thief_1");
        await _bench.PassUntilAsync(() => election.Lost.IsCancellationRequested);
        Assert.Equal("thief_1", (await _bench.LeaseAsync()).Spec.HolderIdentity);
        Assert.False(election.IsLeader);
    }

    [Fact]
    public async Task A_lease_that_only_somebody_edited_is_kept()
    {
        var election = _bench.Elect("a");
        await _bench.StartAsync(election);
        await _bench.PatchAsync("leaseDurationSeconds", 20);
        await _bench.PassAsync(TimeSpan.FromSeconds(20));
        Assert.True(election.IsLeader);
        Assert.False(election.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_lease_that_was_deleted_is_made_again_with_the_same_epoch()
    {
        var election = _bench.Elect("a");
        await _bench.StartAsync(election);
        await election.RaiseEpochAsync(5, Cancellation);
        await _bench.Cluster.DeleteAsync<Lease>(ElectionBench.Key, cancellation: Cancellation);
        await _bench.PassAsync(TimeSpan.FromSeconds(8));
        Assert.True(election.IsLeader);
        Assert.Equal(5, (await _bench.LeaseAsync()).Spec.LeaseTransitions);
    }

    [Fact]
    public async Task A_leader_that_learns_of_a_higher_epoch_raises_the_lease_first()
    {
        var election = _bench.Elect("a");
        await _bench.StartAsync(election);
        await _bench.PatchAsync("leaseDurationSeconds", 15);   // its version is old by now
        await election.RaiseEpochAsync(42, Cancellation);
        Assert.Equal(42, election.Epoch);
        Assert.Equal(42, (await _bench.LeaseAsync()).Spec.LeaseTransitions);

        await election.RaiseEpochAsync(7, Cancellation);
        Assert.Equal(42, election.Epoch);
        await _bench.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(42, election.Epoch);

        _bench.Cluster.Before = _ => throw FakeCluster.Unreachable;
        await Assert.ThrowsAsync<KubeException>(() => election.RaiseEpochAsync(43, Cancellation));
        Assert.Equal(42, election.Epoch);
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
}
