using System.Text.Json.Nodes;

namespace ModuleController.Dev.Controllers;

/// <summary>An owner reference of an object.</summary>
internal sealed record OwnerReference(string ApiVersion, string Kind, string Name, string Uid, bool Blocks);

/// <summary>The fields of an object that garbage collection needs.</summary>
internal sealed record GarbageNode(
    DiscoveredResource Resource, string? Namespace, string Name, string Uid, bool IsDeleting, IReadOnlyList<string> Finalizers,
    IReadOnlyList<OwnerReference> Owners)
{
    public string Path => Resource.Path(Namespace, Name);

    public static GarbageNode Of(DiscoveredResource resource, JsonObject item)
    {
        var meta = item["metadata"]!.AsObject();
        return new(
            resource,
            meta["namespace"]?.GetValue<string>(),
            meta["name"]!.GetValue<string>(),
            meta["uid"]!.GetValue<string>(),
            meta["deletionTimestamp"] is not null,
            meta["finalizers"]?.AsArray().Select(name => name!.GetValue<string>()).ToList() ?? [],
            meta["ownerReferences"]?.AsArray().Select(owner => new OwnerReference(
                owner!["apiVersion"]!.GetValue<string>(), owner["kind"]!.GetValue<string>(), owner["name"]!.GetValue<string>(),
                owner["uid"]!.GetValue<string>(), owner["blockOwnerDeletion"]?.GetValue<bool>() ?? false)).ToList() ?? []);
    }
}
