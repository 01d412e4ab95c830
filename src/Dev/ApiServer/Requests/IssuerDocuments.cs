using ModuleController.Dev.ApiServer.Access;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Who issues ServiceAccount tokens, and the public keys that verify them.</summary>
public static class IssuerDocuments
{
    private const string Configuration = "/.well-known/openid-configuration";
    private const string Keys = "/openid/v1/jwks";

    public static bool IsOne(string path) => path is Configuration or Keys;

    public static Task AnswerAsync(ApiState state, HttpContext http)
    {
        if (http.Request.Method is not "GET") throw Statuses.MethodNotAllowed();
        var (document, type) = http.Request.Path.Value is Keys
            ? (KeySet(state.Log), "application/jwk-set+json") : (ConfigurationOf(http.Request.Host), "application/json");
        var accepted = http.Request.GetTypedHeaders().Accept;
        if (accepted.Count > 0 && !accepted.Any(media => media.MediaType.Value == "*/*" || media.MediaType.Value == type))
            throw Statuses.NotAcceptable(type);
        http.Response.Headers.CacheControl = "public, max-age=3600";
        return Answers.WriteAsync(http, 200, document.ToUtf8(), type: type);
    }

    private static JsonObject ConfigurationOf(HostString address) => new()
    {
        ["issuer"] = Tokens.Issuer,
        ["jwks_uri"] = $"https://{address}{Keys}",
        ["response_types_supported"] = new JsonArray("id_token"),
        ["subject_types_supported"] = new JsonArray("public"),
        ["id_token_signing_alg_values_supported"] = new JsonArray("RS256"),
    };

    private static JsonObject KeySet(EventLog log) =>
        new() { ["keys"] = new JsonArray([.. log.TokenKeys.All.Select(key => key.ToJson())]) };
}
