namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>A response other than success: the code, reason and message of its Status.</summary>
public sealed class StatusException(int code, string reason, string message, JsonObject? details = null)
    : Exception(message)
{
    public int Code => code;

    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The response is only the message.</summary>
    public bool IsPlainText { get; init; }

    public JsonObject ToStatus()
    {
        var status = new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["message"] = Message,
        };
        if (reason.Length > 0) status["reason"] = reason;
        if (details is not null) status["details"] = details.DeepClone();
        status["code"] = code;
        return status;
    }
}

/// <summary>The responses of an API server that are not objects, with the messages of a real one.</summary>
public static class Statuses
{
    public static StatusException NotFound(ResourceType type, string name) =>
        new(404, "NotFound", $"{type.Resource} \"{name}\" not found", Details(name, type.Group, type.Plural));

    public static StatusException NoSuchPath() =>
        new(404, "NotFound", "the server could not find the requested resource", []);

    /// <summary>The path of a group that is not served: plain text instead of a Status.</summary>
    public static StatusException PageNotFound() => new(404, "NotFound", "404 page not found\n") { IsPlainText = true };

    public static StatusException Internal(string message) => new(500, "InternalError", $"Internal error occurred: {message}",
        new() { ["causes"] = new JsonArray(new JsonObject { ["message"] = message }) });

    public static StatusException AlreadyExists(ResourceType type, string name, bool isTerminating = false) =>
        new(409, "AlreadyExists", $"{(isTerminating ? "object is being deleted: " : "")}{type.Resource} \"{name}\" already exists",
            Details(name, type.Group, type.Plural));

    public static StatusException Conflict(ResourceType type, string name, string why) =>
        new(409, "Conflict", $"Operation cannot be fulfilled on {type.Resource} \"{name}\": {why}",
            Details(name, type.Group, type.Plural));

    public static StatusException Modified(ResourceType type, string name) => Conflict(type, name,
        "the object has been modified; please apply your changes to the latest version and try again");

    public static StatusException Unauthorized() => new(401, "Unauthorized", "Unauthorized");

    /// <summary>What RBAC does not allow.</summary>
    public static StatusException Forbidden(string message, string name, string group, string resource) =>
        new(403, "Forbidden", message, Details(name, group, resource));

    /// <summary>What admission does not allow.</summary>
    public static StatusException Forbidden(ResourceType type, string name, string why, params FieldError[] causes) =>
        new(403, "Forbidden", $"{type.Resource} \"{name}\" is forbidden: {why}", Details(name, type.Group, type.Plural, causes));

    public static StatusException Terminating(ResourceType type, string name, string ns)
    {
        var cause = new FieldError("NamespaceTerminating", "metadata.namespace", $"namespace {ns} is being terminated");
        return Forbidden(type, name, $"unable to create new content in namespace {ns} because it is being terminated", cause);
    }

    /// <summary>A failed precondition of a DELETE or of a token. It names the kind, not the resource.</summary>
    public static StatusException Unmet(ResourceType type, string name, string why)
    {
        var kind = type.Group.Length == 0 ? type.Kind : $"{type.Kind}.{type.Group}";
        return new(409, "Conflict", $"Operation cannot be fulfilled on {kind} \"{name}\": {why}", Details(name, type.Group, type.Kind));
    }

    /// <summary>A failure of the server with what a client sent. It has no reason.</summary>
    public static StatusException Failed(string message) => new(500, "", message);

    public static StatusException Invalid(string kind, string group, string name, IReadOnlyList<FieldError> errors)
    {
        var listed = string.Join(", ", errors.Select(error => error.ToString()));
        var qualified = group.Length == 0 ? kind : $"{kind}.{group}";
        return new(422, "Invalid", $"{qualified} \"{name}\" is invalid: {(errors.Count > 1 ? $"[{listed}]" : listed)}",
            Details(name, group, kind, [.. errors]));
    }

    public static StatusException Invalid(ResourceType type, string name, params IReadOnlyList<FieldError> errors) =>
        Invalid(type.Kind, type.Group, name, errors);

    public static StatusException BadRequest(string message) => new(400, "BadRequest", message);

    public static StatusException MethodNotAllowed(
        string message = "the server does not allow this method on the requested resource") =>
        new(405, "MethodNotAllowed", message, []);

    public static StatusException NotAcceptable() => new(406, "NotAcceptable", "only the following media types are "
        + "accepted: application/json");

    /// <summary>A document that exists in one form only.</summary>
    public static StatusException NotAcceptable(string available) =>
        new(406, "NotAcceptable", $"406: Not Acceptable\n\nAvailable representations: {available}", []);

    public static StatusException Expired(string message) => new(410, "Expired", message);

    public static StatusException UnsupportedMediaType(string accepted) =>
        new(415, "UnsupportedMediaType",
            $"the body of the request was in an unknown format - accepted media types include: {accepted}");

    public static StatusException NotImplemented(string what) =>
        new(501, "NotImplemented", $"{what} is not implemented by this API server; see docs/devcluster.md");

    public static StatusException VersionTooLarge(long asked, long current)
    {
        var cause = new JsonObject { ["reason"] = "ResourceVersionTooLarge", ["message"] = "Too large resource version" };
        var details = new JsonObject { ["causes"] = new JsonArray(cause), ["retryAfterSeconds"] = 1 };
        return new(504, "Timeout", $"Timeout: Too large resource version: {asked}, current: {current}", details)
        {
            RetryAfter = TimeSpan.FromSeconds(1),
        };
    }

    public static JsonObject Success(int? code = null, JsonObject? details = null)
    {
        var status = new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Success",
        };
        if (code is not null) status["code"] = code;
        if (details is not null) status["details"] = details;
        return status;
    }

    public static JsonObject Details(string name, string group, string kind, params FieldError[] causes)
    {
        var details = new JsonObject();
        foreach (var (field, value) in ((string, string)[])[("name", name), ("group", group), ("kind", kind)])
            if (value.Length > 0) details[field] = value;
        if (causes.Length > 0) details["causes"] = new JsonArray([.. causes.Select(cause => cause.ToCause())]);
        return details;
    }
}
