namespace ModuleController.Dev.ApiServer.Patches;

/// <summary>JSON merge patch (RFC 7386): null removes, objects merge, everything else replaces.</summary>
public static class MergePatch
{
    public static JsonNode? Apply(JsonNode? target, JsonNode? patch)
    {
        if (patch is not JsonObject changes) return patch?.DeepClone();
        var result = target as JsonObject ?? [];
        foreach (var (name, value) in changes)
        {
            if (value is null) result.Remove(name);
            else if (value is not JsonObject) result[name] = value.DeepClone();
            else
            {
                var merged = Apply(result[name], value);
                if (!ReferenceEquals(merged, result[name])) result[name] = merged;
            }
        }

        return result;
    }
}
