using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;

namespace ModuleController.Kube.Tests.Recordings;

/// <summary>One place where an answer is not what was recorded.</summary>
public sealed record Difference(string Path, string Recorded, string Answered)
{
    public override string ToString() => $"{Path}: recorded {Recorded}, answered {Answered}";
}

/// <summary>Compares two normalized answers, field by field. The order of fields means nothing, that of lists does.</summary>
public static class Comparison
{
    public static IEnumerable<Difference> Of(JsonNode? recorded, JsonNode? answered, string path = "") =>
        (recorded, answered) switch
        {
            (JsonObject left, JsonObject right) => left.Select(field => field.Key).Union(right.Select(field => field.Key))
                .SelectMany(name => Of(left[name], right[name], path.Length == 0 ? name : $"{path}.{name}")),
            (JsonArray left, JsonArray right) when left.Count == right.Count =>
                left.Zip(right).SelectMany((pair, i) => Of(pair.First, pair.Second, $"{path}[{i}]")),
            _ when JsonNode.DeepEquals(recorded, answered) => [],
            _ => [new(path, Show(recorded), Show(answered))],
        };

    private static string Show(JsonNode? node) => node is null ? "nothing" : node.ToCompact();
}
