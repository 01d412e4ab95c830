using System.Buffers.Text;
using System.Text;
using System.Text.Json.Nodes;

namespace ModuleController.Tests.Tokens;

/// <summary>The parts of a JSON Web Token, to change and sign them in any way.</summary>
internal sealed record Jwt(JsonObject Header, JsonObject Claims)
{
    public static Jwt Parse(string token) => token.Split('.') is [var header, var claims, _]
        ? new(Decoded(header), Decoded(claims)) : throw new FormatException("no JSON Web Token");

    public Jwt WithHeader(string name, JsonNode? value) => new(Changed(Header, name, value), Claims);

    /// <summary>Null removes the claim.</summary>
    public Jwt WithClaim(string name, JsonNode? value) => new(Header, Changed(Claims, name, value));

    public string Sign(Func<byte[], byte[]> sign)
    {
        var signed = $"{Encoded(Header)}.{Encoded(Claims)}";
        return $"{signed}.{Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    private static JsonObject Changed(JsonObject part, string name, JsonNode? value)
    {
        var changed = part.DeepClone().AsObject();
        if (value is null) changed.Remove(name);
        else changed[name] = value;
        return changed;
    }

    private static JsonObject Decoded(string part) => JsonNode.Parse(Base64Url.DecodeFromChars(part))!.AsObject();

    private static string Encoded(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));
}
