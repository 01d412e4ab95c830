using Grpc.Core;
using ModuleController.ControlPlane.Agents;
using ModuleController.SystemTests.Gateway;

namespace ModuleController.SystemTests.Identity;

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
    public async Task A_hello_for_a_pod_of_another_namespace_is_no_permission()
    {
        var controller = await _rig.StartLeaderAsync(Strict);
        var uid = await _rig.CreatePodAsync("base-0");
        var agent = _rig.Connect(controller, await _rig.TokenAsync("base-0", uid));
        await Task.WhenAny(agent.SayAsync(Messages.Hello("base-0", uid, ns: "kube-system")));

        var end = await agent.EndedAsync();
        Assert.Equal(
            (StatusCode.PermissionDenied, "the credential is that of pod default/base-0, not of kube-system/base-0"),
            (end.StatusCode, end.Detail));
    }

    [Fact]
    public async Task The_token_of_a_deleted_pod_is_refused()
    {
        var controller = await _rig.StartLeaderAsync(Strict with { PodTimeout = TimeSpan.FromSeconds(0.1) });
        var uid = await _rig.CreatePodAsync("base-0");
        var token = await _rig.TokenAsync("base-0", uid);
        var connected = _rig.Connect(controller, token);
        await connected.GreetAsync("base-0", uid);
        await _rig.DeletePodAsync("base-0");
        Assert.Equal(StatusCode.NotFound, (await connected.EndedAsync()).StatusCode);

        var agent = _rig.Connect(controller, token);
        await SayAsync(agent, "base-0", uid);
        Assert.Equal(StatusCode.NotFound, (await agent.EndedAsync()).StatusCode);

        // Of the same name, but another one.
        var successor = await _rig.CreatePodAsync("base-0");
        var impostor = _rig.Connect(controller, token);
        await SayAsync(impostor, "base-0", successor);
        Assert.Equal(StatusCode.PermissionDenied, (await impostor.EndedAsync()).StatusCode);
    }

    [Theory]
    [InlineData("Succeeded")]
    [InlineData("Failed")]
    public async Task The_token_of_a_finished_pod_is_refused_and_its_stream_ends(string phase)
    {
        var controller = await _rig.StartLeaderAsync(Strict);
        var uid = await _rig.CreatePodAsync("base-0");
        var token = await _rig.TokenAsync("base-0", uid);
        var connected = _rig.Connect(controller, token);
        await connected.GreetAsync("base-0", uid);
        await _rig.FinishPodAsync("base-0", phase);
        var end = await connected.EndedAsync();
        Assert.Equal((StatusCode.NotFound, "the containers of pod default/base-0 have ended"), (end.StatusCode, end.Detail));

        var agent = _rig.Connect(controller, token);
        await SayAsync(agent, "base-0", uid);
        end = await agent.EndedAsync();
        Assert.Equal(StatusCode.NotFound, end.StatusCode);
        Assert.EndsWith("or it has ended", end.Detail, StringComparison.Ordinal);
    }

    // The stream may be refused by its headers, before the hello is out.
    private static Task SayAsync(AgentStream agent, string pod, string uid) =>
        Task.WhenAny(agent.SayAsync(Messages.Hello(pod, uid)));
}
