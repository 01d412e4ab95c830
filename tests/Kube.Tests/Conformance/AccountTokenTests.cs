using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Tests.Tokens;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>ServiceAccount tokens: their claims, who verifies them and how.</summary>
public sealed class AccountTokenTests(ConformanceCluster cluster)
{
    private const string Keys = "/openid/v1/jwks";
    private const string Configuration = "/.well-known/openid-configuration";

    private string Accounts => $"/api/v1/namespaces/{cluster.Namespace}/serviceaccounts";

    [Fact]
    public async Task A_ServiceAccount_token_is_a_JWT_with_its_account_pod_and_node()
    {
        var (account, _) = await cluster.NewAccountAsync();
        var pod = await NewPodAsync(account);
        var (header, claims) = Jwt.Parse(await RequestAsync(account, pod, 600, "modules"));

        Assert.Equal(["alg", "kid"], header.Select(field => field.Key));
        Assert.Equal("RS256", header.Text("alg"));
        Assert.Equal(
            ["aud", "exp", "iat", "iss", "jti", "kubernetes.io", "nbf", "sub"],
            claims.Select(claim => claim.Key).Order(StringComparer.Ordinal));
        Assert.Equal(["modules"], claims.Texts("aud"));
        Assert.Equal((600, 0), (claims.Number("exp") - claims.Number("iat"), claims.Number("nbf") - claims.Number("iat")));
        Assert.Equal($"system:serviceaccount:{cluster.Namespace}:{account}", claims.Text("sub"));
        Assert.Equal(
            ["namespace", "node", "pod", "serviceaccount"],
            claims["kubernetes.io"]!.AsObject().Select(claim => claim.Key).Order(StringComparer.Ordinal));
        Assert.Equal(cluster.Namespace, claims.Text("kubernetes.io", "namespace"));
        Assert.Equal("no-such-node", claims.Text("kubernetes.io", "node", "name"));
        Assert.Equal(pod.Text("metadata", "name"), claims.Text("kubernetes.io", "pod", "name"));
        Assert.Equal(pod.Text("metadata", "uid"), claims.Text("kubernetes.io", "pod", "uid"));
        Assert.Equal(account, claims.Text("kubernetes.io", "serviceaccount", "name"));
        Assert.Equal(
            (await cluster.GetAsync($"{Accounts}/{account}")).Body.Text("metadata", "uid"),
            claims.Text("kubernetes.io", "serviceaccount", "uid"));
    }

    [Fact]
    public async Task A_pods_token_for_the_API_lasts_a_year_and_says_when_to_warn()
    {
        var (account, _) = await cluster.NewAccountAsync();
        var pod = await NewPodAsync(account);
        var answer = await cluster.CreateAsync($"{Accounts}/{account}/token", TokenRequest(pod, 3607));
        var claims = Jwt.Parse(answer.Text("status", "token")!).Claims;

        Assert.Equal(365 * 24 * 3600, claims.Number("exp") - claims.Number("iat"));
        Assert.Equal(3607, claims.Number("kubernetes.io", "warnafter") - claims.Number("iat"));
        Assert.Equal(
            claims.Number("iat") + 3607,
            DateTimeOffset.Parse(answer.Text("status", "expirationTimestamp")!, null).ToUnixTimeSeconds());
        Assert.Null(Jwt.Parse(await RequestAsync(account, null, 3607)).Claims.Number("kubernetes.io", "warnafter"));
        Assert.Null(Jwt.Parse(await RequestAsync(account, pod, 3607, "modules")).Claims.Number("kubernetes.io", "warnafter"));
        Assert.Null(Jwt.Parse(await RequestAsync(account, pod, 3600)).Claims.Number("kubernetes.io", "warnafter"));
    }

    [Fact]
    public async Task Each_ServiceAccount_can_read_the_keys_that_verify_tokens_and_their_issuer()
    {
        var (_, token) = await cluster.NewAccountAsync();
        var keys = await KeysAsync(token);
        var configuration = await cluster.SendAsAsync(token, HttpMethod.Get, Configuration);

        Assert.Equal((200, 200), (keys.Code, configuration.Code));
        Assert.Equal("public, max-age=3600", keys.Headers.CacheControl?.ToString());
        Assert.Equal(
            ["id_token_signing_alg_values_supported", "issuer", "jwks_uri", "response_types_supported", "subject_types_supported"],
            configuration.Body.AsObject().Select(field => field.Key).Order(StringComparer.Ordinal));
        Assert.Equal(Jwt.Parse(token).Claims.Text("iss"), configuration.Body.Text("issuer"));
        Assert.EndsWith(Keys, configuration.Body.Text("jwks_uri"), StringComparison.Ordinal);
        var key = keys.Body.Objects("keys").Single(one => one.Text("kid") == Jwt.Parse(token).Header.Text("kid"));
        Assert.Equal(["alg", "e", "kid", "kty", "n", "use"], key.Select(field => field.Key).Order(StringComparer.Ordinal));
        Assert.Equal(("sig", "RSA", "RS256"), (key.Text("use"), key.Text("kty"), key.Text("alg")));
        using var rsa = RSA.Create(new RSAParameters
        {
            Modulus = Base64Url.DecodeFromChars(key.Text("n")),
            Exponent = Base64Url.DecodeFromChars(key.Text("e")),
        });
        Assert.Equal(key.Text("kid"), Base64Url.EncodeToString(SHA256.HashData(rsa.ExportSubjectPublicKeyInfo())));
        Assert.True(rsa.VerifyData(
            Encoding.ASCII.GetBytes(token[..token.LastIndexOf('.')]), Base64Url.DecodeFromChars(token.Split('.')[2]),
            HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
    }

    [Fact]
    public async Task The_keys_that_verify_tokens_are_not_for_the_anonymous()
    {
        Assert.Equal(
            "forbidden: User \"system:anonymous\" cannot get path \"/openid/v1/jwks\"",
            (await KeysAsync(null)).Message);
        var (account, token) = await cluster.NewAccountAsync();
        Assert.Equal(
            $"forbidden: User \"system:serviceaccount:{cluster.Namespace}:{account}\" cannot post path \"/openid/v1/jwks\"",
            (await cluster.SendAsAsync(token, HttpMethod.Post, Keys, new JsonObject())).Message);
    }

    [Fact]
    public async Task The_keys_that_verify_tokens_are_not_plain_JSON()
    {
        var (_, token) = await cluster.NewAccountAsync();
        var answer = await cluster.SendAsAsync(token, HttpMethod.Get, Keys);

        Assert.Equal(
            (406, "NotAcceptable", "406: Not Acceptable\n\nAvailable representations: application/jwk-set+json"),
            (answer.Code, answer.Reason, answer.Message));
        Assert.Equal(200, (await cluster.SendAsAsync(token, HttpMethod.Get, Keys, accept: "*/*")).Code);
    }

    [Fact]
    public async Task A_token_for_another_audience_is_no_credential_for_the_API()
    {
        var (account, _) = await cluster.NewAccountAsync();
        var pod = await NewPodAsync(account);

        Assert.Equal(401, (await KeysAsync(await RequestAsync(account, pod, 600, "modules"))).Code);
        Assert.Equal(200, (await KeysAsync(await RequestAsync(account, pod, 600))).Code);
    }

    [Fact]
    public async Task A_forged_token_is_rejected_with_the_reason()
    {
        const string Cryptographic = "[invalid bearer token, go-jose/go-jose: error in cryptographic primitive]";
        var (_, token) = await cluster.NewAccountAsync();
        var parts = Jwt.Parse(token);
        using var other = RSA.Create(2048);
        var published = (await KeysAsync(token)).Text;

        Assert.Null(await ErrorAsync(token));
        Assert.Equal(Cryptographic, await ErrorAsync(parts.Sign(Sign)));
        Assert.Equal(Cryptographic, await ErrorAsync(parts.WithHeader("alg", "none").Sign(_ => [])));
        Assert.Equal(Cryptographic, await ErrorAsync(
            parts.WithHeader("alg", "HS256").Sign(data => HMACSHA256.HashData(Encoding.UTF8.GetBytes(published), data))));
        Assert.Equal(
            "[invalid bearer token, invalid signature, no keys found]",
            await ErrorAsync(parts.WithHeader("kid", "unknown").Sign(Sign)));
        Assert.Equal("invalid bearer token", await ErrorAsync(parts.WithClaim("iss", "https://other.example").Sign(Sign)));
        Assert.Equal("invalid bearer token", await ErrorAsync("a.b.c"));
        Assert.Equal(401, (await KeysAsync(parts.Sign(Sign))).Code);

        byte[] Sign(byte[] data) => other.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
    }

    private Task<Answer> KeysAsync(string? token) =>
        cluster.SendAsAsync(token, HttpMethod.Get, Keys, accept: "application/jwk-set+json, application/json");

    private Task<JsonNode> NewPodAsync(string account)
    {
        var pod = Objects.Pod(cluster.NewName());
        var spec = pod["spec"]!.AsObject();
        (spec["serviceAccountName"], spec["nodeName"]) = (account, "no-such-node");
        return cluster.CreateAsync(cluster.Pods, pod);
    }

    private async Task<string> RequestAsync(string account, JsonNode? pod, int seconds, params string[] audiences) =>
        (await cluster.CreateAsync($"{Accounts}/{account}/token", TokenRequest(pod, seconds, audiences))).Text("status", "token")!;

    private static JsonObject TokenRequest(JsonNode? pod, int seconds, params string[] audiences)
    {
        var spec = new JsonObject { ["expirationSeconds"] = seconds };
        if (audiences.Length > 0) spec["audiences"] = new JsonArray([.. audiences]);
        if (pod is not null)
            spec["boundObjectRef"] = new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Pod",
                ["name"] = pod.Text("metadata", "name"),
                ["uid"] = pod.Text("metadata", "uid"),
            };
        return new() { ["apiVersion"] = "authentication.k8s.io/v1", ["kind"] = "TokenRequest", ["spec"] = spec };
    }

    private async Task<string?> ErrorAsync(string token) =>
        (await cluster.CreateAsync("/apis/authentication.k8s.io/v1/tokenreviews", new JsonObject
        {
            ["apiVersion"] = "authentication.k8s.io/v1",
            ["kind"] = "TokenReview",
            ["spec"] = new JsonObject { ["token"] = token },
        })).Text("status", "error");
}
