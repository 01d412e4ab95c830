using System.Globalization;
using Microsoft.Net.Http.Headers;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Writes responses.</summary>
public static class Answers
{
    /// <summary>The key of a context item that is called after a request has succeeded and before the response: for faults.</summary>
    public static readonly object BeforeSuccess = new();

    /// <summary>Whether the client prefers a Table: the first served form in Accept counts.</summary>
    public static bool WantsTable(HttpRequest request)
    {
        if (request.Headers.Accept.Count == 0) return false;
        foreach (var media in request.GetTypedHeaders().Accept.OrderByDescending(media => media.Quality ?? 1))
        {
            string Parameter(string name) =>
                media.Parameters.FirstOrDefault(one =>
                    one.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Value.ToString() ?? "";
            if (!IsJson(media)) continue;
            if (Parameter("as") == "Table" && Parameter("v") == "v1") return true;
            if (Parameter("as").Length == 0) return false;
        }

        throw Statuses.NotAcceptable();
    }

    public static HashSet<string> WarningsOf(HttpContext http)
    {
        if (http.Items[typeof(Answers)] is not HashSet<string> warnings) http.Items[typeof(Answers)] = warnings = [];
        return warnings;
    }

    public static async Task WriteAsync(HttpContext http, int code, ReadOnlyMemory<byte> json, string type = "application/json")
    {
        if (code < 400 && http.Items[BeforeSuccess] is Action act) act();
        http.Response.StatusCode = code;
        http.Response.ContentType = type;
        foreach (var warning in WarningsOf(http))
            http.Response.Headers.Append("Warning", $"299 - {JsonValue.Create(warning).ToCompact()}");
        http.Response.ContentLength = json.Length;
        await http.Response.Body.WriteAsync(json, http.RequestAborted);
    }

    public static Task WriteAsync(HttpContext http, int code, JsonNode node) => WriteAsync(http, code, node.ToUtf8());

    public static Task WriteAsync(HttpContext http, StatusException error)
    {
        if (error.RetryAfter is { } delay)
            http.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(delay.TotalSeconds))
                .ToString(CultureInfo.InvariantCulture);
        return error.IsPlainText ? WriteTextAsync(http, error) : WriteAsync(http, error.Code, error.ToStatus());
    }

    private static Task WriteTextAsync(HttpContext http, StatusException error)
    {
        http.Response.StatusCode = error.Code;
        http.Response.ContentType = "text/plain; charset=utf-8";
        return http.Response.WriteAsync(error.Message, http.RequestAborted);
    }

    private static bool IsJson(MediaTypeHeaderValue media) =>
        media.MediaType.Value is "application/json" or "application/*" or "*/*";
}
