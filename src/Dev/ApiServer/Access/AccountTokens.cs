using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace ModuleController.Dev.ApiServer.Access;

/// <summary>ServiceAccount tokens: JSON Web Tokens that end with their account and pod.</summary>
public static class AccountTokens
{
    private const string PrivateClaims = "kubernetes.io";
    private const string Extra = "authentication.kubernetes.io";

    // A real server tolerates clocks that differ by this.
    private const long Leeway = 60;

    public static string Issue(EventLog log, JsonObject claims)
    {
        var key = log.TokenKeys.All[^1];
        var header = new JsonObject { ["alg"] = "RS256", ["kid"] = key.Id };
        var signed = $"{Base64Url.EncodeToString(header.ToUtf8())}.{Base64Url.EncodeToString(claims.ToUtf8())}";
        return $"{signed}.{Base64Url.EncodeToString(key.Sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    /// <summary>Whose token it is, or why it is invalid, in the words of a real server.</summary>
    public static TokenCheck Check(EventLog log, string token, IReadOnlyList<string> audiences, DateTimeOffset now)
    {
        var parts = token.Split('.');
        if (parts.Length != 3 || Parse(parts[0]) is not { } header || Parse(parts[1]) is not { } claims) return TokenCheck.Unknown;
        if (claims.Text("iss") != Tokens.Issuer) return TokenCheck.Unknown;
        if (SignatureProblem(log, header, parts) is { } unsigned) return new(Problem: unsigned);

        var targets = claims.Texts("aud").DefaultIfEmpty(Tokens.Issuer).ToArray();
        if (audiences.Intersect(targets).ToArray() is not [_, ..] accepted)
            return new(Problem: $"token audiences {Quoted(targets)} is invalid for the target audiences {Quoted(audiences)}");
        if (claims.Number("exp") < now.ToUnixTimeSeconds() - Leeway) return new(Problem: "service account token has expired");
        if (claims.Number("nbf") > now.ToUnixTimeSeconds() + Leeway) return new(Problem: "service account token is not valid yet");
        return OwnerProblem(log, claims) is { } problem ? new(Problem: problem) : new(UserOf(claims), accepted);
    }

    private static string? SignatureProblem(EventLog log, JsonObject header, string[] parts)
    {
        var keys = log.TokenKeys.All.Where(key => header.Text("kid") is null || header.Text("kid") == key.Id).ToArray();
        if (keys.Length == 0) return "invalid signature, no keys found";
        var signed = Encoding.UTF8.GetBytes($"{parts[0]}.{parts[1]}");
        return header.Text("alg") == "RS256" && keys.Any(key => key.Verify(signed, Decode(parts[2]) ?? []))
            ? null : "go-jose/go-jose: error in cryptographic primitive";
    }

    private static string? OwnerProblem(EventLog log, JsonObject claims)
    {
        var ns = claims.Text(PrivateClaims, "namespace") ?? "";
        var (account, accountUid) = OwnerOf(claims, "serviceaccount");
        if (account is null) return "resource name may not be empty";
        var found = log.Find(new("serviceaccounts", ns, account));
        if (found is null) return $"serviceaccounts \"{account}\" not found";
        if (found.Uid != accountUid) return $"service account UID ({found.Uid}) does not match claim ({accountUid})";

        var (pod, podUid) = OwnerOf(claims, "pod");
        if (pod is null) return null;
        var bound = log.Find(new("pods", ns, pod));
        return bound is null ? "service account token has been invalidated"
            : bound.Uid != podUid ? $"pod UID ({bound.Uid}) does not match service account pod ref claim ({podUid})"
            : null;
    }

    private static User UserOf(JsonObject claims)
    {
        var extra = new Dictionary<string, string>();
        void Add(string name, string? value)
        {
            if (value is not null) extra[$"{Extra}/{name}"] = value;
        }

        Add("credential-id", claims.Text("jti") is { } id ? $"JTI={id}" : null);
        foreach (var owner in (string[])["node", "pod"])
        {
            Add($"{owner}-name", OwnerOf(claims, owner).Name);
            Add($"{owner}-uid", OwnerOf(claims, owner).Uid);
        }

        var (account, uid) = OwnerOf(claims, "serviceaccount");
        return User.Named($"system:serviceaccount:{claims.Text(PrivateClaims, "namespace")}:{account}") with { Uid = uid, Extra = extra };
    }

    private static (string? Name, string? Uid) OwnerOf(JsonObject claims, string owner) =>
        (claims.Text(PrivateClaims, owner, "name"), claims.Text(PrivateClaims, owner, "uid"));

    private static string Quoted(IEnumerable<string> names) => $"[{string.Join(' ', names.Select(name => $"\"{name}\""))}]";

    private static JsonObject? Parse(string part)
    {
        try
        {
            return Decode(part) is { } bytes ? JsonNode.Parse(bytes) as JsonObject : null;
        }
        catch (JsonException)
        {
            return null;      // no JWT
        }
    }

    private static byte[]? Decode(string part)
    {
        try
        {
            return Base64Url.DecodeFromChars(part);
        }
        catch (FormatException)
        {
            return null;      // no JWT
        }
    }
}
