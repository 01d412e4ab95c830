using ModuleController.Dev.ApiServer.Access;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>TokenRequest and TokenReview.</summary>
public sealed class TokenRequests(ApiState state)
{
    private const string Group = "authentication.k8s.io";

    public async Task IssueAsync(ApiRequest request, StoredObject account)
    {
        var ask = await request.ReadObjectAsync();
        var seconds = ask.Number("spec", "expirationSeconds") ?? 3600;
        if (seconds < 600)
            throw Statuses.Invalid("TokenRequest", Group, "",
                [FieldError.Invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")]);
        var expires = state.Now.AddSeconds(seconds);
        var audiences = ask.Texts("spec", "audiences").DefaultIfEmpty(Tokens.DefaultAudience);
        var claims = new JsonObject
        {
            ["ns"] = request.Namespace,
            ["account"] = new JsonObject { ["name"] = account.Name, ["uid"] = account.Uid },
            ["aud"] = new JsonArray([.. audiences]),
            ["exp"] = expires.ToUnixTimeSeconds(),
            ["jti"] = Guid.NewGuid().ToString(),
        };
        if (ask.At("spec", "boundObjectRef") is { } bound) claims["pod"] = BoundPod(request, bound);
        ask["apiVersion"] = $"{Group}/v1";
        ask["kind"] = "TokenRequest";
        ask["metadata"] = new JsonObject
        {
            ["name"] = account.Name,
            ["namespace"] = account.Namespace,
            ["uid"] = account.Uid,
            ["creationTimestamp"] = state.Now.ToTimestamp(),
        };
        ask.Child("spec")["audiences"] = claims["aud"]!.DeepClone();
        ask.Child("spec")["expirationSeconds"] = seconds;
        ask["status"] = new JsonObject
        {
            ["token"] = Tokens.Issue(state.Log, claims),
            ["expirationTimestamp"] = expires.ToTimestamp(),
        };
        await Answers.WriteAsync(request.Http, 201, ask);
    }

    /// <summary>Answers whose token the caller received, for servers that authenticate pods by it.</summary>
    public async Task ReviewAsync(ApiRequest request)
    {
        var review = await request.ReadObjectAsync();
        if (string.IsNullOrEmpty(review.Text("spec", "token")))
            throw Statuses.BadRequest("token is required for TokenReview in authentication");
        var claims = Tokens.Read(state.Log, review.Text("spec", "token")!);
        var requested = review.Texts("spec", "audiences").DefaultIfEmpty(Tokens.DefaultAudience).ToArray();
        var audiences = requested.Intersect(claims.Texts("aud")).ToArray();
        var problem = claims is null ? null : Tokens.Problem(state.Log, claims, state.Now)
            ?? (audiences is not [] ? null
                : $"token audiences {Quoted(claims.Texts("aud"))} is invalid for the target audiences {Quoted(requested)}");
        review["apiVersion"] = request.Type.ApiVersion;
        review["kind"] = request.Type.Kind;
        review.Child("metadata");
        review["status"] = claims is null || problem is not null
            ? new()
            {
                ["user"] = new JsonObject(),
                ["error"] = problem is null ? "invalid bearer token" : $"[invalid bearer token, {problem}]",
            }
            : new JsonObject
            {
                ["authenticated"] = true,
                ["audiences"] = new JsonArray([.. audiences]),
                ["user"] = UserOf(claims),
            };
        await Answers.WriteAsync(request.Http, 201, review);
    }

    private static string Quoted(IEnumerable<string> names) => $"[{string.Join(' ', names.Select(name => $"\"{name}\""))}]";

    private static JsonObject UserOf(JsonObject claims)
    {
        var user = User.Of(claims);
        var extra = new JsonObject
        {
            ["authentication.kubernetes.io/credential-id"] = new JsonArray($"JTI={claims.Text("jti")}"),
        };
        if (claims.Text("pod", "node") is { } node) extra["authentication.kubernetes.io/node-name"] = new JsonArray(node);
        foreach (var field in claims["pod"] is null ? [] : (string[])["name", "uid"])
            extra[$"authentication.kubernetes.io/pod-{field}"] = new JsonArray(claims.Text("pod", field));
        return new()
        {
            ["username"] = user.Name,
            ["uid"] = user.Uid,
            ["groups"] = new JsonArray([.. user.Groups.Select(group => (JsonNode)group)]),
            ["extra"] = extra,
        };
    }

    private JsonObject BoundPod(ApiRequest request, JsonNode bound)
    {
        var name = bound.Text("name") ?? "";
        if (bound.Text("kind") != "Pod") throw Statuses.NotImplemented($"a token bound to a {bound.Text("kind")}");
        var pods = state.Registry.Get("pods");
        var pod = state.Log.Find(new("pods", request.Namespace, name)) ?? throw Statuses.NotFound(pods, name);
        if (bound.Text("uid") is { } uid && uid != pod.Uid)
            throw Statuses.Unmet(pods, name, $"the UID in the bound object reference ({uid}) does not match the UID in record. "
                + "The object might have been deleted and then recreated");
        if (pod.Tree.Text("spec", "serviceAccountName") != request.Name)
            throw Statuses.BadRequest($"cannot bind token for serviceaccount \"{request.Name}\" to pod running with "
                + "different serviceaccount name.");
        var claims = new JsonObject { ["name"] = pod.Name, ["uid"] = pod.Uid };
        if (pod.Tree.Text("spec", "nodeName") is { } node) claims["node"] = node;
        return claims;
    }
}
