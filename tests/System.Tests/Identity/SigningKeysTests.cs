using System.Security.Cryptography;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane.Agents.Identity;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Identity;

/// <summary>When the keys of the API server are read, and which of them count.</summary>
public sealed class SigningKeysTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly TokenIssuer _issuer;
    private readonly SigningKeys _keys;
    private readonly RefusingClient _client = new();
    private readonly TokenReviews _reviews;
    private readonly AgentAuthenticator _authenticator;

    public SigningKeysTests()
    {
        _issuer = new(_time);
        _issuer.Add("one");
        _keys = new(_issuer.ReadAsync, _time, NullLogger<SigningKeys>.Instance);
        _reviews = new(_client, "modulecontroller", _time, NullLogger<TokenReviews>.Instance);
        _authenticator = new(_keys, _reviews, new(), _time);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _reviews.Dispose();
        _issuer.Dispose();
    }

    [Fact]
    public async Task Concurrent_tokens_share_one_read()
    {
        var answered = new TaskCompletionSource();
        _issuer.BeforeRead = _ => answered.Task;
        var asked = Enumerable.Range(0, 50).Select(_ => AskAsync(_issuer.Issue("one"))).ToArray();
        Assert.All(asked, one => Assert.False(one.IsCompleted));
        answered.SetResult();

        Assert.All(await Task.WhenAll(asked), answer => Assert.Equal("uid-0", answer.Identity?.PodUid));
        Assert.Equal(1, _issuer.Reads);
    }

    [Fact]
    public async Task A_read_that_fails_keeps_the_keys_and_is_repeated_after_ten_seconds()
    {
        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);
        _issuer.Add("two");
        _issuer.BeforeRead = _ => throw new KubeException(new(0, KubeError.Unreachable, "connection refused"), "test");
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(StatusCode.Unavailable, (await AskAsync(_issuer.Issue("two"))).Refusal?.StatusCode);
        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);

        _issuer.BeforeRead = _ => Task.CompletedTask;
        Assert.Equal(StatusCode.Unavailable, (await AskAsync(_issuer.Issue("two"))).Refusal?.StatusCode);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Null((await AskAsync(_issuer.Issue("two"))).Refusal);
    }

    [Fact]
    public async Task A_read_without_an_answer_ends_after_ten_seconds_and_delays_a_known_key_by_two()
    {
        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);
        _time.Advance(TimeSpan.FromMinutes(5));
        _issuer.Add("two");
        _issuer.BeforeRead = cancellation => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
        var unknown = AskAsync(_issuer.Issue("two"));
        var known = AskAsync(_issuer.Issue("one"));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Null((await known).Refusal);
        Assert.False(unknown.IsCompleted);

        await Eventually.True(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            return unknown.IsCompleted;
        });
        Assert.Equal(StatusCode.Unavailable, (await unknown).Refusal?.StatusCode);
    }

    [Fact]
    public async Task A_key_that_is_no_longer_published_is_dropped_after_five_minutes()
    {
        _issuer.Add("two");
        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);
        _issuer.Remove("one");
        _time.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);
        Assert.Equal(1, _issuer.Reads);

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull((await AskAsync(_issuer.Issue("one"))).Refusal);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(StatusCode.Unauthenticated, (await AskAsync(_issuer.Issue("one"))).Refusal?.StatusCode);
    }

    [Fact]
    public async Task A_failed_read_of_old_keys_is_repeated_after_ten_seconds()
    {
        _issuer.Add("two");
        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);
        _issuer.Remove("one");
        _issuer.BeforeRead = _ => throw new KubeException(new(0, KubeError.Unreachable, "connection refused"), "test");
        _time.Advance(TimeSpan.FromMinutes(5));
        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);

        _issuer.BeforeRead = _ => Task.CompletedTask;
        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.NotNull((await AskAsync(_issuer.Issue("one"))).Refusal);
    }

    /// <summary>API servers get a new key one after the other.</summary>
    [Fact]
    public async Task A_renewal_with_a_key_that_is_not_published_yet_is_tried_again()
    {
        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);
        _time.Advance(TimeSpan.FromSeconds(10));
        var token = _issuer.Claims("unknown").Sign(_ => [1]);
        var renewal = await _authenticator.AuthenticateTokenAsync(token, Cancellation, isRenewal: true);
        Assert.Equal(StatusCode.Unavailable, renewal.Refusal?.StatusCode);

        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(StatusCode.Unauthenticated, (await AskAsync(token)).Refusal?.StatusCode);
    }

    [Fact]
    public async Task A_token_is_accepted_for_at_most_a_day()
    {
        var claims = _issuer.Claims("one");
        claims.Claims["exp"] = _time.GetUtcNow().AddYears(1).ToUnixTimeSeconds();

        Assert.Equal(_time.GetUtcNow().AddDays(1), (await AskAsync(_issuer.Sign("one", claims))).Identity?.ExpiresAt);
        Assert.Equal(_time.GetUtcNow().AddHours(1), (await AskAsync(_issuer.Issue("one"))).Identity?.ExpiresAt);
    }

    [Fact]
    public async Task A_new_issuer_is_accepted_after_one_read()
    {
        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);
        _issuer.Issuer = "https://other.example";
        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);
        Assert.Equal(2, _issuer.Reads);
    }

    [Fact]
    public async Task An_elliptic_curve_is_a_key_and_a_symmetric_one_is_none()
    {
        var sign = _issuer.AddCurve("curve");
        var secret = RandomNumberGenerator.GetBytes(32);
        _issuer.AddSymmetric("secret", secret);

        Assert.Null((await AskAsync(_issuer.Claims("curve", "ES256").Sign(sign))).Refusal);
        _time.Advance(TimeSpan.FromSeconds(10));
        var answer = await AskAsync(_issuer.Claims("secret", "HS256").Sign(data => HMACSHA256.HashData(secret, data)));
        Assert.Equal(StatusCode.Unauthenticated, answer.Refusal?.StatusCode);
    }

    [Theory]
    [InlineData("{", "{}")]
    [InlineData("{}", "{}")]
    [InlineData("[]", """{"keys": []}""")]
    [InlineData("""{"issuer": 5}""", """{"keys": []}""")]
    [InlineData("""{"issuer": "a"}""", """{"keys": []}""")]
    [InlineData("""{"issuer": "a"}""", """{"keys": [{"kty": "RSA", "kid": "a", "n": "!", "e": "AQAB"}]}""")]
    [InlineData("""{"issuer": "a"}""", "<html>")]
    public async Task Documents_that_cannot_be_read_are_no_keys(string configuration, string keySet)
    {
        var keys = new SigningKeys(
            (path, _) => Task.FromResult(path == TokenRig.Keys ? keySet : configuration), _time, NullLogger<SigningKeys>.Instance);

        Assert.Null(await keys.GetAsync(Cancellation));
    }

    [Fact]
    public async Task The_API_server_is_asked_about_tokens_only_while_there_are_no_keys()
    {
        _issuer.BeforeRead = _ => throw new KubeException(new(403, "Forbidden", "no"), "test");
        Assert.Equal(StatusCode.Unavailable, (await AskAsync(_issuer.Issue("one"))).Refusal?.StatusCode);
        Assert.Equal(1, _client.Asked);

        _issuer.BeforeRead = _ => Task.CompletedTask;
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Null((await AskAsync(_issuer.Issue("one"))).Refusal);
        _issuer.BeforeRead = _ => throw new KubeException(new(403, "Forbidden", "no"), "test");
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(StatusCode.Unavailable, (await AskAsync(_issuer.Claims("unknown").Sign(_ => [1]))).Refusal?.StatusCode);
        Assert.Equal(StatusCode.Unauthenticated, (await AskAsync(_issuer.Claims("one").Sign(_ => [1]))).Refusal?.StatusCode);
        Assert.Equal(1, _client.Asked);
    }

    private Task<Authentication> AskAsync(string token) => _authenticator.AuthenticateTokenAsync(token, Cancellation);
}
