using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Hosting;

namespace ModuleController.SystemTests.Gateway;

/// <summary>Who leads, how that ends, and what probes and Prometheus get.</summary>
public sealed class LeadershipTests : IAsyncLifetime
{
    private static readonly ObjectKey LeaseKey = new("default", "modulecontroller");

    private GatewayRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await GatewayRig.StartAsync();

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task One_that_does_not_lead_is_ready_and_tells_agents_who_does()
    {
        var leader = await _rig.StartLeaderAsync();
        var other = await _rig.StartControllerAsync();
        await Eventually.True(async () => await StatusAsync(other, "/readyz") == HttpStatusCode.OK);
        var uid = await _rig.CreatePodAsync("base-0");

        // The address is in the Lease once this one has looked at it.
        AgentStream agent;
        Status end;
        do
        {
            agent = _rig.Connect(other);
            await Task.WhenAny(agent.SayAsync(Messages.Hello("base-0", uid)));
            end = await agent.EndedAsync();
            Assert.Equal(StatusCode.Unavailable, end.StatusCode);
        }
        while (agent.Trailer(AgentService.LeaderAddress) is null);

        Assert.Equal($"127.0.0.1:{leader.AgentAddress.Port}", agent.Trailer(AgentService.LeaderAddress));
        Assert.Contains($"127.0.0.1:{leader.AgentAddress.Port}", end.Detail, StringComparison.Ordinal);
        Assert.False(other.IsLeading);
        Assert.Equal(DateTimeOffset.MaxValue, other.Agents.AcceptingSince);
    }

    [Fact]
    public async Task A_leader_that_stops_names_the_next_one_to_its_agents_and_spreads_them()
    {
        var leader = await _rig.StartLeaderAsync(change: options => options with { SuccessorWait = Eventually.Deadline });
        var agents = new List<AgentStream>();
        for (var i = 0; i < 8; i++) agents.Add((await _rig.ConnectedAsync(leader, $"base-{i}")).Item1);
        var ends = agents.Select(agent => agent.EndedAsync()).ToList();
        var other = await _rig.StartControllerAsync();

        await Eventually.Ends(leader.StopAsync());

        var reported = agents.Zip(await Task.WhenAll(ends)).Where(item => item.Second.StatusCode == StatusCode.Unavailable)
            .Select(item => (item.First.Trailer(AgentService.LeaderAddress), item.First.Trailer(AgentService.ReconnectWithin))).ToList();
        // A connection that closes may overtake the status of its stream, but not those of all.
        Assert.NotEmpty(reported);
        Assert.All(reported, trailers => Assert.Equal(($"127.0.0.1:{other.AgentAddress.Port}", "16"), trailers));
    }

    [Fact]
    public async Task Stopping_with_open_streams_is_prompt_and_hands_over_the_lease()
    {
        // Each part has ten seconds of a clock that stands still: that it ends at all means that none waited for them.
        var leader = await _rig.StartLeaderAsync(time: new FakeTimeProvider(TimeProvider.System.GetUtcNow()));
        var (agent, uid) = await _rig.ConnectedAsync(leader, "base-0");
        var silent = _rig.Connect(leader);
        var (agentEnds, silentEnds) = (agent.EndedAsync(), silent.EndedAsync());
        var other = await _rig.StartControllerAsync();
        // Streams that the server has not seen yet are refused by the connection that closes, in whichever way.
        await Eventually.True(async () =>
            Regex.IsMatch(await MetricsAsync(leader), @"modulecontroller_agent_streams_open(\{[^}]*\})?\s2\s"));

        await Eventually.Ends(leader.StopAsync());

        Assert.DoesNotContain(_rig.Log, line => line.Contains("did not stop within", StringComparison.Ordinal));
        AssertEndedWithReason(await agentEnds);
        AssertEndedWithReason(await silentEnds);
        await Eventually.True(() => other.IsLeading, () => string.Join('\n', _rig.Log));
        Assert.Equal(2ul, (await _rig.Connect(other).GreetAsync("base-0", uid)).Epoch);
    }

    [Fact]
    public async Task A_lost_lease_ends_the_controller_and_no_command_goes_out_any_more()
    {
        var leader = await _rig.StartLeaderAsync();
        var (agent, uid) = await _rig.ConnectedAsync(leader, "base-0");
        var ends = agent.EndedAsync();
        await _rig.Client.PatchAsync<Lease>(
            LeaseKey, new JsonObject { ["spec"] = new JsonObject { ["holderIdentity"] = "somebody_else", ["leaseDurationSeconds"] = 60 } },
            new("test"), GatewayRig.Cancellation);

        await Eventually.True(() => !leader.IsLeading);
        Assert.False(leader.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install()));
        await Assert.ThrowsAsync<LeadershipLostException>(() => leader.Completion.WaitAsync(Eventually.Deadline, GatewayRig.Cancellation));
        AssertEndedWithReason(await ends);
    }

    [Fact]
    public async Task It_is_healthy_at_once_and_ready_when_its_caches_are_synced()
    {
        _rig.Faults.RejectNext(1_000_000, "list", "pods", 503);
        var controller = await _rig.StartControllerAsync();

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(controller, "/healthz"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(controller, "/readyz"));
        Assert.False(controller.IsLeading);

        _rig.Faults.Clear();
        await Eventually.True(async () => await StatusAsync(controller, "/readyz") == HttpStatusCode.OK);
    }

    [Fact]
    public async Task Metrics_count_sessions_commands_requests_and_modules()
    {
        var controller = await _rig.StartLeaderAsync();
        var (agent, uid) = await _rig.ConnectedAsync(controller, "base-0");
        Assert.True(controller.Agents.TrySend(GatewayRig.Pod("base-0"), uid, Messages.Install()));
        var answer = Messages.Result(Messages.Install().Id);
        answer.Result.Duration = new() { Seconds = 3 };
        await agent.SayAsync(answer);
        await GatewayRig.SeenAsync(controller, "base-0", uid, view => view!.Answers.Count == 1, "the answer is seen");
        await _rig.CreateModuleAsync("orders-1", uid);

        var text = "";
        await Eventually.True(async () =>
        {
            text = await MetricsAsync(controller);
            Assert.Matches(@"modulecontroller_agent_sessions(\{[^}]*\})?\s1\s", text);
            Assert.Matches(@"modulecontroller_agent_streams_open(\{[^}]*\})?\s1\s", text);
            Assert.Matches(@"modulecontroller_commands_total\{[^}]*action=""install"",outcome=""Succeeded"",reason=""""\}\s1\s", text);
            Assert.Matches(@"modulecontroller_install_duration_seconds_sum(\{[^}]*\})?\s3\s", text);
            Assert.Matches(@"modulecontroller_modules\{[^}]*status=""Pending""[^}]*\}\s1\s", text);
            Assert.Matches(@"kube_api_requests_total\{[^}]*resource=""pods""[^}]*verb=""list""\}\s\d+\s", text);
            return true;
        }, () => Task.FromResult(text));
    }

    [Fact]
    public async Task A_port_that_is_taken_is_said_and_nothing_is_left_behind()
    {
        var first = await _rig.StartControllerAsync();

        var exception = await Assert.ThrowsAsync<IOException>(
            () => _rig.StartControllerAsync(change: options => options with { GrpcPort = first.AgentAddress.Port }));
        Assert.Contains("address already in use", exception.Message, StringComparison.OrdinalIgnoreCase);
    }

    private static async Task<HttpStatusCode> StatusAsync(ControlPlaneHost controller, string path)
    {
        using var http = new HttpClient { BaseAddress = controller.HttpAddress };
        using var response = await http.GetAsync(new Uri(path, UriKind.Relative), GatewayRig.Cancellation);
        return response.StatusCode;
    }

    /// <summary>The status was written. The connection that closes behind it may overtake it, where the agent has just sent something
    /// that nobody reads any more: then the agent learns only that the server has gone, without an error.</summary>
    private void AssertEndedWithReason(Status end)
    {
        Assert.Contains(
            _rig.Log, line => line.Contains("Error status code 'Unavailable' with detail 'this controller stops' raised", StringComparison.Ordinal));
        Assert.True(
            end.StatusCode == StatusCode.Unavailable
                || (end.StatusCode == StatusCode.Internal && end.Detail.Contains("NO_ERROR", StringComparison.Ordinal)),
            $"{end}\n{string.Join('\n', _rig.Log)}");
    }

    private static async Task<string> MetricsAsync(ControlPlaneHost controller)
    {
        using var http = new HttpClient { BaseAddress = controller.HttpAddress };
        return await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), GatewayRig.Cancellation);
    }
}
