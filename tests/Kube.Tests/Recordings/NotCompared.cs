using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Recordings;

/// <summary>
/// What two answers to the same request may differ in. Everything else is compared: code, reason, message, causes and
/// body. Fields that are replaced must still be present on both sides.
/// </summary>
public static partial class NotCompared
{
    public const string Any = "…";

    /// <summary>Fields that are removed from both answers.</summary>
    private static readonly HashSet<string> Removed =
    [
        "managedFields",      // DevCluster keeps none: without server-side apply nobody reads them
        "storageVersionHash", // of the storage, in discovery
    ];

    /// <summary>Fields whose value differs from cluster to cluster or from run to run.</summary>
    private static readonly HashSet<string> Replaced =
    [
        "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp",      // identity, version and times of an object
        "lastTransitionTime", "lastUpdateTime", "lastProbeTime", "expirationTimestamp", "renewTime", "acquireTime",
        "continue",                                                              // opaque
        "token",                                                                 // secret
        "clusterIP", "clusterIPs", "nodePort",                                   // allocated by the cluster
        "authentication.kubernetes.io/credential-id",                            // identity of a token
        "serverRelativeURL",                                                     // contains a hash of the document
    ];

    /// <summary>Replaces what is not compared; <paramref name="names"/> are the values that stand for a name.</summary>
    public static JsonNode? Normalize(JsonNode? node, IReadOnlyDictionary<string, string> names) => node switch
    {
        JsonObject status when status.Text("kind") == "Status" && status.Objects("details", "causes").Count() > 1 =>
            Sorted(status.Copy(), names),
        JsonObject list when list.Text("kind") == "APIResourceList" && list["resources"] is JsonArray resources =>
            Discovery(list.Copy(), resources, names),
        JsonObject fields => new JsonObject(fields.Where(field => !Removed.Contains(field.Key))
            .Select(field => KeyValuePair.Create(Text(field.Key, names), Field(field.Key, field.Value, names)))),
        JsonArray items => new JsonArray([.. items.Select(item => Normalize(item, names))]),
        JsonValue value when value.TryGetValue<string>(out var text) => Text(text, names),
        null => null,
        _ => names.TryGetValue(node.ToJsonString(), out var name) ? $"{{{name}}}" : node.DeepClone(),
    };

    /// <summary>A server validates fields in random order: sorts the causes, and the same list in the message.</summary>
    private static JsonObject Sorted(JsonObject status, IReadOnlyDictionary<string, string> names)
    {
        var causes = status.Objects("details", "causes").Select(cause => (JsonObject)Normalize(cause.Copy(), names)!)
            .DistinctBy(cause => cause.ToCompact())      // it names some twice
            .OrderBy(cause => $"{cause.Text("field")}: {cause.Text("message")}", StringComparer.Ordinal).ToArray();
        status["details"]!["causes"] = new JsonArray(causes);
        var listed = string.Join(", ", causes.Select(cause => $"{cause.Text("field")}: {cause.Text("message")}"));
        if (status.Text("message") is { } message && message.EndsWith(']') && message.Contains(": [", StringComparison.Ordinal))
            status["message"] = $"{message[..message.IndexOf(": [", StringComparison.Ordinal)]}: [{listed}]";
        return new(status.Select(field => KeyValuePair.Create(field.Key,
            field.Key == "message" ? Text(field.Value.Text()!, names) : Normalize(field.Value, names))));
    }

    /// <summary>The resources of a group come in the order in which they were defined.</summary>
    private static JsonObject Discovery(JsonObject list, JsonArray resources, IReadOnlyDictionary<string, string> names)
    {
        list["resources"] = new JsonArray([.. resources.OrderBy(one => one.Text("name"), StringComparer.Ordinal)
            .Select(one => Normalize(one, names))]);
        return list;
    }

    private static JsonNode? Field(string name, JsonNode? value, IReadOnlyDictionary<string, string> names) =>
        (name is "volumes" or "volumeMounts") && value is JsonArray list ? WithoutToken(list, names) :
        !Replaced.Contains(name) || value is null or JsonObject || value.Text() == "None" ? Normalize(value, names)
        : value.Text() == "" ? null : Any;      // an empty field is as good as an absent one

    /// <summary>What a distribution adds to each pod for its token.</summary>
    private static JsonArray? WithoutToken(JsonArray list, IReadOnlyDictionary<string, string> names)
    {
        var others = list.Where(item => item.Text("name")?.StartsWith("kube-api-access-", StringComparison.Ordinal) is not true).ToArray();
        return others is [] ? null : new JsonArray([.. others.Select(item => Normalize(item, names))]);
    }

    private static string Text(string text, IReadOnlyDictionary<string, string> names)
    {
        foreach (var (value, name) in names.OrderByDescending(one => one.Key.Length))
            if (value.Length > 4) text = text.Replace(value, $"{{{name}}}", StringComparison.Ordinal);
        text = ParserError().Replace(text, $"$1{Any}");
        text = PatchedObject().Replace(text, $"$1Invalid value: \"{Any}\": ");
        text = Uid().Replace(text, Any);
        text = Time().Replace(text, Any);
        text = Age().Replace(text, Any);
        text = GeneratedName().Replace(text, $"made-{Any}");
        return Versions().Replace(text, $"$1{Any}");
    }

    /// <summary>The wording of the parsers of Go: of regular expressions, JSON and CEL.</summary>
    [GeneratedRegex("(but isn't: |json parse error: |error decoding patch: |compilation failed: ERROR: |continue key is not valid: ).*",
        RegexOptions.Singleline)]
    private static partial Regex ParserError();

    /// <summary>The whole object, with its managed fields, in the message about a patch with unknown fields.</summary>
    [GeneratedRegex("((?:is invalid: patch: )|^(?:patch: )?)Invalid value: \"(?:\\{.*\\}|…)\": (?=strict)")]
    private static partial Regex PatchedObject();

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")]
    private static partial Regex Uid();

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")]
    private static partial Regex Time();

    /// <summary>A cell of a table.</summary>
    [GeneratedRegex(@"^\d+s$")]
    private static partial Regex Age();

    /// <summary>A name that generateName made.</summary>
    [GeneratedRegex(@"\bmade-[a-z0-9]{5}\b")]
    private static partial Regex GeneratedName();

    /// <summary>Versions in messages.</summary>
    [GeneratedRegex(@"((?:too old resource version: |Too large resource version: |current: |in record \(|resourceVersion=|continue=|hash="
        + @"|UID in object meta: )\(?)(?:[0-9]+ \([0-9]+\)|[0-9]{2,}|[^&{}\s]{24,})")]
    private static partial Regex Versions();
}
