using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Recordings;

/// <summary>A file of requests in order, each with the answer that a real API server gave.</summary>
public sealed record Recording(string Path, JsonObject Document)
{
    // A step is one line per part, so that a changed answer is one changed line.
    private static readonly JsonSerializerOptions Line = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    public List<Step> Steps { get; init; } = [.. Document.Objects("steps").Select(step => new Step(step))];

    /// <summary>The paths of objects outside of the namespace that the steps create.</summary>
    public IEnumerable<string> Cleanup => Document.Texts("cleanup");

    public static Recording Load(string path) => new(path, JsonNode.Parse(File.ReadAllText(path))!.AsObject());

    public void Save() => File.WriteAllText(Path, ToText(), new UTF8Encoding(false));

    private string ToText()
    {
        var text = new StringBuilder("{\n");
        foreach (var (name, value) in Document.Where(field => field.Key != "steps"))
            text.Append($" {Text(name)}: {Text(value)},\n");
        text.Append(" \"steps\": [\n");
        text.AppendJoin(",\n", Steps.Select(step =>
            $"  {{{string.Join(",\n   ", step.Document.Select(field => $"{Text(field.Key)}: {Text(field.Value)}"))}}}"));
        return text.Append("\n ]\n}\n").ToString();
    }

    private static string Text(JsonNode? node) => node?.ToJsonString(Line) ?? "null";
}

/// <summary>One request and its answer.</summary>
public sealed record Step(JsonObject Document)
{
    public string Name => Document.Text("name")!;

    public string Method => Document.Text("request", "method") ?? "GET";

    public string Path => Document.Text("request", "path")!;

    public string Accept => Document.Text("request", "accept") ?? "application/json";

    public string Type => Document.Text("request", "type") ?? "application/json";

    /// <summary>A manifest of this repository that is the body, and a JSON patch that changes it first.</summary>
    public string? File => Document.Text("request", "file");

    public JsonNode? Change => Document.At("request", "change");

    /// <summary>A string is sent as it is, anything else as JSON.</summary>
    public JsonNode? Body => Document.At("request", "body");

    /// <summary>The bearer token to send instead of the administrator's credentials.</summary>
    public string? Token => Document.Text("request", "token");

    /// <summary>Names for values of the answer that later requests contain: <c>{"uid": "metadata.uid"}</c>.</summary>
    public IEnumerable<(string Name, string[] Path)> Captures =>
        Document.Fields("capture").Select(one => (one.Name, PathOf(one.Value)));

    /// <summary>Repeat the request until its answer contains this: something else in the cluster brings it about.</summary>
    public JsonObject? Until => Document["until"] as JsonObject;

    /// <summary>How many times to send the request at once; the answer is the one that <see cref="Until"/> expects.</summary>
    public int Times => (int?)Document.Number("times") ?? 1;

    /// <summary>How many times to send the request one after the other; <c>{i}</c> is the number of the time.</summary>
    public int Repeat => (int?)Document.Number("repeat") ?? 1;

    /// <summary>Open the watch and do not read it, until another step reads it by this name.</summary>
    public string? Held => Document.Text("hold");

    /// <summary>Read a watch that was held to its end, and count whether all of so many events arrived.</summary>
    public string? Read => Document.Text("read");

    /// <summary>Read a watch until this event, such as "DELETED a"; without it, to the end of the stream.</summary>
    public string? LastEvent => Document.Text("lastEvent");

    public bool IsWatch => Path.Contains("watch=true", StringComparison.Ordinal);

    /// <summary>Whether the events of a watch are compared in the order over all objects, not for each object.</summary>
    public bool IsOrdered => Document.Flag("ordered");

    /// <summary>Let DevCluster forget its log first; a real server's does not reach back to its first version.</summary>
    public bool AfterCompaction => Document.Flag("afterCompaction");

    /// <summary>Fields of the body that this step leaves out, because other steps show them.</summary>
    public IEnumerable<string[]> Omitted => (Document["omit"] as JsonArray ?? []).Select(PathOf);

    /// <summary>The only fields of the body that are compared, of a large document; none: all.</summary>
    public IEnumerable<string[]> Picked => (Document["pick"] as JsonArray ?? []).Select(PathOf);

    /// <summary>The request of an exchange, as text and body.</summary>
    public JsonNode? Request => NotCompared.Normalize(Document["request"], new Dictionary<string, string>());

    public JsonObject? Answer
    {
        get => NotCompared.Normalize(Document["answer"], new Dictionary<string, string>()) as JsonObject;
        set => Document["answer"] = value;
    }

    /// <summary>Dotted text, or a list of steps where a name has dots.</summary>
    private static string[] PathOf(JsonNode? path) =>
        path is JsonArray ? [.. new JsonObject { ["path"] = path.DeepClone() }.Texts("path")] : path.Text()!.Split('.');
}
