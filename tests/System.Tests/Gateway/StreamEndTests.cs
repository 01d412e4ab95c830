using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.SystemTests.Gateway;

/// <summary>What ends an agent's stream: malformed messages, silence, age, and a channel that is full.</summary>
public sealed class StreamEndTests : IAsyncLifetime
{
    private GatewayRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await GatewayRig.StartAsync();

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    public static TheoryData<string, byte[], string> BadMessages => new()
    {
        { "a second hello", Bytes(Messages.Hello()), "a second hello" },
        { "an oversized message", Bytes(Oversized()), "a message is above 1 MiB" },
        { "a message that can't be parsed", [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x02], "a message can't be parsed" },
        { "an empty message", [], "the message is empty" },
        { "a message of a kind that nobody knows", [0xFA, 0x01, 0x01, 0x61], "the message is empty, or of a kind" },
        { "too many biz", Bytes(Messages.Snapshot(2, biz: Enumerable.Repeat(Messages.Biz("a"), Limits.Biz + 1))),
            "snapshot.biz: 1001 entries" },
        { "a result that is none", Bytes(Messages.Result("a", (Outcome)9)), "result.outcome" },
        { "an old snapshot", Bytes(Messages.Snapshot(1)), "snapshot 1 after snapshot 1" },
    };

    [Theory]
    [MemberData(nameof(BadMessages))]
    public async Task A_bad_message_closes_its_stream_with_the_reason_and_no_other_one_notices(string what, byte[] message, string why)
    {
        var controller = await _rig.StartLeaderAsync();
        var (other, otherUid) = await _rig.ConnectedAsync(controller, "base-other");
        var (agent, uid) = await _rig.ConnectedAsync(controller, "base-0");

        var saying = agent.SayAsync(message);

        var end = await agent.EndedAsync();
        // A large message may be cut off by the stream's end, or wait for ever for a window that nobody opens any more.
        agent.Dispose();
        await Eventually.Ends(Task.WhenAny(saying));
        Assert.True(StatusCode.InvalidArgument == end.StatusCode, $"{what}: {end}");
        Assert.Contains(why, end.Detail, StringComparison.Ordinal);
        await GatewayRig.SeenAsync(controller, "base-0", uid, view => view!.IsConnected == false, "the pod is marked");
        Assert.True(controller.Agents.Find(GatewayRig.Pod("base-other"), otherUid)!.IsConnected);
        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-other"), otherUid, Messages.Install()));
        Assert.Equal(Messages.Install().Id, (await other.NextAsync()).Command.Id);
    }

    [Fact]
    public async Task A_stream_whose_first_message_is_no_hello_is_closed()
    {
        var agent = _rig.Connect(await _rig.StartLeaderAsync());
        await agent.SayAsync(Messages.Snapshot(1));

        Assert.Equal((StatusCode.InvalidArgument, "expected a hello, got snapshot"), Said(await agent.EndedAsync()));
    }

    [Fact]
    public async Task A_stream_that_says_nothing_is_closed()
    {
        var agent = _rig.Connect(await _rig.StartLeaderAsync(GatewayRig.Patient with { HelloTimeout = TimeSpan.FromSeconds(0.2) }));

        Assert.Equal(StatusCode.InvalidArgument, (await agent.EndedAsync()).StatusCode);
    }

    [Fact]
    public async Task A_silent_stream_is_closed_after_three_heartbeats_and_one_that_beats_is_not()
    {
        var time = new FakeTimeProvider(Messages.Start);
        var controller = await _rig.StartLeaderAsync(GatewayRig.Patient with { HeartbeatInterval = TimeSpan.FromSeconds(10) }, time: time);
        var (beating, beatingUid) = await _rig.ConnectedAsync(controller, "base-beats");
        var (silent, uid) = await _rig.ConnectedAsync(controller, "base-silent");
        var end = silent.EndedAsync();
        await PassAsync(controller, time, (beating, "base-beats", beatingUid), end);

        Assert.Equal(StatusCode.DeadlineExceeded, (await end).StatusCode);
        Assert.True(time.GetUtcNow() - Messages.Start > TimeSpan.FromSeconds(30), "it was not silent for three heartbeats");
        await GatewayRig.SeenAsync(controller, "base-silent", uid, view => view!.IsConnected == false, "the pod is marked");
        Assert.True(controller.Agents.Find(GatewayRig.Pod("base-beats"), beatingUid)!.IsConnected);
    }

    [Fact]
    public async Task A_stream_without_a_snapshot_is_closed()
    {
        var time = new FakeTimeProvider(Messages.Start);
        var controller = await _rig.StartLeaderAsync(time: time);
        var agent = _rig.Connect(controller);
        await agent.GreetAsync("base-0", await _rig.CreatePodAsync("base-0"));
        var end = agent.EndedAsync();
        await Eventually.True(() =>
        {
            time.Advance(TimeSpan.FromSeconds(5));
            return end.IsCompleted;
        });

        Assert.Equal((StatusCode.DeadlineExceeded, "no snapshot was received"), Said(await end));
    }

    [Fact]
    public async Task A_stream_at_its_maximum_age_is_closed_so_that_its_agent_connects_again()
    {
        var time = new FakeTimeProvider(Messages.Start);
        var controller = await _rig.StartLeaderAsync(GatewayRig.Patient with { MaxStreamAge = TimeSpan.FromMinutes(2) }, time: time);
        var (agent, uid) = await _rig.ConnectedAsync(controller, "base-0");
        var end = agent.EndedAsync();
        await PassAsync(controller, time, (agent, "base-0", uid), end);

        Assert.Equal((StatusCode.Unavailable, "the stream has reached its maximum age: connect again"), Said(await end));
        Assert.True(time.GetUtcNow() - Messages.Start > TimeSpan.FromMinutes(1.6), "it was ended too early");
    }

    [Fact]
    public async Task A_stream_that_nobody_reads_is_closed_when_its_channel_is_full()
    {
        var controller = await _rig.StartLeaderAsync();
        var (_, uid) = await _rig.ConnectedAsync(controller, "base-0");
        var (other, otherUid) = await _rig.ConnectedAsync(controller, "base-other");
        // The client doesn't read: its window, then our buffers, then the channel fill up.
        var sent = 0;
        await Eventually.True(() =>
        {
            while (sent < 100_000 && controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Inspect($"rs-{sent}"))) sent++;
            return controller.Agents.Find(GatewayRig.Pod("base-0"), uid)?.IsConnected == false;
        });

        Assert.InRange(sent, 10, 50_000);
        Assert.Contains(_rig.Log, line => line.Contains("the agent doesn't read", StringComparison.Ordinal));
        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-other"), otherUid, Messages.Install()));
        Assert.Equal(Messages.Install().Id, (await other.NextAsync()).Command.Id);
    }

    /// <summary>Lets the controller's time pass until a stream has ended, while this agent is never silent for longer than a
    /// step.</summary>
    private static async Task PassAsync(
        ControlPlaneHost controller, FakeTimeProvider time, (AgentStream Stream, string Pod, string Uid) beating, Task end)
    {
        while (!end.IsCompleted)
        {
            // The stream that ends may be its own.
            await Task.WhenAny(beating.Stream.SayAsync(Messages.Heartbeat()));
            await GatewayRig.SeenAsync(
                controller, beating.Pod, beating.Uid, view =>
                    end.IsCompleted || view?.LastMessageAt == time.GetUtcNow(), "the heartbeat is received");
            time.Advance(TimeSpan.FromSeconds(2.5));
        }
    }

    private static byte[] Bytes(ConnectRequest message) => Google.Protobuf.MessageExtensions.ToByteArray(message);

    private static ConnectRequest Oversized()
    {
        var message = Messages.Snapshot(2);
        message.Snapshot.Biz.Add(Messages.Biz(new('a', Limits.MessageFromAgent)));
        return message;
    }

    private static (StatusCode, string) Said(Status status) => (status.StatusCode, status.Detail);
}
