using ModuleController.Dev.ApiServer.Access;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>
/// The admission plugin OwnerReferencesPermissionEnforcement: a user who changes the owner references of an object must be allowed
/// to delete it. A user who sets blockOwnerDeletion must be allowed to update the owner's finalizers.
/// </summary>
public sealed class OwnerPermissions(ResourceRegistry registry, AccessControl access)
{
    public void Check(ApiRequest request, JsonObject tree, JsonObject? before)
    {
        if (AccessControl.UserOf(request.Http) is not { } user || JsonNode.DeepEquals(OwnersOf(tree), OwnersOf(before))) return;
        var own = new RequestAttributes("delete", "")
        {
            Group = request.Type.Group,
            Resource = request.Type.Plural,
            Namespace = request.Namespace,
            Name = request.Name,
        };
        if (before is not null) Require(user, own, request, "cannot set an ownerRef on a resource you can't delete");
        var known = BlockingOwners(before).Select(owner => owner.Text("uid")).ToHashSet();
        foreach (var owner in BlockingOwners(tree).Where(owner => !known.Contains(owner.Text("uid"))))
            Require(user, FinalizersOf(owner, request), request,
                "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on");
    }

    private void Require(User user, RequestAttributes attributes, ApiRequest request, string problem)
    {
        if (access.Decide(user, attributes) is { IsAllowed: false } denied)
            throw Statuses.Forbidden(request.Type, request.Name, $"{problem}: {denied.Reason}, <nil>");
    }

    private RequestAttributes FinalizersOf(JsonObject owner, ApiRequest request)
    {
        var (version, kind) = (owner.Text("apiVersion"), owner.Text("kind"));
        var type = registry.All.FirstOrDefault(type => type.ApiVersion == version && type.Kind == kind)
            ?? throw Statuses.Forbidden(request.Type, request.Name, "cannot set blockOwnerDeletion in this case because cannot find "
                + $"RESTMapping for APIVersion {version} Kind {kind}: no matches for kind \"{kind}\" in version \"{version}\"");
        return new("update", "")
        {
            Group = type.Group,
            Resource = type.Plural,
            Subresource = "finalizers",
            Namespace = type.IsNamespaced ? request.Namespace : "",
            Name = owner.Text("name") ?? "",
        };
    }

    private static JsonNode? OwnersOf(JsonObject? tree) => tree.At("metadata", "ownerReferences");

    private static IEnumerable<JsonObject> BlockingOwners(JsonObject? tree) =>
        tree.Objects("metadata", "ownerReferences").Where(owner => owner.Flag("blockOwnerDeletion"));
}
