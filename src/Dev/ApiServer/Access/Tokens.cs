using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;

namespace ModuleController.Dev.ApiServer.Access;

/// <summary>
/// The tokens that requests may have: those of ServiceAccounts, and those of users by name and groups, which stand for a real server's
/// client certificates.
/// </summary>
public static class Tokens
{
    /// <summary>The issuer of ServiceAccount tokens, and the audience of the API server itself.</summary>
    public const string Issuer = "https://kubernetes.default.svc";

    /// <summary>A token of a user in these groups, without expiry.</summary>
    public static string IssueTo(EventLog log, string user, params IEnumerable<string> groups)
    {
        var payload = new JsonObject
        {
            ["user"] = user,
            ["groups"] = new JsonArray([.. groups.Select(group => (JsonNode)group)]),
        }.ToUtf8();
        return $"{Base64Url.EncodeToString(payload)}.{Base64Url.EncodeToString(HMACSHA256.HashData(log.SigningKey, payload))}";
    }

    /// <summary>Whose token it is, for any of the audiences.</summary>
    public static TokenCheck Check(EventLog log, string token, IReadOnlyList<string> audiences, DateTimeOffset now) =>
        token.Split('.') is [var payload, var signature]
            ? audiences.Contains(Issuer) && UserOf(log, payload, signature) is { } user ? new(user, [Issuer]) : TokenCheck.Unknown
            : AccountTokens.Check(log, token, audiences, now);

    private static User? UserOf(EventLog log, string payload, string signature)
    {
        try
        {
            var bytes = Base64Url.DecodeFromChars(payload);
            var isOurs = CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(log.SigningKey, bytes),
                Base64Url.DecodeFromChars(signature));
            return isOurs && JsonNode.Parse(bytes) is JsonObject claims ? User.Named(claims.Text("user")!, claims.Texts("groups")) : null;
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            return null;      // not signed by this cluster
        }
    }
}
