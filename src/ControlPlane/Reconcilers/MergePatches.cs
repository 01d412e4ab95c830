using System.Text.Json.Nodes;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>Makes JSON merge patches (RFC 7386).</summary>
public static class MergePatches
{
    /// <summary>Only what differs; null where something has to go. Lists are replaced as a whole.</summary>
    public static JsonObject Between(JsonObject before, JsonObject after)
    {
        var patch = new JsonObject();
        foreach (var (name, _) in before)
            if (!after.ContainsKey(name)) patch[name] = null;
        foreach (var (name, value) in after)
        {
            var old = before[name];
            if (JsonNode.DeepEquals(old, value)) continue;
            patch[name] = old is JsonObject from && value is JsonObject to ? Between(from, to) : value?.DeepClone();
        }

        return patch;
    }
}
