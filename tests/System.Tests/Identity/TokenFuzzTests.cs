using System.Buffers.Text;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane.Agents.Identity;

namespace ModuleController.SystemTests.Identity;

/// <summary>Whatever an agent sends as its token is an answer, and no exception.</summary>
public sealed class TokenFuzzTests
{
    private static readonly Gen<string> Value = AnyOf(
        "null", "5", "-1", "1e300", "9999999999999999999", "0.5", "true", "\"\"", "\"x\"", "[]", "{}", "[null]", "[5]",
        "{\"a\":{}}", "\"\\u0000\"");

    private static readonly Gen<string> Name = AnyOf("alg", "kid", "typ", "cty", "enc", "x5t", "zip", "crit");

    private static readonly Gen<string> Claim = AnyOf("aud", "exp", "iat", "iss", "jti", "kubernetes.io", "nbf", "sub", "azp");

    private static Gen<T> AnyOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static Gen<Action<JsonObject>> Change(Gen<string> name) => Gen.Select(name, Value)
        .Select<string, string, Action<JsonObject>>((field, value) => part => part[field] = JsonNode.Parse(value));

    [Fact]
    public async Task No_token_throws()
    {
        var time = new FakeTimeProvider(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var issuer = new TokenIssuer(time);
        issuer.Add("one");
        using var reviews = new TokenReviews(
            new RefusingClient(), "modulecontroller", TimeProvider.System, NullLogger<TokenReviews>.Instance);
        var authenticator = new AgentAuthenticator(
            new(issuer.ReadAsync, time, NullLogger<SigningKeys>.Instance), reviews, new(), time);

        // Well signed, so that each claim is read.
        await Gen.Select(Change(Name).Array[0, 2], Change(Claim).Array[0, 2]).SampleAsync(async (ofHeader, ofClaims) =>
        {
            var token = issuer.Claims("one");
            foreach (var change in ofHeader) change(token.Header);
            foreach (var change in ofClaims) change(token.Claims);
            await authenticator.AuthenticateTokenAsync(issuer.Sign("one", token), TestContext.Current.CancellationToken);
        }, iter: 3000, threads: 1);

        // Of any bytes in any number of parts.
        await Gen.OneOf(Gen.String[0, 40], Gen.Byte.Array[0, 40].Select(bytes => Base64Url.EncodeToString(bytes)),
            AnyOf("{}", "[]", "{\"alg\":\"RS256\"}", "{\"alg\":5}", "{", "\"").Select(json =>
                Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json)))).Array[0, 6].SampleAsync(
            async parts => await authenticator.AuthenticateTokenAsync(string.Join('.', parts), TestContext.Current.CancellationToken),
            iter: 3000, threads: 1);
    }
}
