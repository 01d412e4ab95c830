using ModuleController.ControlPlane.Observing;
using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;

namespace ModuleController.SystemTests.Releases;

/// <summary>Agents that a leader has never heard: right after its start, and on a replica that does not lead.</summary>
public sealed class FreshLeaderTests
{
    private const int Pods = 6;

    [Fact]
    public async Task Agents_that_were_never_heard_have_vanished_only_when_they_have_had_ten_seconds()
    {
        await using var bench = await ReleaseBench.StartAsync(Pods);
        await bench.CreateAsync("shop", Pods);
        await bench.Completes("shop", Pods);
        bench.Agents.BeginAnew();
        var since = bench.Agents.AcceptingSince;
        await bench.PatchAsync("shop", """{"metadata":{"labels":{"look":"again"}}}""");
        await Eventually.True(async () => (await bench.ListAsync<Event>()).Any(IsVanished));
        Assert.True(TimeProvider.System.GetUtcNow() >= since + AgentPresence.TimeToReport, "they had no time to come");
        // By itself, without anybody's word, the release learns it too.
        await bench.Becomes("shop", found => found.Status.Conditions.Find(DeploymentConditions.Progressing) is { } condition
            && (condition.Reason == Reasons.AgentsVanished || condition.Reason == Reasons.ReleaseCompleted));
        for (var i = 0; i < Pods; i++) bench.Agents.Connect(new("default", $"base-{i:d3}"));
        await Eventually.True(async () => (await bench.ListAsync<Event>()).Any(e => e.Reason == Reasons.AgentsReturned));
    }

    [Fact]
    public async Task A_replica_that_does_not_lead_holds_no_base()
    {
        await using var bench = await ReleaseBench.StartAsync(Pods);
        await bench.CreateAsync("shop", Pods);
        await bench.Completes("shop", Pods);
        await Eventually.True(() => bench.Caches.Modules.List().Count(module => module.IsAvailable) == Pods);
        var standby = new FleetAgents { AcceptingSince = DateTimeOffset.MaxValue };
        var agents = new BaseAgents(bench.Caches, standby, new());
        var now = TimeProvider.System.GetUtcNow();
        Assert.Equal(0, agents.CountOutages(now));
        Assert.Null(agents.OutageOf(bench.Caches.Deployments.Get(new("default", "base"))!, now, out _));

        standby.AcceptingSince = now - AgentPresence.TimeToReport;
        Assert.Equal(1, agents.CountOutages(now));
    }

    [Fact]
    public async Task A_base_is_looked_at_once_a_second_and_who_asks_in_between_learns_when_to_ask_again()
    {
        await using var bench = await ReleaseBench.StartAsync(Pods);
        await Eventually.True(() => bench.Caches.Pods.List().Count(PodAssessment.IsReady) == Pods
            && bench.Caches.ReplicaSets.List().Count == 1
            && bench.Caches.Deployments.Get(new("default", "base")) is not null);
        var agents = new BaseAgents(bench.Caches, bench.Agents, new());
        var found = bench.Caches.Deployments.Get(new("default", "base"))!;
        var now = TimeProvider.System.GetUtcNow();
        Assert.Null(agents.OutageOf(found, now, out var again));
        Assert.Null(again);
        // Who comes or goes counts at once, or a release would begin in between.
        for (var i = 0; i < 4; i++) bench.Agents.Disconnect(new("default", $"base-{i:d3}"));
        Assert.Equal(4, agents.OutageOf(found, now, out again)?.Disconnected);

        await bench.DeleteAsync<Pod>("base-000");
        await Eventually.True(() => bench.Caches.Pods.List().Count == Pods - 1);
        Assert.Equal(4, agents.OutageOf(found, now.AddSeconds(0.9), out again)?.Disconnected);
        Assert.Equal(now.AddSeconds(1), again);
        Assert.Equal(3, agents.OutageOf(found, now.AddSeconds(1), out again)?.Disconnected);
        Assert.Null(again);
    }

    private static bool IsVanished(Event e) => e is { Reason: Reasons.AgentsVanished, InvolvedObject.Kind: "Deployment" };
}
