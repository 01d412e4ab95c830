using System.Security.Cryptography;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane.Agents.Identity;

namespace ModuleController.SystemTests.Identity;

/// <summary>Runs beside no other test: it measures the memory of the process.</summary>
[CollectionDefinition(nameof(KeyFloodTests), DisableParallelization = true)]
[Collection(nameof(KeyFloodTests))]
public sealed class KeyFloodTests
{
    [Fact]
    public async Task Ten_thousand_tokens_with_random_key_ids_cost_one_read_each_ten_seconds_and_no_memory()
    {
        var time = new FakeTimeProvider(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var issuer = new TokenIssuer(time);
        issuer.Add("one");
        var client = new RefusingClient();
        using var reviews = new TokenReviews(client, "modulecontroller", TimeProvider.System, NullLogger<TokenReviews>.Instance);
        var keys = new SigningKeys(issuer.ReadAsync, time, NullLogger<SigningKeys>.Instance);
        var authenticator = new AgentAuthenticator(keys, reviews, new(), time);
        Task<Authentication> AskAsync(string token) =>
            authenticator.AuthenticateTokenAsync(token, TestContext.Current.CancellationToken);

        var good = issuer.Issue("one");
        Assert.Null((await AskAsync(good)).Refusal);
        using var other = RSA.Create(2048);
        string Forged() => issuer.Claims($"{Guid.NewGuid()}").Sign(data => TokenRig.SignWith(other, data));
        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => AskAsync(Forged())));
        var before = GC.GetTotalMemory(forceFullCollection: true);

        var begun = issuer.Reads;
        for (var second = 0; second < 50; second++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => AskAsync(Forged())));
            Assert.All(answers, answer => Assert.Contains(answer.Refusal!.Value.StatusCode,
                (StatusCode[])[StatusCode.Unauthenticated, StatusCode.Unavailable]));
            Assert.Null((await AskAsync(good)).Refusal);
            time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.InRange(issuer.Reads - begun, 4, 5);
        Assert.Equal(0, client.Asked);
        // Each token has more than a kilobyte. What other tests have left behind may be collected meanwhile.
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - before < 5_000_000);
    }
}
