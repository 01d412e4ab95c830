using System.Net.Sockets;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

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
        var woken = new List<ObjectKey>();
        using var subscription = controller.Agents.Subscribe(pod =>
        {
            lock (woken) woken.Add(pod);
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
            lock (woken) return woken.Count > 0;
        });
        lock (woken) Assert.Equal([GatewayRig.Pod("base-0")], woken.Distinct());
    }

    /// <summary>Such values were stored before a rule existed. The reconcile that sends them must not fail, and the agent not see
    /// them.</summary>
    [Fact]
    public async Task A_command_that_the_agent_would_refuse_is_answered_here_and_the_stream_stays_open()
    {
        var controller = await _rig.StartLeaderAsync();
        var (agent, uid) = await _rig.ConnectedAsync(controller, "base-0");
        var pod = GatewayRig.Pod("base-0");
        foreach (var (attempt, source) in new[]
        {
            (1, new ModuleSource { Name = "orders", Version = "1.0.0", Url = "http://repository/orders.jar", Md5 = "abc" }),
            (2, new ModuleSource { Name = "orders", Version = "1.0.0", Url = "http://repository/" + new string('张', 3000) }),
        })
        {
            var bad = Messages.Install(attempt: attempt) with { Source = source };
            Assert.True(controller.Agents.TrySend(pod, uid, bad));
            var answer = controller.Agents.Find(pod, uid)!.Answers[bad.Id];
            Assert.Equal((CommandOutcome.Refused, FailureReason.InvalidArtifact), (answer.Outcome, answer.Reason));
            Assert.Contains(": must be ", answer.Message, StringComparison.Ordinal);
        }

        Assert.True(controller.Agents.TrySend(pod, uid, Messages.Install(attempt: 3)));
        Assert.Equal(Messages.Install(attempt: 3).Id, (await agent.NextAsync()).Command.Id);
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

            // The server closes the one that is too many; it sends the others its settings.
            Assert.Equal(0, await connections.Peek().GetStream().ReadAsync(new byte[1], GatewayRig.Cancellation));
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
    public async Task A_command_goes_out_with_the_epoch_and_its_answer_comes_back()
    {
        var controller = await _rig.StartLeaderAsync();
        var (agent, uid) = await _rig.ConnectedAsync(controller, "base-0");

        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install()));
        Assert.False(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install("m-2")));
        Assert.False(controller.Agents.TrySend(GatewayRig.Pod("base-0"), "another uid", Messages.Install("m-2")));
        Assert.False(controller.Agents.TrySend(GatewayRig.Pod("base-1"), uid, Messages.Install("m-2")));
        Assert.Equal(Messages.Install().Id, controller.Agents.Find(GatewayRig.Pod("base-0"), uid)!.Sent);

        var command = (await agent.NextAsync()).Command;
        Assert.Equal((Messages.Install().Id, 1ul, Messages.Life), (command.Id, command.Epoch, command.BaseLifeId));
        Assert.Equal(("orders", "http://repository/orders-1.0.0.jar", true),
            (command.Install.Module.Name, command.Install.Source.Url, command.Install.Activate));
        await agent.SayAsync(Messages.Result(command.Id, Outcome.Failed, Reason.MetaspaceFull));
        await GatewayRig.SeenAsync(
            controller, "base-0", uid,
            view => view!.Sent is null
                && view.Answers.GetValueOrDefault(command.Id)?.Reason == Core.Commands.FailureReason.MetaspaceFull, "the answer is seen");
        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install("m-2")));
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
    public async Task A_url_that_an_older_agent_does_not_accept_fails_its_command_and_closes_nothing()
    {
        var controller = await _rig.StartLeaderAsync();
        var (agent, uid) = await _rig.ConnectedAsync(controller, "base-0");
        var command = Messages.Install() with { Source = Messages.Source("orders") with { Url = "http://jars/" + new string('x', 2048) } };

        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, command));
        var answer = controller.Agents.Find(GatewayRig.Pod("base-0"), uid)!.Answers[command.Id];
        Assert.Equal((CommandOutcome.Refused, FailureReason.InvalidArtifact), (answer.Outcome, answer.Reason));
        Assert.Contains("has 2060 bytes", answer.Message, StringComparison.Ordinal);
        Assert.Contains("accepts at most 2048", answer.Message, StringComparison.Ordinal);

        var next = Messages.Install("m-2") with
        {
            Source = Messages.Source("orders") with { Url = "http://jars/" + new string('x', 2036) }
        };
        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, next));
        Assert.Equal(next.Id, (await agent.NextAsync()).Command.Id);
    }

    [Fact]
    public async Task A_url_of_8192_bytes_is_sent_to_an_agent_that_says_it_accepts_it()
    {
        var controller = await _rig.StartLeaderAsync();
        var uid = await _rig.CreatePodAsync("base-0");
        var agent = _rig.Connect(controller);
        var hello = Messages.Hello("base-0", uid);
        hello.Hello.Capabilities.Add("long-urls");
        await agent.SayAsync(hello);
        await agent.NextAsync();
        await agent.SayAsync(Messages.Snapshot(1));
        var command = Messages.Install() with { Source = Messages.Source("orders") with { Url = "http://jars/" + new string('x', 8180) } };
        await Eventually.True(() => controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, command));
        Assert.Equal(command.Source.Url, (await agent.NextAsync()).Command.Install.Source.Url);
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

    private async Task<int?> LeaseEpochAsync() =>
        (await _rig.Client.GetAsync<Lease>(new("default", "modulecontroller"), GatewayRig.Cancellation)).Spec.LeaseTransitions;

    // Waits hardly for a pod that the cache doesn't know: then the API server says what there is.
    private static AgentOptions Hasty { get; } = GatewayRig.Patient with { PodTimeout = TimeSpan.FromSeconds(0.1) };

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
                    end.IsCompleted || view?.LastHeard == time.GetUtcNow(), "the heartbeat is heard");
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

    private Task DeletePodAsync(string name) =>
        _rig.Client.DeleteAsync<Pod>(GatewayRig.Pod(name), new() { GracePeriod = TimeSpan.Zero }, GatewayRig.Cancellation);
}
