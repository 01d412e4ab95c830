using Google.Protobuf;
using Grpc.Core;
using ModuleController.ControlPlane.Control.Requests;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;

namespace ModuleController.ControlPlane.Control;

/// <summary>Reads the objects of one kind from its cache, as messages, for callers who may read them.</summary>
/// <param name="collection">The part of a resource's name that names the kind.</param>
internal sealed class ResourceReads<T, TMessage>(ILister<T> objects, string collection, Func<T, TMessage> map, ReadAccess access)
    where T : class, IResource
    where TMessage : class, IMessage
{
    public async Task<TMessage> GetAsync(string name, ServerCallContext context)
    {
        if (ResourceNames.Parse(name, collection) is not { } key)
            throw Refusal.Invalid("name", $"must be {ResourceNames.Of("NAMESPACE", collection, "NAME")}");
        await access.DemandAsync(new("get", T.Kind, key.Namespace, key.Name), context);
        return objects.Get(key) is { } found
            ? map(found)
            : throw Refusal.Of(StatusCode.NotFound, $"{T.Kind} \"{key.Name}\" not found in namespace \"{key.Namespace}\"");
    }

    /// <summary>A page, and the token of the next one.</summary>
    public async Task<(IReadOnlyList<TMessage> Page, string Next)> ListAsync(ListFields fields, ServerCallContext context)
    {
        var query = ListQuery.Parse(T.Kind, fields);
        var all = objects.List();
        var isPermitted = await access.ListableAsync(
            T.Kind, query.Namespace, () => all.Select(item => item.Metadata.Namespace ?? "").Distinct(), context);
        return query.Of(all, isPermitted, map);
    }
}
