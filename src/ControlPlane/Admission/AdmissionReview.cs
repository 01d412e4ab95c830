using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModuleController.ControlPlane.Admission;

/// <summary>Reads and answers <c>AdmissionReview</c> of <c>admission.k8s.io/v1</c>.</summary>
public static class AdmissionReview
{
    private const string ApiVersion = "admission.k8s.io/v1";
    private const string Kind = "AdmissionReview";

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    // A token of JSON can take 200 bytes of memory. Tokens of Kubernetes' objects have 8 bytes on average.
    private const int MinBytesPerToken = 4;
    private const int AlwaysAllowedTokens = 10_000;
    private const int MaxTokens = 500_000;

    /// <summary>Throws a <see cref="FormatException"/> that says what is wrong with the review.</summary>
    public static AdmissionRequest Read(ReadOnlySpan<byte> body)
    {
        if (HasTooManyTokens(body)) throw new FormatException("the body has too many values for its size");
        var review = Parse(body) as JsonObject ?? throw new FormatException("the body is not a JSON object");
        if (Text(review, "apiVersion") != ApiVersion || Text(review, "kind") != Kind)
            throw new FormatException($"the body is not an {Kind} of {ApiVersion}");
        var request = Object(review, "request") ?? throw new FormatException("request is missing");
        var kind = Object(request, "kind") ?? throw new FormatException("kind is missing");
        return new()
        {
            Uid = Required(request, "uid"),
            Operation = Operation(Required(request, "operation")),
            ApiVersion = Text(kind, "group") is { Length: > 0 } group
                ? $"{group}/{Required(kind, "version")}" : Required(kind, "version"),
            Kind = Required(kind, "kind"),
            SubResource = Text(request, "subResource"),
            Namespace = Text(request, "namespace"),
            Name = Text(request, "name"),
            User = User(Object(request, "userInfo") ?? []),
            IsDryRun = request["dryRun"]?.GetValueKind() == JsonValueKind.True,
            Object = Object(request, "object"),
            OldObject = Object(request, "oldObject"),
        };
    }

    public static JsonObject Answer(string uid, AdmissionDecision decision)
    {
        ArgumentNullException.ThrowIfNull(decision);
        var response = new JsonObject { ["uid"] = uid, ["allowed"] = decision.Denial is null };
        if (decision.Denial is { } denial)
        {
            var status = new JsonObject
            {
                ["code"] = denial.Code,
                ["reason"] = denial.Reason,
                ["message"] = denial.Message,
            };
            if (denial.Details is { } details) status["details"] = Details(details);
            response["status"] = status;
        }

        if (decision.Warnings is { Count: > 0 } warnings)
            response["warnings"] = new JsonArray([.. warnings.Select(warning => JsonValue.Create(warning))]);
        if (decision.Patch is { Count: > 0 } patch)
        {
            response["patchType"] = "JSONPatch";
            response["patch"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(patch.ToJsonString()));
        }

        return new() { ["apiVersion"] = ApiVersion, ["kind"] = Kind, ["response"] = response };
    }

    private static JsonObject Details(AdmissionDetails details) => new()
    {
        ["name"] = details.Name,
        ["group"] = details.Group,
        ["kind"] = details.Kind,
        ["causes"] = new JsonArray([.. details.Causes.Select(cause => new JsonObject
        {
            ["reason"] = cause.Reason,
            ["message"] = cause.Message,
            ["field"] = cause.Field,
        })]),
    };

    private static bool HasTooManyTokens(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        var left = Math.Clamp(body.Length / MinBytesPerToken, AlwaysAllowedTokens, MaxTokens);
        try
        {
            while (left > 0 && reader.Read()) left--;
        }
        catch (JsonException)
        {
            // Parsing says what is wrong.
            return false;
        }

        return left == 0;
    }

    private static JsonNode? Parse(ReadOnlySpan<byte> body)
    {
        try
        {
            return JsonNode.Parse(body, documentOptions: Strict);
        }
        catch (JsonException exception)
        {
            throw new FormatException($"the body is not JSON: {exception.Message}", exception);
        }
    }

    private static AdmissionOperation Operation(string text) => text switch
    {
        "CREATE" => AdmissionOperation.Create,
        "UPDATE" => AdmissionOperation.Update,
        "DELETE" => AdmissionOperation.Delete,
        "CONNECT" => AdmissionOperation.Connect,
        _ => throw new FormatException("operation is not CREATE, UPDATE, DELETE or CONNECT"),
    };

    private static AdmissionUser User(JsonObject user) => new(
        Text(user, "username"), Text(user, "uid"), Texts(user, "groups"),
        Extra(Object(user, "extra") ?? []));

    private static Dictionary<string, IReadOnlyList<string>> Extra(JsonObject extra) =>
        extra.ToDictionary(pair => pair.Key, pair => Texts(extra, pair.Key));

    private static string Required(JsonObject parent, string name) =>
        Text(parent, name) is { Length: > 0 } text ? text : throw new FormatException($"{name} is missing");

    private static string Text(JsonObject parent, string name) => parent[name] switch
    {
        null => "",
        { } node when node.GetValueKind() == JsonValueKind.String => (string)node!,
        _ => throw new FormatException($"{name} is not a string"),
    };

    private static JsonObject? Object(JsonObject parent, string name) => parent[name] switch
    {
        null => null,
        JsonObject node => node,
        _ => throw new FormatException($"{name} is not an object"),
    };

    private static IReadOnlyList<string> Texts(JsonObject parent, string name) => parent[name] switch
    {
        null => [],
        JsonArray list when list.All(item => item?.GetValueKind() == JsonValueKind.String) => [.. list.Select(item => (string)item!)],
        _ => throw new FormatException($"{name} is not a list of strings"),
    };
}
