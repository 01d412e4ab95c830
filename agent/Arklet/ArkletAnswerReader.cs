using System.Text.Json;

namespace ModuleController.Agent.Arklet;

/// <summary>
/// Reads the answers of all versions of Arklet. Only the first JSON value counts (an unknown command is answered twice),
/// unknown fields, <c>$ref</c> and <c>@type</c> are ignored, everything but the codes may be missing, and enums come in
/// any case or, through fastjson 2, as ordinals.
/// </summary>
internal static class ArkletAnswerReader
{
    private const int MaxText = 1024;
    private const double Mebibyte = 1024 * 1024;

    // In the order of the container's enum: before Arklet 1.3.0, fastjson 2 writes ordinals.
    private static readonly string[] ContainerCodes = ["SUCCESS", "FAILED", "REPEAT_BIZ", "NOT_FOUND_BIZ", "ILLEGAL_STATE_BIZ"];
    private static readonly string[] EnvelopeCodes = ["SUCCESS", "FAILED", "CMD_NOT_FOUND", "CMD_PROCESS_INTERNAL_ERROR"];
    private static readonly ArkletBizState[] States =
    [
        ArkletBizState.Unresolved, ArkletBizState.Resolved, ArkletBizState.Activated, ArkletBizState.Deactivated, ArkletBizState.Broken,
        ArkletBizState.Stopped,
    ];

    /// <summary>Both codes must be SUCCESS. The container's code, where there is one, distinguishes the failures.</summary>
    public static ArkletResult ReadResult(ReadOnlyMemory<byte> body)
    {
        if (Parse(body) is not { } answer || Code(answer, EnvelopeCodes) is not { } envelope)
            return new(ArkletOutcome.Unknown, "", "not a valid answer of Arklet: " + Excerpt(body));

        var data = Member(answer, "data");
        var message = Text(data, "message") ?? Text(answer, "message");
        var code = Code(data, ContainerCodes) ?? envelope;
        var outcome = envelope switch
        {
            "SUCCESS" when code == "SUCCESS" => ArkletOutcome.Success,
            "CMD_PROCESS_INTERNAL_ERROR" => ArkletOutcome.InternalError,
            "SUCCESS" or "FAILED" when IsConflict(message) => ArkletOutcome.Conflict,
            "SUCCESS" or "FAILED" => code switch
            {
                "REPEAT_BIZ" => ArkletOutcome.Repeat,
                "NOT_FOUND_BIZ" => ArkletOutcome.NotFound,
                "ILLEGAL_STATE_BIZ" => ArkletOutcome.IllegalState,
                _ => ArkletOutcome.Refused,
            },
            "CMD_NOT_FOUND" => ArkletOutcome.Refused,
            _ => ArkletOutcome.Unknown,
        };
        return new(
            outcome, code, Shorten(message), LastCause(Text(answer, "errorStackTrace")), FirstBiz(data),
            Number(data, "elapsedSpace") is { } space ? (long)space : null);
    }

    /// <summary>Null: the answer is a failure, or not from Arklet.</summary>
    public static IReadOnlyList<ArkletBiz>? ReadAll(ReadOnlyMemory<byte> body)
    {
        if (Parse(body) is not { } answer || Code(answer, EnvelopeCodes) != "SUCCESS") return null;
        if (Member(answer, "data") is not { ValueKind: JsonValueKind.Array } list) return null;
        return [.. list.EnumerateArray().Select(ReadBiz).OfType<ArkletBiz>()];
    }

    /// <summary>False: not an answer of Arklet. True without figures: Arklet answered, but mixed up concurrent health queries.</summary>
    public static bool TryReadJvm(ReadOnlyMemory<byte> body, out JvmFigures? figures)
    {
        figures = null;
        if (Parse(body) is not { } answer || Code(answer, EnvelopeCodes) is null) return false;
        var jvm = Member(Member(Member(answer, "data"), "healthData"), "jvm");
        if (Number(jvm, "run time(s)") is not { } runTime) return true;
        figures = new(
            TimeSpan.FromSeconds(runTime), Mebibytes("used heap memory(M)"), Mebibytes("max heap memory(M)"),
            Bytes("java used metaspace"), Bytes("java committed metaspace"), Bytes("java max metaspace"),
            Text(jvm, "java version"));
        return true;

        long Mebibytes(string name) => Number(jvm, name) is { } value ? (long)Math.Round(value * Mebibyte) : -1;
        long Bytes(string name) => (long)(Number(jvm, name) ?? -1);
    }

    private static bool IsConflict(string? message) =>
        message?.Contains("conflict, exist unfinished command", StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>
    /// The root cause of the outer exception, or the exception itself. Causes of suppressed exceptions are indented and ignored.
    /// </summary>
    private static string? LastCause(string? stackTrace)
    {
        const string Mark = "Caused by: ";
        if (string.IsNullOrEmpty(stackTrace)) return null;
        var last = stackTrace.Split('\n', 2)[0].Trim();
        foreach (var line in stackTrace.AsSpan().EnumerateLines())
            if (line.StartsWith(Mark, StringComparison.Ordinal)) last = line[Mark.Length..].Trim().ToString();
        return Shorten(last);
    }

    private static ArkletBiz? FirstBiz(JsonElement? data) =>
        Member(data, "bizInfos") is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() > 0 ? ReadBiz(list[0]) : null;

    private static ArkletBiz? ReadBiz(JsonElement biz) =>
        Text(biz, "bizName") is { } name && Text(biz, "bizVersion") is { } version
            ? new(name, version, State(biz), Text(biz, "webContextPath"))
            : null;

    private static ArkletBizState State(JsonElement biz) => Member(biz, "bizState") switch
    {
        { ValueKind: JsonValueKind.Number } number =>
            number.TryGetInt32(out var at) && at >= 0 && at < States.Length ? States[at] : default,
        { ValueKind: JsonValueKind.String } text =>
            Array.Find(States, state => Enum.GetName(state)!.Equals(text.GetString(), StringComparison.OrdinalIgnoreCase)),
        _ => default,
    };

    private static string? Code(JsonElement? owner, string[] names) => Member(owner, "code") switch
    {
        { ValueKind: JsonValueKind.Number } number when number.TryGetInt32(out var at) =>
            at >= 0 && at < names.Length ? names[at] : at.ToString(),
        { ValueKind: JsonValueKind.String } text => text.GetString()!.ToUpperInvariant(),
        _ => null,
    };

    private static JsonElement? Member(JsonElement? owner, string name) =>
        owner is { ValueKind: JsonValueKind.Object } value && value.TryGetProperty(name, out var member) ? member : null;

    private static string? Text(JsonElement? owner, string name) =>
        Member(owner, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static double? Number(JsonElement? owner, string name) =>
        Member(owner, name) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

    private static JsonElement? Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body.Span);
            return JsonElement.ParseValue(ref reader);
        }
        catch (JsonException)
        {
            // Also the answer of a JVM that exited while it wrote.
            return null;
        }
    }

    private static string Excerpt(ReadOnlyMemory<byte> body) =>
        System.Text.Encoding.UTF8.GetString(body.Span[..Math.Min(body.Length, 100)]);

    private static string? Shorten(string? text) => text?.Length > MaxText ? text[..MaxText] + "…" : text;
}
