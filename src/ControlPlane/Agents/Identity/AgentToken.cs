using System.Text.Json;
using Grpc.Core;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using ModuleController.Protocol;

namespace ModuleController.ControlPlane.Agents.Identity;

/// <summary>A token that an agent sent. Its claims are not to be trusted before it is verified.</summary>
public sealed class AgentToken
{
    /// <summary>How much the clocks of API server and controller may differ; that of the API server itself.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    /// <summary>How long a token is accepted at most without being verified again. The kubelet renews one of an hour after 48
    /// minutes.</summary>
    public static readonly TimeSpan AcceptedFor = TimeSpan.FromHours(24);

    // Asymmetric ones only: with a symmetric one, who knows the public key could sign.
    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    private static readonly JsonWebTokenHandler Handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = Limits.Token };

    private readonly JsonWebToken _token;
    private readonly JsonElement? _owners;

    private AgentToken(JsonWebToken token)
    {
        _token = token;
        _owners = token.TryGetPayloadValue<JsonElement>("kubernetes.io", out var owners) ? owners : null;
    }

    public string Text => _token.EncodedToken;

    public string Issuer => _token.Issuer;

    public string KeyId => _token.Kid ?? "";

    /// <summary>In the past if the token does not say.</summary>
    public DateTimeOffset ExpiresAt => Utc(_token.ValidTo);

    /// <summary>Null: it is no signed JSON Web Token, or too long.</summary>
    public static AgentToken? Read(string token)
    {
        if (token.Length > Limits.Token) return null;
        try
        {
            return new JsonWebToken(token) is { IsEncrypted: false, IsSigned: true } read ? new(read) : null;
        }
        // The library has an exception for each way in which a token can be malformed.
        catch (Exception exception) when (exception is ArgumentException or FormatException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Its pod, if one of the keys has signed it for this audience, and it is valid now.</summary>
    public async Task<Authentication> VerifyAsync(IssuerKeys keys, string audience, DateTimeOffset now)
    {
        var result = await Handler.ValidateTokenAsync(_token, new TokenValidationParameters
        {
            ValidIssuer = keys.Issuer,
            ValidAudience = audience,
            ValidAlgorithms = Algorithms,
            IssuerSigningKeyResolver = (_, _, id, _) => id is not null && keys.Keys.TryGetValue(id, out var key) ? [key] : [],
            // The library has a clock of its own; see below.
            LifetimeValidator = (_, _, _, _) => true,
        });
        if (!result.IsValid)
        {
            return Refused(result.Exception is SecurityTokenInvalidAudienceException
                ? $"the token is not made for the audience {audience}" : "the token is not signed by the API server");
        }

        if (now - ClockSkew >= ExpiresAt) return Refused("the token has expired");
        return now + ClockSkew < Utc(_token.ValidFrom) ? Refused("the token is not valid yet") : ToIdentity(now);
    }

    /// <summary>The pod that it names. Only for a token that is verified.</summary>
    public Authentication ToIdentity(DateTimeOffset now) =>
        Claim("namespace") is { } ns && Claim("pod", "name") is { } pod && Claim("pod", "uid") is { } uid
            ? Authentication.Of(new(ns, pod, uid, ExpiresAt - now < AcceptedFor ? ExpiresAt : now + AcceptedFor))
            : Authentication.Refused(StatusCode.PermissionDenied, "the token is not bound to a pod");

    private static DateTimeOffset Utc(DateTime time) => new(DateTime.SpecifyKind(time, DateTimeKind.Utc));

    private static Authentication Refused(string why) => Authentication.Refused(StatusCode.Unauthenticated, why);

    private string? Claim(params ReadOnlySpan<string> path)
    {
        if (_owners is not { } claim) return null;
        foreach (var name in path)
            if (claim.ValueKind != JsonValueKind.Object || !claim.TryGetProperty(name, out claim)) return null;
        return claim.ValueKind == JsonValueKind.String && claim.GetString() is { Length: > 0 } text ? text : null;
    }
}
