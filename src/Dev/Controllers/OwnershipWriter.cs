using System.Text.Json.Nodes;

namespace ModuleController.Dev.Controllers;

/// <summary>Removes owner references and finalizers.</summary>
internal sealed class OwnershipWriter(RawClient client)
{
    public Task RemoveOwnersAsync(GarbageNode node, IReadOnlyList<string> uids, CancellationToken cancellation) =>
        RemoveAsync(node, "ownerReferences", owner => uids.Contains(owner["uid"]!.GetValue<string>()), cancellation);

    public Task RemoveFinalizerAsync(GarbageNode node, string finalizer, CancellationToken cancellation) =>
        RemoveAsync(node, "finalizers", name => name.GetValue<string>() == finalizer, cancellation);

    /// <summary>
    /// Reads the object, removes entries of one list of its metadata, and writes only that list, guarded by the version that was
    /// read.
    /// </summary>
    private async Task RemoveAsync(GarbageNode node, string list, Func<JsonNode, bool> isRemoved, CancellationToken cancellation)
    {
        var current = await client.FindAsync(node.Path, cancellation);
        if (current?["metadata"] is not JsonObject meta || meta["uid"]?.GetValue<string>() != node.Uid) return;
        var remaining = (meta[list]?.AsArray() ?? []).Where(entry => !isRemoved(entry!)).Select(entry => entry!.DeepClone());
        var patch = new JsonObject { [list] = new JsonArray([.. remaining]), ["resourceVersion"] = meta["resourceVersion"]!.DeepClone() };
        await client.MergeAsync(node.Path, new() { ["metadata"] = patch }, cancellation);
    }
}
