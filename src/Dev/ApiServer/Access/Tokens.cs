using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;

namespace ModuleController.Dev.ApiServer.Access;

/// <summary>Tokens of users and service accounts. A token that is bound to a pod is invalid when the pod is deleted.</summary>
public static class Tokens
{
    public const string DefaultAudience = "https://kubernetes.default.svc";

    public static string Issue(EventLog log, JsonObject claims)
    {
        var payload = claims.ToUtf8();
        return $"{Base64Url.EncodeToString(payload)}.{Base64Url.EncodeToString(HMACSHA256.HashData(log.SigningKey, payload))}";
    }

    /// <summary>A token of a user in these groups, without expiry.</summary>
    public static string IssueTo(EventLog log, string user, params IEnumerable<string> groups) => Issue(log, new()
    {
        ["user"] = user,
        ["groups"] = new JsonArray([.. groups.Select(group => (JsonNode)group)]),
    });

    /// <summary>The claims of a token that this cluster signed, that has not expired, and whose account and pod still exist.</summary>
    public static JsonObject? Verify(EventLog log, string token, DateTimeOffset now)
    {
        return Read(log, token) is { } claims && Problem(log, claims, now) is null ? claims : null;
    }

    /// <summary>The claims of a token that this cluster signed, valid or not.</summary>
    public static JsonObject? Read(EventLog log, string token) =>
        token.Split('.') is [var payload, var signature] ? Claims(log, payload, signature) : null;

    /// <summary>Why a token is no longer valid, as a real server says it; null if it is valid.</summary>
    public static string? Problem(EventLog log, JsonObject claims, DateTimeOffset now)
    {
        bool IsThere(string resource, string claim) => claims[claim] is not { } owner
            || log.Find(new(resource, claims.Text("ns")!, owner.Text("name")!))?.Uid == owner.Text("uid");
        return claims.Number("exp") <= now.ToUnixTimeSeconds() ? "service account token has expired"
            : !IsThere("serviceaccounts", "account") ? $"serviceaccounts \"{claims.Text("account", "name")}\" not found"
            : !IsThere("pods", "pod") ? "service account token has been invalidated" : null;
    }

    private static JsonObject? Claims(EventLog log, string payload, string signature)
    {
        try
        {
            var bytes = Base64Url.DecodeFromChars(payload);
            var isOurs = CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(log.SigningKey, bytes),
                Base64Url.DecodeFromChars(signature));
            return isOurs ? JsonNode.Parse(bytes) as JsonObject : null;
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            return null;      // not signed by this cluster
        }
    }
}
