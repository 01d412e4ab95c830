using ModuleController.Dev.ApiServer.Patches;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>The verbs on an object or a collection. Every write ends in <see cref="EventLog.Commit"/>.</summary>
public sealed class Verbs(ApiState state)
{
    private readonly WritePath _writes = new(state);
    private readonly Deletion _deletion = new(state);
    private readonly Subresources _subresources = new(state);
    private readonly TokenRequests _tokens = new(state);

    public Task AnswerAsync(ApiRequest request) => (request.Verb, request.Subresource) switch
    {
        (_, not ("" or "status" or "finalize")) => _subresources.AnswerAsync(request),
        ("get", _) => GetAsync(request),
        ("list", "") => Lists.AnswerAsync(state, request),
        ("watch", "") => new Watch(state, request).AnswerAsync(),
        ("create", "") when request.Type.Resource == "tokenreviews.authentication.k8s.io" => _tokens.ReviewAsync(request),
        ("create", "") when request.Type.IsOnlyCreated => AccessReviews.AnswerAsync(state, request),
        ("create", "") => CreateAsync(request),
        ("update" or "patch", _) => WriteAsync(request),
        ("delete", "") => DeleteAsync(request),
        _ => throw Statuses.MethodNotAllowed(),
    };

    private async Task GetAsync(ApiRequest request)
    {
        var asTable = Answers.WantsTable(request.Http.Request);
        var stored = state.Log.Find(request.Key) ?? throw Statuses.NotFound(request.Type, request.Name);
        if (asTable) await Answers.WriteAsync(request.Http, 200, Tables.Of(request, stored, state.Now));
        else await Answers.WriteAsync(request.Http, 200, stored.Json);
    }

    private async Task CreateAsync(ApiRequest request)
    {
        var body = await request.ReadObjectAsync();
        var written = AfterCreate(request, await _writes.CreateAsync(request, body));
        await Answers.WriteAsync(request.Http, 201, written.Json);
    }

    /// <summary>Creates an object for the server itself, unseen by webhooks.</summary>
    public StoredObject Create(ApiRequest request, JsonObject body) => AfterCreate(request, _writes.CreateDirectly(request, body));

    private StoredObject AfterCreate(ApiRequest request, StoredObject written)
    {
        if (request.IsDryRun) return written;
        if (request.Type.Resource == ResourceRegistry.Definitions) Definitions.Establish(state, written.Name);
        if (request.Type.Resource == "namespaces") CreateDefaultAccount(request, written.Name);
        return written;
    }

    /// <summary>Each namespace has a service account "default", for pods that name none.</summary>
    private void CreateDefaultAccount(ApiRequest request, string ns)
    {
        var account = new ApiRequest(request.Http, "create", state.Registry.Get("serviceaccounts"), ns, "", "");
        _writes.CreateDirectly(account, new() { ["metadata"] = new JsonObject { ["name"] = "default" } });
    }

    /// <summary>A PUT and the patch types differ only in this function.</summary>
    public static async Task<Func<JsonObject, JsonObject>> ReadChangeAsync(ApiRequest request, Schema schema)
    {
        if (!request.IsPatch)
        {
            var body = await request.ReadObjectAsync();
            return _ => body.Copy();
        }

        var media = request.MediaType;
        var accepted = "application/json-patch+json, application/merge-patch+json"
            + (request.Type.IsCustom ? "" : ", application/strategic-merge-patch+json");
        if (media == "application/apply-patch+yaml") throw Statuses.UnsupportedMediaType(accepted);
        if (!accepted.Split(", ").Contains(media)) throw Statuses.UnsupportedMediaType($"{accepted}, application/apply-patch+yaml");
        var patch = await request.ReadAsync();
        if (media == "application/json-patch+json")
            return before => JsonPatch.Apply(before, patch) as JsonObject
                ?? throw Statuses.BadRequest("the patch leaves no object");
        if (patch is not JsonObject changes) throw Statuses.BadRequest("error decoding patch: not an object");
        return media == "application/merge-patch+json"
            ? before => (JsonObject)MergePatch.Apply(before, changes)!
            : before => StrategicMerge.Apply(before, changes, schema);
    }

    private async Task WriteAsync(ApiRequest request)
    {
        var change = await ReadChangeAsync(request, request.Type.Schema);
        var written = await _writes.UpdateAsync(request, change);
        if (!request.IsDryRun) AfterWrite(request.Type, written);
        await Answers.WriteAsync(request.Http, 200, written.Json);
    }

    private async Task DeleteAsync(ApiRequest request)
    {
        var options = DeleteOptions.From(request, await request.ReadAsync());
        var (last, isRemoved) = await _deletion.DeleteAsync(request, options);
        if (!options.IsDryRun) AfterWrite(request.Type, last);
        // As in a real server: the response is the object if it is a pod or service or still exists, otherwise a Status.
        if (!isRemoved || request.Type.Resource is "pods" or "services" or "serviceaccounts")
        {
            await Answers.WriteAsync(request.Http, 200, last.Json);
            return;
        }

        var details = Statuses.Details(last.Name, request.Type.Group, request.Type.Plural);
        details["uid"] = last.Uid;
        await Answers.WriteAsync(request.Http, 200, Statuses.Success(details: details));
    }

    /// <summary>A changed definition changes what is served. The last object of a deleted definition removes the definition.</summary>
    private void AfterWrite(ResourceType type, StoredObject written)
    {
        if (type.Resource == ResourceRegistry.Definitions)
        {
            Definitions.Establish(state, written.Name);
            if (written.IsTerminating) _deletion.CleanUp(new(ResourceRegistry.Definitions, "", written.Name));
        }
        else if (type.IsCustom && state.Log.Find(new(type.Resource, written.Namespace, written.Name)) is null)
        {
            _deletion.CleanUp(Definitions.KeyOf(type));
        }
    }
}
