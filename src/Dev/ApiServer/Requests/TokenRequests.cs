using ModuleController.Dev.ApiServer.Access;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>TokenRequest and TokenReview.</summary>
public sealed class TokenRequests(ApiState state)
{
    private const string Group = "authentication.k8s.io";

    // The lifetime that pods request for the API itself. For clients that never read their token again it lasts a year.
    private const long ExtendedSeconds = 3607;

    public async Task IssueAsync(ApiRequest request, StoredObject account)
    {
        var ask = await request.ReadObjectAsync();
        var seconds = ask.Number("spec", "expirationSeconds") ?? 3600;
        if (seconds < 600)
            throw Statuses.Invalid("TokenRequest", Group, "",
                [FieldError.Invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")]);
        string[] audiences = [.. ask.Texts("spec", "audiences").DefaultIfEmpty(Tokens.Issuer)];
        var owners = new JsonObject { ["namespace"] = request.Namespace };
        if (ask.At("spec", "boundObjectRef") is { } bound) AddPod(request, bound, owners);
        owners["serviceaccount"] = NameAndUid(account);
        var isExtended = seconds == ExtendedSeconds && owners["pod"] is not null && audiences.Contains(Tokens.Issuer);
        var now = state.Now.ToUnixTimeSeconds();
        if (isExtended) owners["warnafter"] = now + seconds;
        var claims = new JsonObject
        {
            ["aud"] = new JsonArray([.. audiences]),
            ["exp"] = now + (isExtended ? 365 * 24 * 3600 : seconds),
            ["iat"] = now,
            ["iss"] = Tokens.Issuer,
            ["jti"] = Guid.NewGuid().ToString(),
            ["kubernetes.io"] = owners,
            ["nbf"] = now,
            ["sub"] = $"system:serviceaccount:{account.Namespace}:{account.Name}",
        };
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
            ["token"] = AccountTokens.Issue(state.Log, claims),
            ["expirationTimestamp"] = state.Now.AddSeconds(seconds).ToTimestamp(),
        };
        await Answers.WriteAsync(request.Http, 201, ask);
    }

    /// <summary>Answers whose token the caller received, for servers that authenticate pods by it.</summary>
    public async Task ReviewAsync(ApiRequest request)
    {
        var review = await request.ReadObjectAsync();
        if (review.Text("spec", "token") is not { Length: > 0 } token)
            throw Statuses.BadRequest("token is required for TokenReview in authentication");
        var check = Tokens.Check(
            state.Log, token, [.. review.Texts("spec", "audiences").DefaultIfEmpty(Tokens.Issuer)], state.Now);
        review["apiVersion"] = request.Type.ApiVersion;
        review["kind"] = request.Type.Kind;
        review.Child("metadata");
        review["status"] = check.User is { } user
            ? new JsonObject
            {
                ["authenticated"] = true,
                ["audiences"] = new JsonArray([.. check.Audiences ?? []]),
                ["user"] = ToJson(user),
            }
            : new()
            {
                ["user"] = new JsonObject(),
                ["error"] = check.Problem is null ? "invalid bearer token" : $"[invalid bearer token, {check.Problem}]",
            };
        await Answers.WriteAsync(request.Http, 201, review);
    }

    private static JsonObject ToJson(User user) => new()
    {
        ["username"] = user.Name,
        ["uid"] = user.Uid,
        ["groups"] = new JsonArray([.. user.Groups.Select(group => (JsonNode)group)]),
        ["extra"] = new JsonObject(user.Extra.Select(one => KeyValuePair.Create(one.Key, (JsonNode?)new JsonArray(one.Value)))),
    };

    private void AddPod(ApiRequest request, JsonNode bound, JsonObject owners)
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
        if (pod.Tree.Text("spec", "nodeName") is { } node)
            owners["node"] = state.Log.Find(new("nodes", "", node)) is { } known ? NameAndUid(known) : new JsonObject { ["name"] = node };
        owners["pod"] = NameAndUid(pod);
    }

    private static JsonObject NameAndUid(StoredObject owner) => new() { ["name"] = owner.Name, ["uid"] = owner.Uid };
}
