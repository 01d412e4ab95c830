using System.Net.Sockets;
using Grpc.Core;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;

namespace ModuleController.SystemTests.Gateway;

/// <summary>Agents' streams, over real connections: who is let in, what closes a stream, and that no other one notices.</summary>
public sealed class GatewayTests : IAsyncLifetime
{
    private GatewayRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await GatewayRig.StartAsync();

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task An_agent_is_greeted_with_the_epoch_and_its_snapshot_is_seen()
    {
        var controller = await _rig.StartLeaderAsync();
        var uid = await _rig.CreatePodAsync("base-0");
        var triggered = new List<ObjectKey>();
        using var subscription = controller.Agents.Subscribe(pod =>
        {
            lock (triggered) triggered.Add(pod);
        });
        var agent = _rig.Connect(controller);

        var welcome = await agent.GreetAsync("base-0", uid);
        Assert.Equal(1ul, welcome.Epoch);
        Assert.Equal(GatewayRig.Patient.HeartbeatInterval, welcome.HeartbeatInterval.ToTimeSpan());
        Assert.Null(controller.Agents.Find(GatewayRig.Pod("base-0"), uid));

        await agent.SayAsync(Messages.Snapshot(1, biz: [Messages.Biz("orders", "m-1")]));
        await GatewayRig.SeenAsync(controller, "base-0", uid, view => view is { IsCurrent: true, Biz: [{ ModuleUid: "m-1" }] },
            "the snapshot is seen");
        Assert.Equal(1, controller.Agents.Connected);
        Assert.Null(controller.Agents.Find(GatewayRig.Pod("base-0"), "another uid"));
        Assert.True(controller.Agents.AcceptingSince <= TimeProvider.System.GetUtcNow());
        // The view has the snapshot at once; subscribers are notified after that.
        await Eventually.True(() =>
        {
            lock (triggered) return triggered.Count > 0;
        });
        lock (triggered) Assert.Equal([GatewayRig.Pod("base-0")], triggered.Distinct());
    }

    [Fact]
    public async Task Probes_are_answered_also_while_the_agents_port_takes_no_more_connections()
    {
        var controller = await _rig.StartControllerAsync(change: options => options with { MaxAgentConnections = 3 });
        var connections = new Stack<TcpClient>();
        try
        {
            do
            {
                connections.Push(new TcpClient());
                await connections.Peek().ConnectAsync(controller.AgentAddress.Host, controller.AgentAddress.Port, GatewayRig.Cancellation);
            }
            while (connections.Count < 4);

            // The server closes the one that is too many, not always the last, and sends nothing to the others.
            var closed = await Task.WhenAny(connections.Select(
                connection => connection.GetStream().ReadAsync(new byte[1], GatewayRig.Cancellation).AsTask()));
            Assert.Equal(0, await closed);
            using var http = new HttpClient();
            for (var probe = 0; probe < 5; probe++)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(controller.HttpAddress, "/healthz"));
                request.Headers.ConnectionClose = true;
                using var answer = await http.SendAsync(request, GatewayRig.Cancellation);
                Assert.Equal("ok\n", await answer.Content.ReadAsStringAsync(GatewayRig.Cancellation));
            }
        }
        finally
        {
            foreach (var connection in connections) connection.Dispose();
        }
    }

    [Fact]
    public async Task An_unknown_pod_is_not_found()
    {
        var agent = _rig.Connect(await _rig.StartLeaderAsync(Hasty));
        await agent.SayAsync(Messages.Hello("nobody", "uid-1"));

        var end = await agent.EndedAsync();
        Assert.Equal(StatusCode.NotFound, end.StatusCode);
        Assert.Contains("default/nobody", end.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_with_another_uid_is_not_found()
    {
        var agent = _rig.Connect(await _rig.StartLeaderAsync(Hasty));
        await _rig.CreatePodAsync("base-0");
        await agent.SayAsync(Messages.Hello("base-0", "of-another-life"));

        Assert.Equal(StatusCode.NotFound, (await agent.EndedAsync()).StatusCode);
    }

    [Fact]
    public async Task A_hello_waits_for_a_pod_that_the_cache_does_not_know_yet()
    {
        var controller = await _rig.StartLeaderAsync(GatewayRig.Patient);
        _rig.Faults.EventDelay = TimeSpan.FromSeconds(0.5);
        var uid = await _rig.CreatePodAsync("base-0");
        var agent = _rig.Connect(controller);

        Assert.Equal(1ul, (await agent.GreetAsync("base-0", uid)).Epoch);
        Assert.Equal(0, _rig.Requests("get", "pods"));
    }

    [Fact]
    public async Task A_pod_that_the_cache_is_too_late_for_may_try_again()
    {
        var controller = await _rig.StartLeaderAsync(Hasty);
        _rig.Faults.EventDelay = TimeSpan.FromHours(1);
        var uid = await _rig.CreatePodAsync("base-0");
        var agent = _rig.Connect(controller);
        await agent.SayAsync(Messages.Hello("base-0", uid));

        Assert.Equal(StatusCode.Unavailable, (await agent.EndedAsync()).StatusCode);
    }

    [Fact]
    public async Task A_second_stream_for_a_pod_replaces_the_first()
    {
        var controller = await _rig.StartLeaderAsync();
        var (first, uid) = await _rig.ConnectedAsync(controller, "base-0");
        await first.SayAsync(Messages.Snapshot(2, biz: [Messages.Biz("orders")]));
        await GatewayRig.SeenAsync(controller, "base-0", uid, view => view!.Biz.Count == 1, "the first one's words are seen");

        var second = _rig.Connect(controller);
        await second.GreetAsync("base-0", uid);

        Assert.Equal(StatusCode.Aborted, (await first.EndedAsync()).StatusCode);
        var between = controller.Agents.Find(GatewayRig.Pod("base-0"), uid)!;
        Assert.False(between.IsConnected);
        Assert.Single(between.Biz);
        Assert.False(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install()));

        await second.SayAsync(Messages.Snapshot(1));
        await GatewayRig.SeenAsync(controller, "base-0", uid, view => view is { IsConnected: true, Biz.Count: 0 }, "the second one counts");
        Assert.Equal(1, controller.Agents.Connected);
    }

    [Fact]
    public async Task The_last_words_of_a_lost_stream_are_kept_until_its_pod_is_gone()
    {
        var controller = await _rig.StartLeaderAsync();
        var (agent, uid) = await _rig.ConnectedAsync(controller, "base-0");
        agent.Dispose();

        await GatewayRig.SeenAsync(controller, "base-0", uid, view => view is { IsConnected: false, Life.Id: Messages.Life },
            "the last words are kept");
        Assert.False(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install()));
        Assert.Equal(0, controller.Agents.Connected);

        await DeletePodAsync("base-0");
        await GatewayRig.SeenAsync(controller, "base-0", uid, view => view is null, "the last words are forgotten");
    }

    [Fact]
    public async Task The_stream_of_a_pod_that_is_gone_is_closed()
    {
        var controller = await _rig.StartLeaderAsync();
        var (agent, _) = await _rig.ConnectedAsync(controller, "base-0");
        await DeletePodAsync("base-0");

        Assert.Equal(StatusCode.NotFound, (await agent.EndedAsync()).StatusCode);
    }

    // Waits hardly for a pod that the cache doesn't know: then the API server says what there is.
    private static AgentOptions Hasty { get; } = GatewayRig.Patient with { PodTimeout = TimeSpan.FromSeconds(0.1) };

    private Task DeletePodAsync(string name) =>
        _rig.Client.DeleteAsync<Pod>(GatewayRig.Pod(name), new() { GracePeriod = TimeSpan.Zero }, GatewayRig.Cancellation);
}
