using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Grpc.Core;
using ModuleController.SystemTests.Gateway;
using ModuleController.Tests.Tokens;

namespace ModuleController.SystemTests.Identity;

/// <summary>Tokens that the API server did not issue, or not for this. None of them is worth a question to the API server.</summary>
public sealed class ForgedTokenTests : IAsyncLifetime
{
    private const string NotSigned = "the token is not signed by the API server";

    private readonly RSA _other = RSA.Create(2048);

    private GatewayRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await GatewayRig.StartAsync();

    public ValueTask DisposeAsync()
    {
        _other.Dispose();
        return _rig.DisposeAsync();
    }

    [Theory]
    [InlineData("signed by another key", NotSigned)]
    [InlineData("changed after it was signed", NotSigned)]
    [InlineData("without signature", "the token is none of a service account")]
    [InlineData("alg none, with a signature", NotSigned)]
    [InlineData("HS256 with the public key as secret", NotSigned)]
    [InlineData("HS256 with the modulus as secret", NotSigned)]
    [InlineData("PS256 that is RS256", NotSigned)]
    [InlineData("of another issuer", "the key of the token is unknown: try again")]
    [InlineData("without key id", "the key of the token is unknown: try again")]
    [InlineData("of another audience", "the token is not made for the audience modulecontroller")]
    [InlineData("of no audience", "the token is not made for the audience modulecontroller")]
    [InlineData("expired", "the token has expired")]
    [InlineData("without expiry", "the token has expired")]
    [InlineData("not valid yet", "the token is not valid yet")]
    [InlineData("without pod", "the token is not bound to a pod")]
    [InlineData("with owners that are no object", "the token is not bound to a pod")]
    [InlineData("too long", "the token is none of a service account")]
    public async Task A_token_is_refused(string what, string why)
    {
        var controller = await _rig.StartLeaderAsync(TokenRig.Strict);
        var uid = await _rig.CreatePodAsync("base-0");
        var good = await _rig.TokenAsync("base-0", uid);
        // The keys are known from here on.
        await _rig.Connect(controller, good).GreetAsync("base-0", uid);

        var end = await _rig.RefusedAsync(controller, Forge(what, good), "base-0", uid);

        Assert.Equal(why, end.Detail);
        Assert.Equal(
            what is "without pod" or "with owners that are no object" ? StatusCode.PermissionDenied
                : what is "of another issuer" or "without key id" ? StatusCode.Unavailable : StatusCode.Unauthenticated,
            end.StatusCode);
        Assert.Equal((0, 1), (_rig.TokenReviews(), _rig.KeyReads()));
    }

    private string Forge(string what, string good)
    {
        var parts = Jwt.Parse(good);
        var now = DateTimeOffset.FromUnixTimeSeconds(parts.Claims["iat"]!.GetValue<long>());
        return what switch
        {
            "signed by another key" => parts.Sign(data => TokenRig.SignWith(_other, data)),
            "changed after it was signed" => string.Join(
                '.', [.. parts.WithClaim("jti", "x").Sign(_ => []).Split('.')[..2], good.Split('.')[2]]),
            "without signature" => parts.WithHeader("alg", "none").Sign(_ => []),
            "alg none, with a signature" => parts.WithHeader("alg", "none").Sign(Own),
            "HS256 with the public key as secret" => parts.WithHeader("alg", "HS256").Sign(data =>
                HMACSHA256.HashData(Encoding.UTF8.GetBytes(PublicKey.ToJsonString()), data)),
            "HS256 with the modulus as secret" => parts.WithHeader("alg", "HS256").Sign(data =>
                HMACSHA256.HashData(Base64Url.DecodeFromChars(PublicKey["n"]!.GetValue<string>()), data)),
            "PS256 that is RS256" => parts.WithHeader("alg", "PS256").Sign(Own),
            "of another issuer" => parts.WithClaim("iss", "https://other.example").Sign(Own),
            "without key id" => parts.WithHeader("kid", null).Sign(Own),
            "of another audience" => parts.WithClaim("aud", new JsonArray("other")).Sign(Own),
            "of no audience" => parts.WithClaim("aud", null).Sign(Own),
            "expired" => parts.WithClaim("exp", now.AddMinutes(-2).ToUnixTimeSeconds()).Sign(Own),
            "without expiry" => parts.WithClaim("exp", null).Sign(Own),
            "not valid yet" => parts.WithClaim("nbf", now.AddMinutes(30).ToUnixTimeSeconds()).Sign(Own),
            "without pod" => parts.WithClaim("kubernetes.io", new JsonObject { ["namespace"] = "default" }).Sign(Own),
            "with owners that are no object" => parts.WithClaim("kubernetes.io", 5).Sign(Own),
            "too long" => parts.WithClaim("more", new string('x', 17_000)).Sign(Own),
            _ => throw new ArgumentException(what, nameof(what)),
        };
    }

    private JsonObject PublicKey => _rig.TokenKeys.All[0].ToJson();

    private byte[] Own(byte[] data) => _rig.TokenKeys.All[0].Sign(data);
}
