namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Scale and the subresources of pods and service accounts.</summary>
public sealed class Subresources(ApiState state)
{
    private readonly WritePath _writes = new(state);
    private readonly Deletion _deletion = new(state);
    private readonly TokenRequests _tokens = new(state);

    public Task AnswerAsync(ApiRequest request) => (request.Type.Resource, request.Subresource, request.Verb) switch
    {
        (_, "scale", "get") => Answers.WriteAsync(request.Http, 200, ScaleOf(request.Type, Stored(request).Tree)),
        (_, "scale", "update" or "patch") => ScaleAsync(request),
        ("pods", "log", "get") => LogAsync(request),
        ("pods", "binding", "create") => BindAsync(request),
        ("pods", "eviction", "create") => EvictAsync(request),
        ("serviceaccounts", "token", "create") => _tokens.IssueAsync(request, Stored(request)),
        ("pods", "exec" or "attach" or "portforward" or "proxy" or "ephemeralcontainers" or "resize", _) =>
            throw Statuses.NotImplemented($"{request.Type.Plural}/{request.Subresource}"),
        (_, not ("scale" or "log" or "binding" or "eviction" or "token"), _) => throw Statuses.NotFound(request.Type, request.Name),
        _ => throw Statuses.MethodNotAllowed(),
    };

    private StoredObject Stored(ApiRequest request) =>
        state.Log.Find(request.Key) ?? throw Statuses.NotFound(request.Type, request.Name);

    private static JsonObject ScaleOf(ResourceType type, JsonObject tree)
    {
        var paths = type.Scale ?? throw Statuses.NoSuchPath();
        if (tree.At(paths.SpecReplicas) is null)
            throw Statuses.Internal($"the spec replicas field \".{string.Join('.', paths.SpecReplicas)}\" does not exist");
        var metadata = new JsonObject();
        foreach (var field in (string[])["name", "namespace", "uid", "resourceVersion", "creationTimestamp"])
            metadata.CopyFrom(tree["metadata"] as JsonObject, field);
        var status = new JsonObject { ["replicas"] = tree.Number(paths.StatusReplicas) ?? 0 };
        var selector = paths.Selector is null ? null : tree.At(paths.Selector);
        if (selector is not null) status["selector"] = selector.Text() ?? Selection.ToText(selector);
        var replicas = tree.Number(paths.SpecReplicas) ?? 0;
        return new()
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = metadata,
            ["spec"] = replicas == 0 ? [] : new JsonObject { ["replicas"] = replicas },      // a zero is omitted
            ["status"] = status,
        };
    }

    private async Task ScaleAsync(ApiRequest request)
    {
        var change = await Verbs.ReadChangeAsync(request, new());
        var view = new ObjectView(("autoscaling", "v1", "Scale"), tree => ScaleOf(request.Type, WithReplicas(request.Type, tree)),
            (tree, scale) => Scaled(request, tree, scale));
        var written = await _writes.UpdateAsync(request, change, view);
        await Answers.WriteAsync(request.Http, 200, ScaleOf(request.Type, written.Tree));
    }

    private static JsonObject WithReplicas(ResourceType type, JsonObject tree)
    {
        OwnerOfReplicas(type, tree).Default(type.Scale!.SpecReplicas[^1], 0);
        return tree;
    }

    private static JsonObject OwnerOfReplicas(ResourceType type, JsonObject tree) =>
        type.Scale!.SpecReplicas[..^1].Aggregate(tree, (owner, step) => owner.Child(step));

    private static JsonObject Scaled(ApiRequest request, JsonObject tree, JsonObject scale)
    {
        var replicas = scale.Number("spec", "replicas") ?? 0;
        if (replicas < 0 && !request.Type.IsCustom)
            throw Statuses.Invalid("Scale", "autoscaling", request.Name,
                [FieldError.Invalid("spec.replicas", replicas, "must be greater than or equal to 0")]);
        foreach (var field in (string[])["resourceVersion", "uid"])
            if (scale.Text("metadata", field) is { Length: > 0 } guard) tree.Child("metadata")[field] = guard;
        OwnerOfReplicas(request.Type, tree)[request.Type.Scale!.SpecReplicas[^1]] = replicas;
        return tree;
    }

    private async Task LogAsync(ApiRequest request)
    {
        foreach (var option in (string[])["previous", "timestamps", "sinceSeconds", "sinceTime", "limitBytes"])
            if (request.Query(option) is not ("" or "false")) throw Statuses.NotImplemented($"pods/log with {option}");
        if (state.PodLogs is null) throw Statuses.NotImplemented("pods/log without a kubelet");
        var pod = Stored(request).Tree;
        var names = pod.Objects("spec", "containers").Concat(pod.Objects("spec", "initContainers"))
            .Select(one => one.Text("name")!).ToArray();
        var container = request.Query("container") is { Length: > 0 } asked ? asked : names.Length == 1 ? names[0]
            : throw Statuses.BadRequest(
                $"a container name must be specified for pod {request.Name}, one of: [{string.Join(' ', names)}]");
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
            // The reader disconnected.
        }
    }

    private async Task BindAsync(ApiRequest request)
    {
        var binding = await Admissions.AdmitAsync(state, request, await request.ReadObjectAsync(), ("", "v1", "Binding"));
        var node = binding.Text("target", "name") ?? throw Statuses.BadRequest("target.name is required");
        _writes.UpdateDirectly(request, tree =>
        {
            if (tree.Text("spec", "nodeName") is { } bound)
                throw Statuses.Conflict(request.Type with { Plural = "pods/binding" }, request.Name,
                    $"pod {request.Name} is already assigned to node \"{bound}\"");
            tree.Child("spec")["nodeName"] = node;
            return tree;
        });
        await Answers.WriteAsync(request.Http, 201, Statuses.Success(code: 201));
    }

    private async Task EvictAsync(ApiRequest request)
    {
        var body = await Admissions.AdmitAsync(state, request, await request.ReadObjectAsync(), ("policy", "v1", "Eviction"));
        _deletion.Delete(request.Type, request.Key, DeleteOptions.From(request, body["deleteOptions"]));
        await Answers.WriteAsync(request.Http, 201, Statuses.Success(code: 201));
    }
}
