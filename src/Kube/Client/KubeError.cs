using System.Net;
using System.Text.Json;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Client;

/// <summary>An error of the API server, or of the connection to it.</summary>
/// <param name="Code">The HTTP status; 0: no answer.</param>
public sealed record KubeError(int Code, string Reason, string Message)
{
    public const string Unreachable = "Unreachable";
    public const string TimedOut = "TimedOut";
    public const string Unreadable = "Unreadable";

    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The reasons in the Status' details, such as <c>FieldValueInvalid</c> or <c>NamespaceTerminating</c>.</summary>
    public IReadOnlyList<string> Causes { get; init; } = [];

    public bool IsNotFound => Code == (int)HttpStatusCode.NotFound;

    /// <summary>The version that the request was based on is not the newest one: read it again.</summary>
    public bool IsConflict => Code == (int)HttpStatusCode.Conflict && !IsAlreadyExists;

    public bool IsAlreadyExists => Reason == "AlreadyExists";

    /// <summary>The resource version or continue token is too old: list again.</summary>
    public bool IsExpired => Code == (int)HttpStatusCode.Gone || Reason is "Expired" or "Gone";

    public bool IsNamespaceTerminating => Causes.Contains("NamespaceTerminating");

    /// <summary>The same request gets the same answer until an object, a quota, a policy or a role changes.</summary>
    public bool IsRejected => Code is 400 or 403 or 413 or 422 && !IsNamespaceTerminating;

    /// <summary>There was no answer: whether the request was carried out is not known.</summary>
    public bool IsUnanswered => Code == 0;

    /// <summary>The same answer is to be expected for every other request, unless a webhook gave it.</summary>
    public bool IsOutage => IsUnanswered || Code is 401 or 429 or 503 or 504;

    /// <summary>Reads a <c>Status</c> object; anything else becomes the message, shortened. A rejected value is repeated there,
    /// so the secrets of its urls are removed.</summary>
    public static KubeError Parse(ReadOnlySpan<byte> body, int httpStatus)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            if (JsonElement.TryParseValue(ref reader, out var parsed) && parsed is { ValueKind: JsonValueKind.Object } status)
                return Parse(status, httpStatus);
        }
        catch (JsonException)
        {
            // Not JSON: a proxy's page, or text. It is shown as it is.
        }

        var text = System.Text.Encoding.UTF8.GetString(body[..Math.Min(body.Length, 500)]).Trim();
        return new(httpStatus, ((HttpStatusCode)httpStatus).ToString(), text.Length == 0 ? "no message" : UrlText.In(text));
    }

    internal static KubeError Parse(JsonElement status, int httpStatus)
    {
        var code = Number(status, "code") ?? httpStatus;
        var details = Member(status, "details", JsonValueKind.Object) ?? default;
        return new(code, Text(status, "reason") ?? ((HttpStatusCode)code).ToString(), UrlText.In(Text(status, "message") ?? "no message"))
        {
            RetryAfter = Number(details, "retryAfterSeconds") is { } seconds and > 0 ? TimeSpan.FromSeconds(seconds) : null,
            Causes = Member(details, "causes", JsonValueKind.Array) is { } causes
                ? [.. causes.EnumerateArray().Select(cause => Text(cause, "reason")).OfType<string>()]
                : [],
        };
    }

    public override string ToString() => IsUnanswered ? $"{Reason}: {Message}" : $"{Code} {Reason}: {Message}";

    private static string? Text(JsonElement parent, string name) => Member(parent, name, JsonValueKind.String)?.GetString();

    private static int? Number(JsonElement parent, string name) =>
        Member(parent, name, JsonValueKind.Number) is { } number && number.TryGetInt32(out var value) ? value : null;

    private static JsonElement? Member(JsonElement parent, string name, JsonValueKind kind) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind == kind
            ? value
            : null;
}
