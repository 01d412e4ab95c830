using System.Text.Json.Nodes;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Releases;

namespace ModuleController.SystemTests.Fleet;

/// <summary>One ModuleDeployment for each mistake of a user that has stopped others, and what the API server rejects for it.</summary>
internal static class BrokenModuleDeployments
{
    private static readonly (string Name, Action<JsonObject> Break)[] Mistakes =
    [
        ("md5-short", spec => Module(spec)["md5"] = "abc"),
        ("md5-long", spec => Module(spec)["md5"] = new string('a', 64)),
        ("timeout-long", spec => Strategy(spec)["installTimeoutSeconds"] = 100_000),
        ("url-bytes", spec => Module(spec)["url"] = $"http://jars/{new string('é', 1000)}.jar"),
        ("label-text", spec => Labels(spec)["owner"] = "张三"),
        ("label-space", spec => Labels(spec)["owner"] = "a b"),
        ("label-long", spec => Labels(spec)["owner"] = new string('a', 64)),
        ("annotation-key", spec => Metadata(spec)["annotations"] = new JsonObject { ["not a key"] = "x" }),
        ("service-denied", spec => Strategy(spec)["serviceStrategy"] = new JsonObject { ["enableModuleService"] = true, ["port"] = 80 }),
        ("create-denied", _ => { }),
        ("status-denied", _ => { }),
        ("delete-denied", _ => { }),
        ("finalizer-denied", _ => { }),
        ("create-500", _ => { }),
        ("create-unanswered", _ => { }),
        ("status-429", _ => { }),
        ("delete-503", _ => { }),
        ("finalizer-unanswered", _ => { }),
        ("delete-label", _ => { }),
    ];

    // The last three are also what an outage of the API server looks like.
    private static readonly (string Name, int Code, string Reason)[] Answers =
    [
        ("denied", 403, "Forbidden"),
        ("500", 500, "InternalError"),
        ("429", 429, "TooManyRequests"),
        ("503", 503, "ServiceUnavailable"),
        ("unanswered", 0, KubeError.TimedOut),
    ];

    public static IEnumerable<string> Names(int seed) => Mistakes.Select(mistake => NameOf(mistake.Name, seed));

    public static IEnumerable<JsonObject> Manifests(int seed) => Mistakes.Select(mistake => Manifest(mistake.Name, mistake.Break, seed));

    /// <summary>A policy, a quota, or a webhook that denies, is broken or hangs.</summary>
    public static KubeError? Reject(RacingClient.Write write)
    {
        var what = (write.Verb, write.Kind) switch
        {
            ("create", "Service") => "service",
            ("create", "Module") => "create",
            ("patch status of", "Module") => "status",
            ("delete", "Module") => "delete",
            ("patch", "Module") when write.Patch?["metadata"]?["finalizers"] is not null => "finalizer",
            _ => null,
        };
        var answer = Answers.FirstOrDefault(answer => what is not null
            && write.Name.StartsWith($"{what}-{answer.Name}-", StringComparison.Ordinal));
        return answer.Name is null ? null : new(answer.Code, answer.Reason, $"a policy denies to {write}");
    }

    private static string NameOf(string mistake, int seed) => $"{mistake}-{seed}";

    private static JsonObject Manifest(string mistake, Action<JsonObject> make, int seed)
    {
        var name = NameOf(mistake, seed);
        var spec = new JsonObject
        {
            ["baseDeploymentName"] = "base",
            ["replicas"] = 2,
            ["template"] = new JsonObject
            {
                ["metadata"] = new JsonObject { ["labels"] = new JsonObject() },
                ["spec"] = new JsonObject
                {
                    ["module"] = new JsonObject { ["name"] = name, ["version"] = "1.0.0", ["url"] = $"http://jars/{name}.jar" },
                },
            },
            ["operationStrategy"] = new JsonObject { ["trafficDrainSeconds"] = 0 },   // the fleet's clock stands
        };
        make(spec);
        var labels = new JsonObject();
        if (mistake == "delete-label") labels["koupleless.io/delete-module"] = "true";
        return new()
        {
            ["apiVersion"] = "koupleless.io/v1alpha1",
            ["kind"] = "ModuleDeployment",
            ["metadata"] = new JsonObject { ["name"] = name, ["labels"] = labels },
            ["spec"] = spec,
        };
    }

    private static JsonNode Module(JsonObject spec) => spec["template"]!["spec"]!["module"]!;

    private static JsonNode Metadata(JsonObject spec) => spec["template"]!["metadata"]!;

    private static JsonNode Labels(JsonObject spec) => Metadata(spec)["labels"]!;

    private static JsonNode Strategy(JsonObject spec) => spec["operationStrategy"]!;
}
