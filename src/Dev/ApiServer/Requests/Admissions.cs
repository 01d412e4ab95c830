using ModuleController.Dev.ApiServer.Access;
using ModuleController.Dev.ApiServer.Admission;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>The reviews of a request that webhooks receive.</summary>
internal static class Admissions
{
    /// <summary>The admission of a request; null if no webhook wants to see such requests.</summary>
    public static AdmissionCall? Of(ApiState state, ApiRequest request, string operation)
    {
        var attributes = new AdmissionAttributes(request.Type, operation, request.Subresource)
        {
            Namespace = request.Namespace,
            User = AccessControl.UserOf(request.Http),
            Options = OptionsOf(request, operation),
            IsDryRun = request.IsDryRun,
        };
        return state.Admission.Of(attributes.Named(request.Name), request.Warnings, request.Http.RequestAborted);
    }

    /// <summary>The object that is sent to a subresource, and is not stored, as webhooks changed it.</summary>
    public static async Task<JsonObject> AdmitAsync(
        ApiState state, ApiRequest request, JsonObject body, (string Group, string Version, string Kind) kind)
    {
        if (Of(state, request, "CREATE") is not { } admission) return body;
        body.Default("kind", kind.Kind);
        body.Default("apiVersion", kind.Group.Length == 0 ? kind.Version : $"{kind.Group}/{kind.Version}");
        body.Child("metadata")["namespace"] = request.Namespace;
        admission = admission.With(admission.Attributes with { Kind = kind });
        var mutated = (await admission.MutateAsync(body, tree => tree))!;
        await admission.ValidateAsync(mutated);
        return mutated;
    }

    private static JsonObject OptionsOf(ApiRequest request, string operation)
    {
        var kind = operation switch { "CREATE" => "CreateOptions", "UPDATE" => "UpdateOptions", _ => "DeleteOptions" };
        var options = new JsonObject { ["kind"] = kind, ["apiVersion"] = "meta.k8s.io/v1" };
        if (request.IsDryRun) options["dryRun"] = new JsonArray("All");
        foreach (var name in (string[])["fieldManager", "fieldValidation"])
            if (request.Query(name) is { Length: > 0 } value) options[name] = value;
        return options;
    }
}
