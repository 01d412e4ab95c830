using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>JSON merge patches of exactly what differs between two states of an object.</summary>
internal static class MergePatch
{
    private static readonly ResourceJson Json = new(ModulesJson.Default);

    /// <summary>Null: there is no difference. Guarded by the UID and the version: lists, and what is decided from the whole object, would
    /// undo what another writer has written since.</summary>
    public static JsonObject? Between<T>(T before, T after, string? version) where T : class, IResource
    {
        var patch = Difference(Json.ToObject(before), Json.ToObject(after));
        patch.Remove("status");
        if (patch.Count == 0) return null;
        var metadata = patch["metadata"] as JsonObject ?? [];
        patch["metadata"] = metadata;
        metadata["resourceVersion"] = version;
        metadata["uid"] = before.Metadata.Uid;
        return patch;
    }

    /// <summary>The same for a status, which is guarded by the version: the API server does not check the UID of its patch.</summary>
    public static JsonObject? OfStatus<T>(T before, T after, string? version) where T : class, IResource
    {
        var patch = Difference(StatusOf(before), StatusOf(after));
        return patch.Count == 0
            ? null
            : new() { ["metadata"] = new JsonObject { ["resourceVersion"] = version }, ["status"] = patch };
    }

    private static JsonObject StatusOf<T>(T resource) where T : class, IResource =>
        Json.ToObject(resource)["status"] as JsonObject ?? [];

    private static JsonObject Difference(JsonObject before, JsonObject after)
    {
        var patch = new JsonObject();
        foreach (var (name, _) in before)
            if (!after.ContainsKey(name))
                patch[name] = null;
        foreach (var (name, value) in after)
            if (value is JsonObject inner && before[name] is JsonObject old)
            {
                if (Difference(old, inner) is { Count: > 0 } difference) patch[name] = difference;
            }
            else if (!JsonNode.DeepEquals(before[name], value)) patch[name] = value?.DeepClone();
        return patch;
    }
}
