using System.Globalization;
using System.Text.Json.Nodes;

namespace ModuleController.Core.Tests.Injection;

/// <summary>All differences of two documents, as a JSON patch (RFC 6902).</summary>
/// <remarks>Lists are compared by position: what is appended is one <c>add</c>. Injection only appends.</remarks>
internal static class JsonDifference
{
    public static JsonArray Between(JsonObject before, JsonObject after)
    {
        var patch = new JsonArray();
        Compare(patch, "", before, after);
        return patch;
    }

    private static void Compare(JsonArray patch, string path, JsonNode? before, JsonNode? after)
    {
        if (before is JsonObject beforeObject && after is JsonObject afterObject) CompareObjects(patch, path, beforeObject, afterObject);
        else if (before is JsonArray beforeList && after is JsonArray afterList) CompareLists(patch, path, beforeList, afterList);
        else if (!JsonNode.DeepEquals(before, after)) Add(patch, "replace", path, after);
    }

    private static void CompareObjects(JsonArray patch, string path, JsonObject before, JsonObject after)
    {
        foreach (var (name, _) in before)
            if (!after.ContainsKey(name)) patch.Add((JsonNode)new JsonObject { ["op"] = "remove", ["path"] = path + Step(name) });
        foreach (var (name, value) in after)
        {
            if (before.TryGetPropertyValue(name, out var previous)) Compare(patch, path + Step(name), previous, value);
            else Add(patch, "add", path + Step(name), value);
        }
    }

    private static void CompareLists(JsonArray patch, string path, JsonArray before, JsonArray after)
    {
        for (var index = 0; index < Math.Min(before.Count, after.Count); index++)
            Compare(patch, string.Create(CultureInfo.InvariantCulture, $"{path}/{index}"), before[index], after[index]);
        for (var index = before.Count; index < after.Count; index++) Add(patch, "add", path + "/-", after[index]);
        for (var index = before.Count - 1; index >= after.Count; index--)
        {
            patch.Add((JsonNode)new JsonObject
            {
                ["op"] = "remove",
                ["path"] = string.Create(CultureInfo.InvariantCulture, $"{path}/{index}"),
            });
        }
    }

    private static void Add(JsonArray patch, string op, string path, JsonNode? value) =>
        patch.Add((JsonNode)new JsonObject { ["op"] = op, ["path"] = path, ["value"] = value?.DeepClone() });

    // The key koupleless.io/inject is the step /koupleless.io~1inject.
    private static string Step(string name) =>
        "/" + name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
