using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using ModuleController.SystemTests.Gateway;

namespace ModuleController.SystemTests.Identity;

/// <summary>What still works after access was withdrawn, as docs/security.md says.</summary>
public sealed class RevocationTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());

    private GatewayRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await GatewayRig.StartAsync();

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task A_token_of_a_deleted_account_is_valid_until_it_expires()
    {
        var controller = await _rig.StartLeaderAsync(TokenRig.Strict, time: _time);
        var uid = await _rig.CreatePodAsync("base-0");
        var token = await _rig.TokenAsync("base-0", uid, seconds: 600);
        await _rig.DeleteAccountAsync();

        await _rig.Connect(controller, token).GreetAsync("base-0", uid);
        _time.Advance(TimeSpan.FromSeconds(670));
        var end = await _rig.RefusedAsync(controller, token, "base-0", uid);
        Assert.Equal((StatusCode.Unauthenticated, "the token has expired"), (end.StatusCode, end.Detail));
    }

    [Fact]
    public async Task A_stolen_token_is_valid_while_its_pod_exists()
    {
        var controller = await _rig.StartLeaderAsync(TokenRig.Strict with { PodTimeout = TimeSpan.FromSeconds(0.1) });
        var uid = await _rig.CreatePodAsync("base-0");
        var token = await _rig.TokenAsync("base-0", uid);
        var agent = _rig.Connect(controller, token);
        await agent.GreetAsync("base-0", uid);

        var thief = _rig.Connect(controller, token);
        await thief.GreetAsync("base-0", uid);
        Assert.Equal(StatusCode.Aborted, (await agent.EndedAsync()).StatusCode);
        await _rig.Connect(controller, token).GreetAsync("base-0", uid);
        Assert.Equal(StatusCode.Aborted, (await thief.EndedAsync()).StatusCode);

        await _rig.DeletePodAsync("base-0");
        await Eventually.True(() => controller.Caches.Pods.Get(GatewayRig.Pod("base-0")) is null);
        Assert.Equal(StatusCode.NotFound, (await _rig.RefusedAsync(controller, token, "base-0", uid)).StatusCode);
    }
}
