using System.Security.Cryptography;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using ModuleController.SystemTests.Gateway;
using ModuleController.Tests.Tokens;

namespace ModuleController.SystemTests.Identity;

/// <summary>A stream is as long as its credential, which its agent renews.</summary>
public sealed class CredentialRenewalTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());

    private GatewayRig _rig = null!;
    private string _uid = "";
    private ulong _sequence;

    public async ValueTask InitializeAsync()
    {
        _rig = await GatewayRig.StartAsync();
        await _rig.StartLeaderAsync(TokenRig.Strict, time: _time);
        _uid = await _rig.CreatePodAsync("base-0");
    }

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task A_stream_ends_when_its_token_has_expired_and_its_agent_connects_with_the_next_one()
    {
        var began = _time.GetUtcNow();
        var agent = await ConnectedAsync(600);
        var end = agent.EndedAsync();
        await PassAsync(agent, () => end.IsCompleted);

        Assert.Equal((StatusCode.Unauthenticated, "the credential has expired: connect again with a new one"), Said(await end));
        Assert.True(_time.GetUtcNow() - began >= TimeSpan.FromSeconds(655), $"it ended after {_time.GetUtcNow() - began}");
        await ConnectedAsync(3600);
    }

    [Fact]
    public async Task A_renewed_credential_continues_the_stream_without_a_gap()
    {
        var agent = await ConnectedAsync(600);
        Assert.Equal(1, _rig.Controller.Agents.Connected);
        var changes = _rig.Controller.Agents.Changes;
        var began = _time.GetUtcNow();
        await PassAsync(agent, () => _time.GetUtcNow() - began > TimeSpan.FromSeconds(500));
        await agent.SayAsync(Messages.Credential(await _rig.TokenAsync("base-0", _uid, seconds: 1800)));
        await PassAsync(agent, () => _time.GetUtcNow() - began > TimeSpan.FromSeconds(1500));

        Assert.Equal(changes, _rig.Controller.Agents.Changes);
        var end = agent.EndedAsync();
        await PassAsync(agent, () => end.IsCompleted);
        Assert.Equal(StatusCode.Unauthenticated, (await end).StatusCode);
    }

    [Fact]
    public async Task The_welcome_says_that_credentials_are_accepted_also_before_the_snapshot()
    {
        var agent = _rig.Connect(_rig.Controller, await _rig.TokenAsync("base-0", _uid));
        Assert.True((await agent.GreetAsync("base-0", _uid)).AcceptsCredentials);
        await agent.SayAsync(Messages.Credential(await _rig.TokenAsync("base-0", _uid)));
        await agent.SayAsync(Messages.Snapshot(1));
        await GatewayRig.SeenAsync(_rig.Controller, "base-0", _uid, view => view?.IsConnected == true, "the agent is connected");
    }

    [Fact]
    public async Task A_credential_of_another_pod_ends_the_stream()
    {
        var agent = await ConnectedAsync(3600);
        var other = await _rig.CreatePodAsync("base-1");
        await agent.SayAsync(Messages.Credential(await _rig.TokenAsync("base-1", other)));

        Assert.Equal(
            (StatusCode.PermissionDenied, "the credential is that of pod default/base-1, not of default/base-0"),
            Said(await agent.EndedAsync()));
    }

    [Fact]
    public async Task A_credential_that_is_none_ends_the_stream()
    {
        foreach (var (token, why) in new[]
        {
            ("garbage", "the token is none of a service account"),
            (await _rig.TokenAsync("base-0", _uid, "other"), "the token is not made for the audience modulecontroller"),
            (await ForgedAsync(), "the token is not signed by the API server"),
        })
        {
            var agent = await ConnectedAsync(3600);
            await agent.SayAsync(Messages.Credential(token));
            Assert.Equal((StatusCode.Unauthenticated, why), Said(await agent.EndedAsync()));
        }
    }

    [Theory]
    [InlineData(0, "credential.token: missing")]
    [InlineData(16 * 1024 + 1, "credential.token: more than 16384 bytes")]
    public async Task A_credential_beyond_its_limit_ends_the_stream(int length, string why)
    {
        var agent = await ConnectedAsync(3600);
        await agent.SayAsync(Messages.Credential(new('x', length)));

        Assert.Equal((StatusCode.InvalidArgument, why), Said(await agent.EndedAsync()));
    }

    [Fact]
    public async Task A_credential_that_cannot_be_checked_is_tried_again_while_the_present_one_is_valid()
    {
        var agent = await ConnectedAsync(600);
        _rig.TokenKeys.Rotate();
        // The keys were read at the connect, and are not read again for ten seconds.
        await agent.SayAsync(Messages.Credential(await _rig.TokenAsync("base-0", _uid, seconds: 3600)));
        var began = _time.GetUtcNow();
        await PassAsync(agent, () => _time.GetUtcNow() - began > TimeSpan.FromSeconds(900));

        Assert.True(_rig.Controller.Agents.Find(GatewayRig.Pod("base-0"), _uid)!.IsConnected);
        Assert.True(_rig.KeyReads() >= 2, "the keys were not read again");
    }

    private async Task<AgentStream> ConnectedAsync(int seconds)
    {
        var agent = _rig.Connect(_rig.Controller, await _rig.TokenAsync("base-0", _uid, seconds: seconds));
        await agent.GreetAsync("base-0", _uid);
        await agent.SayAsync(Messages.Snapshot(++_sequence));
        await GatewayRig.SeenAsync(
            _rig.Controller, "base-0", _uid, view => view is { IsConnected: true } && view.LastMessageAt == _time.GetUtcNow(),
            "the agent is connected");
        return agent;
    }

    private async Task<string> ForgedAsync()
    {
        using var other = RSA.Create(2048);
        return Jwt.Parse(await _rig.TokenAsync("base-0", _uid)).Sign(data => TokenRig.SignWith(other, data));
    }

    /// <summary>Lets the controller's time pass, while the agent is never silent for longer than a step.</summary>
    private async Task PassAsync(AgentStream agent, Func<bool> until)
    {
        while (!until())
        {
            await Task.WhenAny(agent.SayAsync(Messages.Heartbeat()));
            await GatewayRig.SeenAsync(
                _rig.Controller, "base-0", _uid, view => until() || view?.LastMessageAt == _time.GetUtcNow(), "the heartbeat is received");
            _time.Advance(TimeSpan.FromSeconds(5));
        }
    }

    private static (StatusCode, string) Said(Status status) => (status.StatusCode, status.Detail);
}
