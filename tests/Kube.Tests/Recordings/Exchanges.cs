using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Recordings;

/// <summary>
/// What each conformance test sent and was answered: compared with its recording as it happens, or recorded. The answers to
/// watches are not part of it, because they depend on what other tests do; the recording "watches" has them.
/// </summary>
public sealed class Exchanges
{
    /// <summary>
    /// Tests of what only DevCluster does, and tests that repeat requests until a controller has done its work: the recordings
    /// "rbac" and "quota" have those.
    /// </summary>
    private static readonly HashSet<string> NotRecorded =
    [
        "RejectionTests", "FaultTests", "EventLogTests", "AccessTests", "QuotaTests", "AdmissionTests", "AdmissionReviewTests",
        "AdmissionMatchTests", "AdmissionFailureTests", "WebhookConfigurationTests",
    ];

    private readonly ConcurrentDictionary<string, Exchange> _tests = [];
    private readonly ConcurrentDictionary<string, Recording> _recordings = [];
    private bool _isDevCluster;
    private bool _isCompared;

    private static string? Class => TestContext.Current.TestClass?.TestClassSimpleName;

    private static string? Test => TestContext.Current.Test?.TestDisplayName[(TestContext.Current.TestClass!.TestClassName.Length + 1)..];

    /// <summary>A name that this test made up; in recordings it has a number instead.</summary>
    public void Named(string name) => Current()?.Names.TryAdd(name, $"name{Current()!.Names.Count + 1}");

    /// <summary>A cluster of another version than the recordings is not compared with them.</summary>
    public void Start(bool isDevCluster, string version) =>
        (_isDevCluster, _isCompared) = (isDevCluster, isDevCluster || version == Repository.Version);

    public void Observe(string ns, string request, JsonNode? body, int code, string text)
    {
        if (Current() is not { } test) return;
        var names = new Dictionary<string, string>(test.Names) { [ns] = "ns" };
        var step = new Step(new()
        {
            ["name"] = $"{Test} {++test.Count:00}",
            ["request"] = NotCompared.Normalize(new JsonArray(request, body?.DeepClone()), names),
            ["answer"] = NotCompared.Normalize(AnswerOf(request, code, text), names),
        });
        if (RecordedCluster.RecordTo is not null) RecordingOf().Steps.Add(step);
        else if (_isCompared) Compare(step);
    }

    /// <summary>Writes what was recorded, a file for each class and a step for each exchange.</summary>
    public void Save()
    {
        if (RecordedCluster.RecordTo is not { } folder) return;
        Directory.CreateDirectory(Path.Combine(folder, "conformance"));
        foreach (var (name, recorded) in _recordings)
        {
            var file = Path.Combine(folder, "conformance", $"{name}.json");
            (recorded with { Path = file, Steps = [.. recorded.Steps.OrderBy(step => step.Name, StringComparer.Ordinal)] }).Save();
        }
    }

    private void Compare(Step step)
    {
        if (RecordingOf().Steps.FirstOrDefault(one => one.Name == step.Name) is not { } recorded)
        {
            Assert.Fail($"{step.Name}: not recorded; see CONTRIBUTING.md for how to record it");
            return;
        }

        string[] found =
        [
            .. Comparison.Of(recorded.Request, step.Request).Select(one => $"request {one}"),
            .. Comparison.Of(recorded.Answer, step.Answer).Where(one => !_isDevCluster || !IsKnown(step.Name, one)).Select(one => $"{one}"),
        ];
        Assert.True(found is [], $"{step.Name}:\n{string.Join('\n', found)}");
    }

    private static bool IsKnown(string step, Difference one) => KnownDifference.IsEverywhere(one)
        || KnownDifference.Conformance.Any(known => known.Covers(Class!, step, one.Path));

    /// <summary>Large documents, lists of what other tests made, and what controllers write are not compared.</summary>
    private static JsonObject AnswerOf(string request, int code, string text)
    {
        var answer = new JsonObject { ["code"] = code };
        var path = request.Split(' ')[1];
        if (path.StartsWith("/openapi", StringComparison.Ordinal) || path.StartsWith("/version", StringComparison.Ordinal)
            || (path.StartsWith("/api", StringComparison.Ordinal) && path.Split('/').Length <= 4)) return answer;
        answer["body"] = text.StartsWith('{') ? JsonNode.Parse(text) : text;
        if (answer["body"].Text("apiVersion") == "apps/v1") answer["body"]!.AsObject().Remove("status");
        if (path.Contains('?', StringComparison.Ordinal) || answer["body"] is not JsonObject list || list["items"] is null) return answer;
        list.Remove("items");
        return answer;
    }

    private Exchange? Current() => Test is not { } test || Class is not { } name || NotRecorded.Contains(name) ? null
        : _tests.GetOrAdd($"{name}.{test}", _ => new());

    private Recording RecordingOf() => _recordings.GetOrAdd(Class!, name =>
        RecordedCluster.RecordTo is null && Repository.Fixture($"conformance/{name}.json") is var file && File.Exists(file)
            ? Recording.Load(file) : new("", new() { ["about"] = $"What the tests of {name} send." }));

    private sealed class Exchange
    {
        public Dictionary<string, string> Names { get; } = [];

        public int Count { get; set; }
    }
}
