using System.Security.Cryptography;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using ModuleController.SystemTests.Gateway;
using ModuleController.Tests.Tokens;

namespace ModuleController.SystemTests.Identity;

/// <summary>How the controller gets the keys of the API server, and what it does without them.</summary>
public sealed class KeyRefreshTests : IAsyncLifetime
{
    private GatewayRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await GatewayRig.StartAsync();

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task Many_agents_cost_one_read_of_the_keys_and_no_review()
    {
        var controller = await _rig.StartLeaderAsync(TokenRig.Strict);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            var uid = await _rig.CreatePodAsync($"base-{i}");
            await _rig.Connect(controller, await _rig.TokenAsync($"base-{i}", uid)).GreetAsync($"base-{i}", uid);
        }));

        Assert.Equal((1, 0), (_rig.KeyReads(), _rig.TokenReviews()));
    }

    [Fact]
    public async Task A_new_key_is_accepted_after_one_read_and_the_old_one_too()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var controller = await _rig.StartLeaderAsync(TokenRig.Strict, time: time);
        var uid = await _rig.CreatePodAsync("base-0");
        var old = await _rig.TokenAsync("base-0", uid);
        await _rig.Connect(controller, old).GreetAsync("base-0", uid);
        _rig.TokenKeys.Rotate();
        var renewed = await _rig.TokenAsync("base-0", uid);

        Assert.Equal(StatusCode.Unavailable, (await _rig.RefusedAsync(controller, renewed, "base-0", uid)).StatusCode);
        time.Advance(TimeSpan.FromSeconds(10));
        await _rig.Connect(controller, renewed).GreetAsync("base-0", uid);
        await _rig.Connect(controller, old).GreetAsync("base-0", uid);
        Assert.Equal(2, _rig.KeyReads());
    }

    [Fact]
    public async Task Agents_reconnect_while_the_API_server_is_down()
    {
        var controller = await _rig.StartLeaderAsync(TokenRig.Strict);
        var uid = await _rig.CreatePodAsync("base-0");
        var token = await _rig.TokenAsync("base-0", uid);
        await _rig.Connect(controller, token).GreetAsync("base-0", uid);
        await _rig.StopApiServerAsync();

        await _rig.Connect(controller, token).GreetAsync("base-0", uid);

        await _rig.RestartApiServerAsync();
    }

    [Fact]
    public async Task Where_the_keys_are_forbidden_the_API_server_reviews_each_token()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        _rig.Faults.RejectNext(1000, "get", TokenRig.Keys, 403);
        var controller = await _rig.StartLeaderAsync(TokenRig.Strict, time: time);
        var uid = await _rig.CreatePodAsync("base-0");
        var token = await _rig.TokenAsync("base-0", uid);
        await _rig.Connect(controller, token).GreetAsync("base-0", uid);
        Assert.Equal((1, 1), (_rig.KeyReads(), _rig.TokenReviews()));

        using var other = RSA.Create(2048);
        var forged = Jwt.Parse(token).Sign(data => TokenRig.SignWith(other, data));
        Assert.Equal(
            (StatusCode.Unauthenticated, "the API server does not accept the token"),
            Said(await _rig.RefusedAsync(controller, forged, "base-0", uid)));
        Assert.Equal(
            (StatusCode.Unauthenticated, "the API server does not accept the token"),
            Said(await _rig.RefusedAsync(controller, await _rig.TokenAsync("base-0", uid, "other"), "base-0", uid)));
        Assert.Equal(
            (StatusCode.PermissionDenied, "the token is not bound to a pod"),
            Said(await _rig.RefusedAsync(controller, await _rig.TokenAsync(null, null), "base-0", uid)));
        Assert.Equal((1, 4), (_rig.KeyReads(), _rig.TokenReviews()));
        // What is no token at all is not worth a question.
        Assert.Equal(StatusCode.Unauthenticated, (await _rig.RefusedAsync(controller, "of.my.own", "base-0", uid)).StatusCode);

        _rig.Faults.RejectNext(1, "create", TokenRig.Reviews, 403);
        Assert.Equal(
            (StatusCode.Unavailable, "the API server could not be asked about the token: try again"),
            Said(await _rig.RefusedAsync(controller, token, "base-0", uid)));

        _rig.Faults.Clear();
        time.Advance(TimeSpan.FromSeconds(10));
        var reviews = _rig.TokenReviews();
        await _rig.Connect(controller, token).GreetAsync("base-0", uid);
        Assert.Equal((2, reviews), (_rig.KeyReads(), _rig.TokenReviews()));
    }

    [Fact]
    public async Task Unknown_key_ids_hold_up_no_good_agent_and_cost_no_reads()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var controller = await _rig.StartLeaderAsync(TokenRig.Strict, time: time);
        var uid = await _rig.CreatePodAsync("base-0");
        var token = await _rig.TokenAsync("base-0", uid);
        await _rig.Connect(controller, token).GreetAsync("base-0", uid);
        time.Advance(TimeSpan.FromSeconds(10));
        using var other = RSA.Create(2048);

        var flood = Task.WhenAll(Enumerable.Range(0, 300).Select(i => _rig.RefusedAsync(
            controller, Jwt.Parse(token).WithHeader("kid", $"random-{i}").Sign(data => TokenRig.SignWith(other, data)), "base-0", uid)));
        await _rig.Connect(controller, token).GreetAsync("base-0", uid);
        var ends = await flood;

        Assert.All(ends, end => Assert.Contains(end.StatusCode, (StatusCode[])[StatusCode.Unauthenticated, StatusCode.Unavailable]));
        Assert.Equal((2, 0), (_rig.KeyReads(), _rig.TokenReviews()));
    }

    private static (StatusCode, string) Said(Status status) => (status.StatusCode, status.Detail);
}
