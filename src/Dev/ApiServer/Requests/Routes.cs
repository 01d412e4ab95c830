using ModuleController.Dev.ApiServer.Access;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Routes requests by path. Unknown paths are answered with a Status, and every request is counted.</summary>
public sealed partial class Routes(ApiState state, ILogger<Routes> log)
{
    private readonly Verbs _verbs = new(state);

    public async Task HandleAsync(HttpContext http)
    {
        var (verb, resource, subresource) = (http.Request.Method, "", "");
        try
        {
            var attributes = RequestAttributes.Of(http.Request);
            (verb, resource, subresource) = (attributes.Verb, attributes.QualifiedResource, attributes.Subresource);
            state.Access.Admit(http, attributes);
            resource = "";      // only served resources are counted
            if (Parse(http) is not { } request)
            {
                if (!IssuerDocuments.IsOne(attributes.Path))
                {
                    await AnswerDocumentAsync(http);
                    return;
                }

                resource = attributes.Path;
                state.Faults.ThrowIfRejected(verb, resource, isAfterwards: false);
                await IssuerDocuments.AnswerAsync(state, http);
                Count(http, verb, resource, subresource);
                return;
            }

            (verb, resource, subresource) = (request.Verb, request.Type.Resource, request.Subresource);
            state.Faults.ThrowIfRejected(verb, resource, isAfterwards: false);
            http.Items[Answers.BeforeSuccess] = () =>
            {
                if (verb is not ("get" or "list" or "watch")) state.Quotas.Refresh(request.Namespace);
                state.Faults.ThrowIfRejected(request.Verb, request.Type.Resource, isAfterwards: true);
            };
            if (verb == "watch") Count(http, verb, resource, subresource);
            await _verbs.AnswerAsync(request);
        }
        catch (StatusException e)
        {
            if (!http.Response.HasStarted) await Answers.WriteAsync(http, e);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return;      // the client disconnected
        }
        catch (BadHttpRequestException e)
        {
            await Answers.WriteAsync(http, new StatusException(e.StatusCode, "RequestEntityTooLarge", e.Message));
        }
        catch (Exception e)      // an internal error: the client gets a Status, and the log the details
        {
            LogFailure(log, e, http.Request.Method, http.Request.Path);
            var error = new StatusException(500, "InternalError", $"Internal error occurred: {e.Message}");
            if (!http.Response.HasStarted) await Answers.WriteAsync(http, error);
        }

        if (resource.Length > 0 && !(verb == "watch" && http.Response.StatusCode == 200))
            Count(http, verb, resource, subresource);
    }

    private void Count(HttpContext http, string verb, string resource, string subresource) =>
        state.Counters.Count(new(verb, resource, subresource, http.Response.StatusCode,
            http.Request.Headers.UserAgent.ToString()));

    private ApiRequest? Parse(HttpContext http)
    {
        var parts = http.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var (group, version, rest) = parts switch
        {
            ["api", var core, .. var path] => ("", core, path),
            ["apis", var named, var of, .. var path] => (named, of, path),
            _ => ("", "", []),
        };
        if (rest.Length == 0) return null;
        var ns = "";
        // "/namespaces/a/pods" names pods in a; "/namespaces/a" and "/namespaces/a/status" name the namespace itself.
        if (rest is ["namespaces", var home, var inside, ..]
            && !(group.Length == 0 && inside is "status" or "finalize")) (ns, rest) = (home, rest[2..]);
        var type = state.Registry.Find(group, version, rest[0])
            ?? throw (state.Registry.HasBuiltins(group) ? Statuses.NoSuchPath() : Statuses.PageNotFound());
        if (rest.Length > 3 || (ns.Length > 0 && !type.IsNamespaced)) throw Statuses.NoSuchPath();
        var name = rest.Length > 1 ? Uri.UnescapeDataString(rest[1]) : "";
        var subresource = rest.Length > 2 ? rest[2] : "";
        if (name.Length > 0 && type.IsNamespaced && ns.Length == 0) throw Statuses.NoSuchPath();
        if ((subresource is "status" && !type.HasStatus) || (subresource is "scale" && type.Scale is null))
            throw type.IsCustom ? Statuses.NotFound(type, name) : Statuses.NoSuchPath();
        if (subresource is "finalize" && type.Resource != "namespaces") throw Statuses.NoSuchPath();
        return new(http, VerbOf(http, type, name, ns, subresource.Length > 0), type, ns, name, subresource);
    }

    private static string VerbOf(HttpContext http, ResourceType type, string name, string ns, bool hasSubresource)
    {
        var isWatch = http.Request.Query["watch"].ToString() is "true" or "1";
        var isOne = name.Length > 0;
        if (type.IsOnlyCreated && (http.Request.Method != "POST" || isOne)) throw Statuses.MethodNotAllowed();
        return http.Request.Method switch
        {
            "GET" when isWatch && !isOne => "watch",
            "GET" => isOne ? "get" : "list",
            "POST" when !isOne && type.IsNamespaced && ns.Length == 0 => throw Statuses.MethodNotAllowed(),
            "POST" when !isOne || hasSubresource => "create",
            "PUT" when isOne => "update",
            "PATCH" when isOne => "patch",
            "DELETE" when isOne => "delete",
            _ => throw Statuses.MethodNotAllowed(),
        };
    }

    private async Task AnswerDocumentAsync(HttpContext http)
    {
        if (http.Request.Method is not ("GET" or "HEAD")) throw Statuses.MethodNotAllowed();
        var registry = state.Registry;
        var path = http.Request.Path.Value!.Trim('/');
        await Answers.WriteAsync(http, 200, path.Split('/') switch
        {
            ["version"] => Discovery.Version(),
            ["api"] => Discovery.CoreVersions(),
            ["apis"] => Discovery.Groups(registry),
            ["openapi", "v3"] => OpenApi.Index(registry),
            ["openapi", "v3", ..] => OpenApi.Document(registry, path["openapi/v3/".Length..]),
            ["api", var version] => Discovery.Resources(registry, "", version),
            ["apis", var group] => Discovery.Group(registry, group),
            ["apis", var group, var version] => Discovery.Resources(registry, group, version),
            _ => throw Statuses.NoSuchPath(),
        });
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} failed")]
    private static partial void LogFailure(ILogger log, Exception exception, string method, string path);
}
