using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;

namespace ModuleController.SystemTests.Gateway;

/// <summary>Epochs that agents have observed, against that of the Lease.</summary>
public sealed class EpochTests : IAsyncLifetime
{
    private GatewayRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await GatewayRig.StartAsync();

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task A_hello_of_a_base_pod_that_has_observed_a_higher_epoch_raises_ours_in_the_lease_first()
    {
        var controller = await _rig.StartLeaderAsync();
        var uid = await _rig.CreateBasePodAsync(controller, "base-0");
        var agent = _rig.Connect(controller);

        Assert.Equal(42ul, (await agent.GreetAsync("base-0", uid, highestEpoch: 41)).Epoch);
        Assert.Equal(42, await LeaseEpochAsync());

        await agent.SayAsync(Messages.Snapshot(1));
        await Eventually.True(() => controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install()));
        Assert.Equal(42ul, (await agent.NextAsync()).Command.Epoch);
    }

    [Fact]
    public async Task Many_agents_with_higher_epochs_at_once_get_one_epoch_that_is_above_all()
    {
        var controller = await _rig.StartLeaderAsync();
        var uids = new List<string>();
        for (var i = 0; i < 8; i++) uids.Add(await _rig.CreateBasePodAsync(controller, $"base-{i}"));

        // With gaps: none has seen just the number that another one makes of ours, which it could then have from us.
        var epochs = await Task.WhenAll(uids.Select(async (uid, i) =>
            (await _rig.Connect(controller).GreetAsync($"base-{i}", uid, highestEpoch: (ulong)(10 + (2 * i)))).Epoch));

        Assert.All(epochs.Select((epoch, i) => (epoch, i)), item => Assert.InRange(item.epoch, (ulong)(11 + (2 * item.i)), 25ul));
        Assert.Equal(25ul, (await _rig.Connect(controller).GreetAsync("base-0", uids[0])).Epoch);
    }

    /// <summary>Otherwise one agent could use up the numbers of the Lease, and every other one would refuse its commands for
    /// ever.</summary>
    [Theory]
    [InlineData(true, 1ul << 30, "--epoch-floor=1073741824")]
    [InlineData(true, ulong.MaxValue, "replace the pod")]
    [InlineData(true, 1001ul, "has observed epoch 1001, above this controller's epoch 1, and gets no commands; replace the pod, or start")]
    [InlineData(false, 41ul, "replace the pod, or start the controllers with --epoch-floor=41")]
    public async Task An_epoch_that_is_far_ahead_or_of_a_pod_without_a_base_raises_nothing_and_fences_its_agent_alone(
        bool isBasePod, ulong highest, string remedy)
    {
        var controller = await _rig.StartLeaderAsync();
        var (other, otherUid) = await _rig.ConnectedAsync(controller, "other");
        var uid = isBasePod ? await _rig.CreateBasePodAsync(controller, "base-0") : await _rig.CreatePodAsync("base-0");
        var agent = _rig.Connect(controller);

        Assert.Equal(1ul, (await agent.GreetAsync("base-0", uid, highest)).Epoch);
        Assert.Equal(1, await LeaseEpochAsync());
        await agent.SayAsync(Messages.Snapshot(1));
        await GatewayRig.SeenAsync(controller, "base-0", uid, view => view is { IsCurrent: true }, "the session stays");
        Assert.True(controller.Agents.Find(GatewayRig.Pod("base-0"), uid)!.IsFenced);
        Assert.False(controller.Agents.Find(GatewayRig.Pod("other"), otherUid)!.IsFenced);

        // What is asked of it is answered here: its Modules say Fenced, and what to do.
        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install()));
        var answer = controller.Agents.Find(GatewayRig.Pod("base-0"), uid)!.Answers[Messages.Install().Id];
        Assert.Equal((CommandOutcome.Failed, FailureReason.Fenced), (answer.Outcome, answer.Reason));
        Assert.Contains(remedy, answer.Message, StringComparison.Ordinal);
        await Eventually.True(async () => (await _rig.Client.ListAsync<Event>(cancellation: GatewayRig.Cancellation)).Items.Any(item =>
            item is { Type: "Warning", Reason: "Fenced", InvolvedObject.Name: "base-0" }
                && item.Message!.Contains(remedy, StringComparison.Ordinal)));

        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("other"), otherUid, Messages.Install()));
        Assert.Equal(1ul, (await other.NextAsync()).Command.Epoch);
    }

    [Fact]
    public async Task A_leader_starts_above_the_floor_and_then_sends_commands_to_an_agent_that_was_ahead()
    {
        var controller = await _rig.StartLeaderAsync(change: options => options with { EpochFloor = 1 << 30 });
        var uid = await _rig.CreatePodAsync("base-0");
        var agent = _rig.Connect(controller);

        Assert.Equal((1ul << 30) + 1, (await agent.GreetAsync("base-0", uid, highestEpoch: 1ul << 30)).Epoch);
        await agent.SayAsync(Messages.Snapshot(1));
        await Eventually.True(() => controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install()));
        Assert.Equal((1ul << 30) + 1, (await agent.NextAsync()).Command.Epoch);
    }

    [Fact]
    public async Task An_agent_whose_pod_becomes_a_base_pod_after_its_hello_raises_the_epoch_then()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var controller = await _rig.StartLeaderAsync(time: time);
        var uid = await _rig.CreateDeploymentPodAsync("base-0");
        var agent = _rig.Connect(controller);
        Assert.Equal(1ul, (await agent.GreetAsync("base-0", uid, highestEpoch: 41)).Epoch);
        await agent.SayAsync(Messages.Snapshot(1));
        await GatewayRig.SeenAsync(controller, "base-0", uid, view => view is { IsCurrent: true }, "the session stays");

        await _rig.CreateModuleDeploymentAsync();
        await GatewayRig.IsBasePodAsync(controller, "base-0");
        Assert.False(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install()));
        time.Advance(GatewayRig.Patient.HeartbeatInterval / 4);

        await Eventually.True(() => controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install()));
        Assert.Equal(42ul, (await agent.NextAsync()).Command.Epoch);
        Assert.Equal(42, await LeaseEpochAsync());
    }

    [Fact]
    public async Task The_end_of_a_fence_triggers_a_reconcile_although_its_agent_sends_nothing()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var controller = await _rig.StartLeaderAsync(
            GatewayRig.Patient with { HeartbeatInterval = 2 * AgentEpochs.RaisePeriod }, time: time);
        var (uid, raiserUid) = (await _rig.CreateBasePodAsync(controller, "base-0"), await _rig.CreateBasePodAsync(controller, "base-1"));
        await _rig.Connect(controller).GreetAsync("base-1", raiserUid, highestEpoch: 500);
        var agent = _rig.Connect(controller);
        await agent.GreetAsync("base-0", uid, highestEpoch: 1001);
        await agent.SayAsync(Messages.Snapshot(1));
        await GatewayRig.SeenAsync(controller, "base-0", uid, view => view is { IsFenced: true }, "1001 is too far ahead of 1");
        var changed = new ConcurrentQueue<ObjectKey>();
        using var subscription = controller.Agents.Subscribe(changed.Enqueue);

        time.Advance(AgentEpochs.RaisePeriod / 2);
        await Eventually.True(() => changed.Contains(GatewayRig.Pod("base-0")));
        changed.Clear();
        time.Advance(AgentEpochs.RaisePeriod / 2);

        await Eventually.True(() => changed.Contains(GatewayRig.Pod("base-0")));
        Assert.False(controller.Agents.Find(GatewayRig.Pod("base-0"), uid)!.IsFenced);
    }

    private async Task<int?> LeaseEpochAsync() =>
        (await _rig.Client.GetAsync<Lease>(new("default", "modulecontroller"), GatewayRig.Cancellation)).Spec.LeaseTransitions;
}
