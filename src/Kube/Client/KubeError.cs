using System.Net;
using System.Text.Json;

namespace ModuleController.Kube;

/// <summary>What the API server, or the way to it, answered instead of what was asked for.</summary>
/// <param name="Code">The HTTP status; 0 where no answer came.</param>
public sealed record KubeError(int Code, string Reason, string Message)
{
    public const string Unreachable = "Unreachable";
    public const string TimedOut = "TimedOut";
    public const string Unreadable = "Unreadable";

    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The reasons in the Status' details, such as <c>FieldValueInvalid</c> or <c>NamespaceTerminating</c>.</summary>
    public IReadOnlyList<string> Causes { get; init; } = [];

    public bool IsNotFound => Code == (int)HttpStatusCode.NotFound;

    /// <summary>The version that the request was based on is not the newest one: look again.</summary>
    public bool IsConflict => Code == (int)HttpStatusCode.Conflict && !IsAlreadyExists;

    public bool IsAlreadyExists => Reason == "AlreadyExists";

    /// <summary>The resource version or continue token is too old: list again.</summary>
    public bool IsExpired => Code == (int)HttpStatusCode.Gone || Reason is "Expired" or "Gone";

    public bool IsNamespaceTerminating => Causes.Contains("NamespaceTerminating");

    /// <summary>No answer came, so nobody knows whether the request was carried out.</summary>
    public bool IsUnanswered => Code == 0;

    /// <summary>Reads a <c>Status</c> object; whatever else came stands in the message, shortened.</summary>
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
        return new(httpStatus, ((HttpStatusCode)httpStatus).ToString(), text.Length == 0 ? "no message" : text);
    }

    internal static KubeError Parse(JsonElement status, int httpStatus)
    {
        var code = status.TryGetProperty("code", out var number) && number.TryGetInt32(out var value) ? value : httpStatus;
        var details = status.TryGetProperty("details", out var found) && found.ValueKind == JsonValueKind.Object
            ? found
            : default;
        return new(code, Text(status, "reason") ?? ((HttpStatusCode)code).ToString(), Text(status, "message") ?? "no message")
        {
            RetryAfter = details.ValueKind == JsonValueKind.Object
                && details.TryGetProperty("retryAfterSeconds", out var seconds) && seconds.TryGetInt32(out var wait) && wait > 0
                    ? TimeSpan.FromSeconds(wait)
                    : null,
            Causes = details.ValueKind == JsonValueKind.Object
                && details.TryGetProperty("causes", out var causes) && causes.ValueKind == JsonValueKind.Array
                    ? [.. causes.EnumerateArray().Select(cause => Text(cause, "reason")).OfType<string>()]
                    : [],
        };
    }

    public override string ToString() => $"{Code} {Reason}: {Message}";

    private static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value)
            && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
