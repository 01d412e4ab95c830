using Grpc.Core;
using ModuleController.ControlPlane.Agents;

namespace ModuleController.SystemTests.Gateway;

/// <summary>An agent may speak only for the pod that its token names.</summary>
public sealed class IdentityTests : IAsyncLifetime
{
    private static readonly AgentOptions Strict = GatewayRig.Patient with { AllowInsecure = false };

    private GatewayRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await GatewayRig.StartAsync();

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task A_pods_own_token_lets_its_agent_in()
    {
        var controller = await _rig.StartLeaderAsync(Strict);
        var uid = await _rig.CreatePodAsync("base-0");
        var agent = _rig.Connect(controller, await _rig.TokenAsync("base-0", uid));

        Assert.Equal(1ul, (await agent.GreetAsync("base-0", uid)).Epoch);
    }

    [Fact]
    public async Task Without_a_token_an_agent_is_not_let_in()
    {
        var agent = _rig.Connect(await _rig.StartLeaderAsync(Strict));
        await SayAsync(agent, "base-0", await _rig.CreatePodAsync("base-0"));

        Assert.Equal(StatusCode.Unauthenticated, (await agent.EndedAsync()).StatusCode);
    }

    [Fact]
    public async Task The_token_of_another_pod_is_no_permission()
    {
        var controller = await _rig.StartLeaderAsync(Strict);
        var uid = await _rig.CreatePodAsync("base-0");
        var other = await _rig.CreatePodAsync("base-1");
        var agent = _rig.Connect(controller, await _rig.TokenAsync("base-1", other));
        await SayAsync(agent, "base-0", uid);

        var end = await agent.EndedAsync();
        Assert.Equal(StatusCode.PermissionDenied, end.StatusCode);
        Assert.Contains("default/base-1", end.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_for_another_audience_or_of_nobody_is_not_accepted()
    {
        var controller = await _rig.StartLeaderAsync(Strict);
        var uid = await _rig.CreatePodAsync("base-0");
        foreach (var token in new[] { await _rig.TokenAsync("base-0", uid, "somebody-else"), "of.my.own", new('x', 20_000) })
        {
            var agent = _rig.Connect(controller, token);
            await SayAsync(agent, "base-0", uid);
            Assert.Equal(StatusCode.Unauthenticated, (await agent.EndedAsync()).StatusCode);
        }
    }

    [Fact]
    public async Task A_token_that_is_bound_to_no_pod_is_no_permission()
    {
        var controller = await _rig.StartLeaderAsync(Strict);
        var agent = _rig.Connect(controller, await _rig.TokenAsync(null, null));
        await SayAsync(agent, "base-0", await _rig.CreatePodAsync("base-0"));

        Assert.Equal(StatusCode.PermissionDenied, (await agent.EndedAsync()).StatusCode);
    }

    [Fact]
    public async Task A_token_is_checked_also_where_agents_without_one_are_believed()
    {
        var controller = await _rig.StartLeaderAsync(GatewayRig.Patient);
        var agent = _rig.Connect(controller, "of.my.own");
        await SayAsync(agent, "base-0", await _rig.CreatePodAsync("base-0"));

        Assert.Equal(StatusCode.Unauthenticated, (await agent.EndedAsync()).StatusCode);
    }

    [Fact]
    public async Task However_many_streams_show_a_token_it_is_reviewed_once()
    {
        var controller = await _rig.StartLeaderAsync(Strict);
        var uid = await _rig.CreatePodAsync("base-0");
        var token = await _rig.TokenAsync("base-0", uid);

        var ends = await Task.WhenAll(Enumerable.Range(0, 12).Select(async _ =>
        {
            var agent = _rig.Connect(controller, token);
            await SayAsync(agent, "base-0", "of-another-life");
            return await agent.EndedAsync();
        }));

        Assert.All(ends, end => Assert.Equal(StatusCode.PermissionDenied, end.StatusCode));
        Assert.Equal(1, _rig.Requests("create", "tokenreviews.authentication.k8s.io") + _rig.Requests("create", "tokenreviews"));
    }

    [Fact]
    public async Task A_review_that_failed_is_asked_for_again()
    {
        var controller = await _rig.StartLeaderAsync(Strict);
        var uid = await _rig.CreatePodAsync("base-0");
        var token = await _rig.TokenAsync("base-0", uid);
        _rig.Faults.RejectNext(1, "create", "tokenreviews.authentication.k8s.io", 403);
        var refused = _rig.Connect(controller, token);
        await SayAsync(refused, "base-0", uid);
        Assert.Equal(StatusCode.Unavailable, (await refused.EndedAsync()).StatusCode);

        Assert.Equal(1ul, (await _rig.Connect(controller, token).GreetAsync("base-0", uid)).Epoch);
    }

    // The stream may be refused by its headers, before the hello is out.
    private static Task SayAsync(AgentStream agent, string pod, string uid) =>
        Task.WhenAny(agent.SayAsync(Messages.Hello(pod, uid)));
}
