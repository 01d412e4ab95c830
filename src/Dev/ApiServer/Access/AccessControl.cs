namespace ModuleController.Dev.ApiServer.Access;

/// <summary>Authenticates and authorizes each request before it is processed.</summary>
public sealed class AccessControl(EventLog log, TimeProvider time, AccessLog accesses)
{
    private readonly Authorizer _authorizer = new(log);

    public AccessLog Log => accesses;

    /// <summary>The user of an admitted request; the server's own requests have none.</summary>
    public static User? UserOf(HttpContext http) => http.Features.Get<User>();

    /// <exception cref="StatusException">401 for invalid credentials, 403 for what is not allowed.</exception>
    public void Admit(HttpContext http, RequestAttributes attributes)
    {
        var user = Impersonated(http.Request, Authenticate(http.Request));
        http.Features.Set(user);
        if (Decide(user, attributes) is { IsAllowed: false } denied) throw Forbidden(user, attributes, denied.Reason);
    }

    public Decision Decide(User user, RequestAttributes attributes)
    {
        var decision = Review(user, attributes);
        Log.Count(user, attributes, decision.IsAllowed);
        return decision;
    }

    /// <summary>The same decision for an access review, which is not counted.</summary>
    public Decision Review(User user, RequestAttributes attributes) => _authorizer.Decide(user, attributes);

    private User Authenticate(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)) return User.Anonymous;
        return Tokens.Check(log, header["Bearer ".Length..].Trim(), [Tokens.Issuer], time.GetUtcNow()).User
            ?? throw Statuses.Unauthorized();
    }

    /// <summary>Impersonation (<c>kubectl --as</c>) by a user who may impersonate that user and each of the groups.</summary>
    private User Impersonated(HttpRequest request, User user)
    {
        var name = request.Headers["Impersonate-User"].ToString();
        if (name.Length == 0) return user;
        var groups = request.Headers["Impersonate-Group"].OfType<string>().ToArray();
        var path = request.Path.Value!;
        foreach (var attributes in groups.Select(group => Impersonation(path, "groups", group)).Prepend(OfUser(path, name)))
            if (Decide(user, attributes) is { IsAllowed: false } denied) throw Forbidden(user, attributes, denied.Reason);
        return User.Named(name, groups);
    }

    private static StatusException Forbidden(User user, RequestAttributes request, string reason)
    {
        var isPath = request.Resource.Length == 0;
        var place = request.Namespace.Length > 0 ? $"in the namespace \"{request.Namespace}\"" : "at the cluster scope";
        var target = isPath ? $"path \"{request.Path}\""
            : $"resource \"{request.CombinedResource}\" in API group \"{request.Group}\" {place}";
        var named = request.Name.Length > 0 ? $" \"{request.Name}\"" : "";
        var subject = isPath ? "" : $"{request.QualifiedResource}{named} is ";
        var why = reason.Length > 0 ? $": {reason}" : "";
        return Statuses.Forbidden(
            $"{subject}forbidden: User \"{user.Name}\" cannot {request.Verb} {target}{why}", request.Name, request.Group, request.Resource);
    }

    private static RequestAttributes OfUser(string path, string name) =>
        name.Split(':') is ["system", "serviceaccount", var ns, var account]
        ? Impersonation(path, "serviceaccounts", account) with { Namespace = ns } : Impersonation(path, "users", name);

    private static RequestAttributes Impersonation(string path, string resource, string name) =>
        new("impersonate", path) { Resource = resource, Name = name };
}
