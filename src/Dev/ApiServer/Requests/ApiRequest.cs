using System.Globalization;
using System.Text.Json;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>A parsed request for a resource.</summary>
public sealed record ApiRequest(HttpContext Http, string Verb, ResourceType Type, string Namespace, string Name,
    string Subresource)
{
    private static readonly JsonDocumentOptions NoDuplicates =
        new() { AllowDuplicateProperties = false, MaxDepth = 128 };

    /// <summary>Warnings beside the response, also beside a failure.</summary>
    public HashSet<string> Warnings => Answers.WarningsOf(Http);

    public ResourceKey Key => new(Type.Resource, Namespace, Name);

    public string? MediaType => Http.Request.ContentType?.Split(';')[0].Trim();

    public bool IsPatch => Verb == "patch";

    public bool IsDryRun => Query("dryRun") switch
    {
        "" => false,
        "All" => true,
        var other => throw Statuses.Invalid($"{Options}Options", "meta.k8s.io", "",
            [FieldError.NotSupported("dryRun", new JsonArray(other), ["All"])]),
    };

    private string Options => Verb switch { "create" => "Create", "update" => "Update", "delete" => "Delete", _ => "Patch" };

    public string FieldValidation => Query("fieldValidation") switch
    {
        "" => "Warn",
        "Strict" or "Warn" or "Ignore" => Query("fieldValidation"),
        var other => throw Statuses.BadRequest(
            $"fieldValidation: Unsupported value: \"{other}\": supported values: \"Ignore\", \"Strict\", \"Warn\""),
    };

    public string Query(string name) => Http.Request.Query[name].ToString();

    public bool QueryFlag(string name) => Query(name) is "true" or "1";

    public long? QueryNumber(string name) => Query(name) is not { Length: > 0 } text ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw Statuses.BadRequest($"invalid {name} \"{text}\": not a number");

    public async Task<JsonNode?> ReadAsync()
    {
        using var buffer = new MemoryStream();
        await Http.Request.Body.CopyToAsync(buffer, Http.RequestAborted);
        if (buffer.Length == 0) return null;
        try
        {
            return JsonNode.Parse(buffer.GetBuffer().AsSpan(0, (int)buffer.Length), documentOptions: NoDuplicates);
        }
        catch (JsonException e)
        {
            throw Statuses.BadRequest(IsPatch ? $"error decoding patch: {e.Message}"
                : Unrecognized(e.Message));
        }
    }

    /// <summary>The object in the body. Bodies are JSON; YAML, CBOR and protobuf are rejected.</summary>
    public async Task<JsonObject> ReadObjectAsync()
    {
        if (MediaType is not (null or "" or "application/json"))
            throw Statuses.UnsupportedMediaType("application/json");
        return await ReadAsync() as JsonObject ?? throw Statuses.BadRequest(Unrecognized("not an object"));
    }

    private string Unrecognized(string why) =>
        $"the object provided is unrecognized (must be of type {Type.Kind}): couldn't get version/kind; json parse error: {why}";
}
