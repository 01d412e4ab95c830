namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>The rules of how a webhook is reached.</summary>
internal static class ClientRules
{
    private const string Form = "; desired format: https://host[/path]";

    public static IEnumerable<FieldError> Check(JsonNode? client, string at) => (client.Text("url"), client.At("service")) switch
    {
        ({ } url, null) => OfUrl(url, $"{at}.url"),
        (null, { } service) => OfService(service, $"{at}.service"),
        _ => [FieldError.Required(at, "exactly one of url or service is required")],
    };

    private static IEnumerable<FieldError> OfUrl(string text, string at)
    {
        var scheme = text.Split(':') is [var before, _, ..] ? before.ToLowerInvariant() : "";
        if (scheme != "https") yield return FieldError.Invalid(at, scheme, $"'https' is the only allowed URL scheme{Form}");
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Host.Length == 0)
        {
            yield return FieldError.Invalid(at, "", $"host must be specified{Form}");
            yield break;
        }

        if (url.UserInfo.Length > 0) yield return FieldError.Invalid(at, url.UserInfo, "user information is not permitted in the URL");
        if (url.Fragment.Length > 1) yield return FieldError.Invalid(at, url.Fragment[1..], "fragments are not permitted in the URL");
        if (url.Query.Length > 1) yield return FieldError.Invalid(at, url.Query[1..], "query parameters are not permitted in the URL");
    }

    private static IEnumerable<FieldError> OfService(JsonNode service, string at)
    {
        foreach (var field in (string[])["name", "namespace"])
            if (string.IsNullOrEmpty(service.Text(field))) yield return FieldError.Required($"{at}.{field}");
        if (service.Number("port") is < 1 or > 65535)
            yield return FieldError.Invalid($"{at}.port", service["port"], "port is not valid: must be between 1 and 65535, inclusive");
        if (service.Text("path") is not { } path || path is "" or "/") yield break;
        if (path[0] != '/') yield return FieldError.Invalid($"{at}.path", path, "must start with a '/'");
        var segments = (path[0] == '/' ? path[1..] : path).Split('/');
        if (segments is [.. var parts, ""]) segments = parts;
        if (path[0] != '/' && segments.Length == 1) segments = [""];
        for (var i = 0; i < segments.Length; i++)
        {
            if (segments[i].Length == 0) yield return FieldError.Invalid($"{at}.path", path, $"segment[{i}] may not be empty");
            else if (Names.SubdomainError(segments[i]) is { } why)
                yield return FieldError.Invalid($"{at}.path", path, $"segment[{i}]: {why}");
        }
    }
}
