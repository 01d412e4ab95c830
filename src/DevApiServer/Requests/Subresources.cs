using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.DevApiServer.Resources;
using ModuleController.DevApiServer.Storage;

namespace ModuleController.DevApiServer.Requests;

/// <summary>Scale, and what pods and service accounts have beside their status.</summary>
public sealed class Subresources(ApiState state)
{
    public Task AnswerAsync(ApiRequest request, WritePath writes, Deletion deletion) =>
        (request.Type.Resource, request.Subresource, request.Verb) switch
        {
            (_, "scale", "get") => Answers.WriteAsync(request.Http, 200, ScaleOf(request.Type, Stored(request).Tree)),
            (_, "scale", "update" or "patch") => ScaleAsync(request, writes),
            ("pods", "log", "get") => LogAsync(request),
            ("pods", "binding", "create") => BindAsync(request, writes),
            ("pods", "eviction", "create") => EvictAsync(request, deletion),
            ("serviceaccounts", "token", "create") => IssueTokenAsync(request),
            ("pods", "exec" or "attach" or "portforward" or "proxy" or "ephemeralcontainers" or "resize", _) =>
                throw Statuses.NotImplemented($"{request.Type.Plural}/{request.Subresource}"),
            _ => throw Statuses.MethodNotAllowed(),
        };

    /// <summary>Says whose token the caller was shown, for those who let pods in by it.</summary>
    public async Task ReviewTokenAsync(ApiRequest request)
    {
        var review = await request.ReadObjectAsync();
        var claims = Tokens.Verify(state.Log, review.Text("spec", "token") ?? "", state.Now);
        var wanted = review.Texts("spec", "audiences").DefaultIfEmpty(Tokens.DefaultAudience).ToArray();
        var audiences = wanted.Intersect(claims.Texts("aud")).ToArray();
        var status = new JsonObject { ["authenticated"] = audiences.Length > 0 };
        if (audiences.Length == 0)
            status["error"] = claims is null ? "invalid bearer token" : "token audiences do not match";
        else
        {
            var (ns, name) = (claims.Text("ns"), claims.Text("account", "name"));
            var extra = new JsonObject();
            if (claims.At("pod") is { } pod)
            {
                extra["authentication.kubernetes.io/pod-name"] = new JsonArray(pod.Text("name"));
                extra["authentication.kubernetes.io/pod-uid"] = new JsonArray(pod.Text("uid"));
            }

            status["user"] = new JsonObject
            {
                ["username"] = $"system:serviceaccount:{ns}:{name}",
                ["uid"] = claims.Text("account", "uid"),
                ["groups"] = new JsonArray("system:serviceaccounts", $"system:serviceaccounts:{ns}",
                    "system:authenticated"),
                ["extra"] = extra,
            };
            status["audiences"] = new JsonArray([.. audiences]);
        }

        review["apiVersion"] = request.Type.ApiVersion;
        review["kind"] = request.Type.Kind;
        review["status"] = status;
        await Answers.WriteAsync(request.Http, 201, review);
    }

    private StoredObject Stored(ApiRequest request) =>
        state.Log.Find(request.Key) ?? throw Statuses.NotFound(request.Type, request.Name);

    private static JsonObject ScaleOf(ResourceType type, JsonObject tree)
    {
        var paths = type.Scale ?? throw Statuses.NoSuchPath();
        if (tree.At(paths.SpecReplicas) is null)
            throw new StatusException(500, "InternalError",
                $"Internal error occurred: the spec replicas field \".{string.Join('.', paths.SpecReplicas)}\" does not exist");
        var metadata = new JsonObject();
        foreach (var field in (string[])["name", "namespace", "uid", "resourceVersion", "creationTimestamp"])
            metadata.CopyFrom(tree["metadata"] as JsonObject, field);
        var status = new JsonObject { ["replicas"] = tree.Number(paths.StatusReplicas) ?? 0 };
        var selector = paths.Selector is null ? null : tree.At(paths.Selector);
        if (selector is not null) status["selector"] = selector.Text() ?? Selection.ToText(selector);
        return new()
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject { ["replicas"] = tree.Number(paths.SpecReplicas) ?? 0 },
            ["status"] = status,
        };
    }

    private static async Task ScaleAsync(ApiRequest request, WritePath writes)
    {
        var change = request.IsPatch ? await Verbs.ReadPatchAsync(request, new()) : await ReadScaleAsync(request);
        var written = writes.Update(request with { Subresource = "" }, before => Scaled(request, before, change));
        await Answers.WriteAsync(request.Http, 200, ScaleOf(request.Type, written.Tree));
    }

    private static async Task<Func<JsonObject, JsonObject>> ReadScaleAsync(ApiRequest request)
    {
        var scale = await request.ReadObjectAsync();
        return _ => scale;
    }

    private static JsonObject Scaled(ApiRequest request, JsonObject tree, Func<JsonObject, JsonObject> change)
    {
        var paths = request.Type.Scale ?? throw Statuses.NoSuchPath();
        if (tree.At(paths.SpecReplicas) is null) SetAt(tree, paths.SpecReplicas, 0);
        var scale = change(ScaleOf(request.Type, tree));
        var replicas = scale.Number("spec", "replicas") ?? 0;
        if (replicas < 0)
            throw Statuses.Invalid("Scale", "autoscaling", request.Name,
                [FieldError.Invalid("spec.replicas", replicas, "must be greater than or equal to 0")]);
        foreach (var field in (string[])["resourceVersion", "uid"])
            if (scale.Text("metadata", field) is { Length: > 0 } guard) tree.Child("metadata")[field] = guard;
        SetAt(tree, paths.SpecReplicas, replicas);
        return tree;
    }

    private static void SetAt(JsonObject tree, string[] path, long value)
    {
        foreach (var step in path[..^1]) tree = tree.Child(step);
        tree[path[^1]] = value;
    }

    private async Task LogAsync(ApiRequest request)
    {
        foreach (var option in (string[])["previous", "timestamps", "sinceSeconds", "sinceTime", "limitBytes"])
            if (request.Query(option) is not ("" or "false")) throw Statuses.NotImplemented($"pods/log with {option}");
        if (state.PodLogs is null) throw Statuses.NotImplemented("pods/log without a kubelet");
        var names = Stored(request).Tree.At("spec").Objects("containers")
            .Concat(Stored(request).Tree.Objects("spec", "initContainers")).Select(one => one.Text("name")!).ToArray();
        var container = request.Query("container") is { Length: > 0 } asked ? asked : names.Length == 1 ? names[0]
            : throw Statuses.BadRequest($"a container name must be specified for pod {request.Name}, choose one of: [{string.Join(' ', names)}]");
        if (!names.Contains(container))
            throw Statuses.BadRequest($"container {container} is not valid for pod {request.Name}");
        request.Http.Response.ContentType = "text/plain";
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(request.Http.RequestAborted, state.Stopping);
        try
        {
            await state.PodLogs.WriteAsync(request.Namespace, request.Name, container, request.QueryFlag("follow"),
                (int?)request.QueryNumber("tailLines"), request.Http.Response.Body, ending.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The reader left.
        }
    }

    private static async Task BindAsync(ApiRequest request, WritePath writes)
    {
        var node = (await request.ReadObjectAsync())
            .Text("target", "name") ?? throw Statuses.BadRequest("target.name is required");
        writes.Update(request, tree =>
        {
            if (tree.Text("spec", "nodeName") is { } bound)
                throw Statuses.Conflict(request.Type, request.Name,
                    $"pod {request.Name} is already assigned to node \"{bound}\"");
            tree.Child("spec")["nodeName"] = node;
            return tree;
        });
        await Answers.WriteAsync(request.Http, 201, Success());
    }

    private static async Task EvictAsync(ApiRequest request, Deletion deletion)
    {
        var body = await request.ReadObjectAsync();
        deletion.Delete(request.Type, request.Key, DeleteOptions.From(request, body["deleteOptions"]));
        await Answers.WriteAsync(request.Http, 201, Success());
    }

    private static JsonObject Success() =>
        new()
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Success",
            ["code"] = 201
        };

    private async Task IssueTokenAsync(ApiRequest request)
    {
        var ask = await request.ReadObjectAsync();
        var account = Stored(request);
        var seconds = ask.Number("spec", "expirationSeconds") ?? 3600;
        if (seconds < 600)
            throw Statuses.Invalid("TokenRequest", "authentication.k8s.io", request.Name,
                [FieldError.Invalid("spec.expirationSeconds", seconds,
                    "may not specify a duration less than 10 minutes")]);
        var expires = state.Now.AddSeconds(seconds);
        var audiences = ask.Texts("spec", "audiences").DefaultIfEmpty(Tokens.DefaultAudience)
            .Select(one => (JsonNode)one).ToArray();
        var claims = new JsonObject
        {
            ["ns"] = request.Namespace,
            ["account"] = new JsonObject { ["name"] = account.Name, ["uid"] = account.Uid },
            ["aud"] = new JsonArray(audiences),
            ["exp"] = expires.ToUnixTimeSeconds(),
            ["jti"] = Guid.NewGuid().ToString(),
        };
        if (ask.At("spec", "boundObjectRef") is { } bound) claims["pod"] = BoundPod(request, bound);
        ask["apiVersion"] = "authentication.k8s.io/v1";
        ask["kind"] = "TokenRequest";
        ask["status"] = new JsonObject
        {
            ["token"] = Tokens.Issue(state.Log, claims),
            ["expirationTimestamp"] = expires.ToTimestamp()
        };
        ask.Child("spec")["audiences"] = claims["aud"]!.DeepClone();
        ask.Child("spec")["expirationSeconds"] = seconds;
        await Answers.WriteAsync(request.Http, 201, ask);
    }

    private JsonObject BoundPod(ApiRequest request, JsonNode bound)
    {
        var name = bound.Text("name") ?? "";
        if (bound.Text("kind") != "Pod") throw Statuses.NotImplemented($"a token bound to a {bound.Text("kind")}");
        var pods = state.Registry.Get("pods");
        var pod = state.Log.Find(new("pods", request.Namespace, name)) ?? throw Statuses.NotFound(pods, name);
        if (bound.Text("uid") is { } uid && uid != pod.Uid)
            throw Statuses.Conflict(pods, name,
                string.Create(CultureInfo.InvariantCulture,
                    $"the UID in the bound object reference ({uid}) does not match the UID in record"));
        if (pod.Tree.Text("spec", "serviceAccountName") != request.Name)
            throw Statuses.BadRequest($"cannot bind token for serviceaccount \"{request.Name}\" to pod running with different serviceaccount name.");
        return new() { ["name"] = pod.Name, ["uid"] = pod.Uid };
    }
}
