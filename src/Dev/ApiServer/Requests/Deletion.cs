namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>The options of a deletion.</summary>
public sealed record DeleteOptions(long? GracePeriodSeconds, string? Propagation, string? Uid, string? ResourceVersion)
{
    public bool IsDryRun { get; init; }

    public static readonly DeleteOptions Default = new(null, null, null, null);

    public static DeleteOptions From(ApiRequest request, JsonNode? body)
    {
        var propagation = body.Text("propagationPolicy")
            ?? (request.Query("propagationPolicy") is { Length: > 0 } text ? text : null);
        if (body.At("orphanDependents") is not null) throw Statuses.NotImplemented("orphanDependents");
        if (propagation is not (null or "Foreground" or "Background" or "Orphan"))
            throw Statuses.Invalid("DeleteOptions", "meta.k8s.io", "",
                [FieldError.NotSupported("propagationPolicy", propagation, ["Foreground", "Background", "Orphan", "nil"])]);
        return new(body.Number("gracePeriodSeconds") ?? request.QueryNumber("gracePeriodSeconds"), propagation,
            body.Text("preconditions", "uid"), body.Text("preconditions", "resourceVersion"))
        {
            IsDryRun = request.IsDryRun || body.Texts("dryRun").Contains("All"),      // kubectl sends it in the body
        };
    }

    public JsonObject ToObject()
    {
        var options = new JsonObject { ["kind"] = "DeleteOptions", ["apiVersion"] = "meta.k8s.io/v1" };
        if (GracePeriodSeconds is { } seconds) options["gracePeriodSeconds"] = seconds;
        if (Uid is not null) options.Child("preconditions")["uid"] = Uid;
        if (ResourceVersion is not null) options.Child("preconditions")["resourceVersion"] = ResourceVersion;
        if (Propagation is not null) options["propagationPolicy"] = Propagation;
        if (IsDryRun) options["dryRun"] = new JsonArray("All");
        return options;
    }
}

/// <summary>
/// Deletes an object at once, or marks it as deleted while it is held: by finalizers (those of the propagation
/// policy among them, which the garbage collector removes), a pod's grace period or a namespace's content.
/// </summary>
public sealed class Deletion(ApiState state)
{
    /// <summary>
    /// As <see cref="Delete"/>, after the webhooks have agreed. If another write comes in between, they are asked again.
    /// </summary>
    public async Task<(StoredObject Object, bool IsRemoved)> DeleteAsync(ApiRequest request, DeleteOptions options)
    {
        if (Admissions.Of(state, request, "DELETE") is not { } admission) return Delete(request.Type, request.Key, options);
        var attributes = admission.Attributes with { Options = options.ToObject(), IsDryRun = options.IsDryRun };
        while (true)
        {
            var stored = state.Log.Find(request.Key);
            Check(request.Type, request.Name, stored, options);
            var ask = admission.With(attributes with { OldObject = stored!.Tree });
            await ask.MutateAsync(null, tree => tree);
            await ask.ValidateAsync(null);
            var isRemoved = false;
            if (state.Log.TryCommit(request.Key, stored, before =>
            {
                var edit = Mark(request.Type, before, options);
                isRemoved = edit.Remove;
                return edit;
            }, options.IsDryRun) is { } last) return (last, isRemoved);
        }
    }

    public (StoredObject Object, bool IsRemoved) Delete(ResourceType type, ResourceKey key, DeleteOptions options)
    {
        var isRemoved = false;
        var last = state.Log.Commit(key, before => Check(type, key.Name, before, options), before =>
        {
            var edit = Mark(type, before!, options);
            isRemoved = edit.Remove;
            return edit;
        }, options.IsDryRun);
        return (last, isRemoved);
    }

    /// <summary>Deletes the remaining objects of a terminating definition, or the definition itself if there are none.</summary>
    public void CleanUp(ResourceKey definition)
    {
        if (state.Log.Find(definition) is not { IsTerminating: true } stored) return;
        var resource = definition.Name;
        var type = state.Registry.Get(ResourceRegistry.Definitions);
        if (state.Log.List(resource).Objects.Count > 0)
            state.Log.Commit(definition, before => Check(type, definition.Name, before, DeleteOptions.Default), before =>
            {
                Definitions.MarkDeleting(before!);
                return new(before!);
            });
        if (state.Registry.All.FirstOrDefault(type => type.Resource == resource) is { } custom)
            foreach (var instance in state.Log.List(resource).Objects.Values.Where(instance => !instance.IsTerminating))
                Delete(custom, new(resource, instance.Namespace, instance.Name), DeleteOptions.Default);
        var isHeld = stored.Tree.Texts("metadata", "finalizers").Contains(Definitions.CleanUpFinalizer);
        if (!isHeld || state.Log.List(resource).Objects.Count > 0) return;
        state.Log.Commit(definition, before => Check(type, definition.Name, before, DeleteOptions.Default), before =>
        {
            var finalizers = before!["metadata"]!["finalizers"] as JsonArray;
            finalizers?.Remove(finalizers.FirstOrDefault(one => one.Text() == Definitions.CleanUpFinalizer));
            return new(before, WritePath.IsOver(type, before));
        });
        state.Registry.Refresh();
    }

    private static void Check(ResourceType type, string name, StoredObject? before, DeleteOptions options)
    {
        if (before is null) throw Statuses.NotFound(type, name);
        if (options.Uid is { } uid && uid != before.Uid)
            throw Statuses.Unmet(type, name, $"the UID in the precondition ({uid}) does not match the UID in record "
                + $"({before.Uid}). The object might have been deleted and then recreated");
        if (options.ResourceVersion is { } version && version != before.Tree.Text("metadata", "resourceVersion"))
            throw Statuses.Unmet(type, name, $"the ResourceVersion in the precondition ({version}) does not match the "
                + $"ResourceVersion in record ({before.Revision}). The object might have been modified");
    }

    private Edit Mark(ResourceType type, JsonObject tree, DeleteOptions options)
    {
        var metadata = tree.Child("metadata");
        var finalizers = Finalizers(metadata, options.Propagation);
        if (type.Resource == ResourceRegistry.Definitions && metadata["deletionTimestamp"] is null)
            finalizers.Add(Definitions.CleanUpFinalizer);
        var grace = type.Resource == "pods" ? GracePeriod(tree, options) : 0;
        var isHeld = finalizers.Count > 0 || (type.Resource == "namespaces" && tree.Texts("spec", "finalizers").Any());
        if (grace == 0 && !isHeld)
        {
            if (type.Resource == "pods") metadata.Default("deletionTimestamp", state.Now.ToTimestamp());
            if (metadata["deletionTimestamp"] is not null) metadata["deletionGracePeriodSeconds"] = 0;
            return new(tree, Remove: true);
        }


        metadata.Remove("finalizers");
        if (finalizers.Count > 0) metadata["finalizers"] = finalizers;
        var isFirst = metadata["deletionTimestamp"] is null;
        if (isFirst && type.HasGeneration && type.Resource != ResourceRegistry.Definitions)
            metadata["generation"] = (metadata.Number("generation") ?? 0) + 1;
        if (isFirst || grace < (metadata.Number("deletionGracePeriodSeconds") ?? 0))
        {
            metadata["deletionTimestamp"] = state.Now.AddSeconds(grace).ToTimestamp();
            metadata["deletionGracePeriodSeconds"] = grace;
        }

        if (type.Resource is ResourceRegistry.Definitions or "namespaces") metadata.Remove("deletionGracePeriodSeconds");
        if (type.Resource == ResourceRegistry.Definitions && isFirst) Definitions.MarkTerminating(tree, state.Now);
        if (type.Resource == "namespaces") tree.Child("status")["phase"] = "Terminating";
        return new(tree);
    }

    private static JsonArray Finalizers(JsonObject metadata, string? propagation)
    {
        var names = metadata.Texts("finalizers").ToList();
        if (propagation is not null) names.RemoveAll(name => name is "orphan" or "foregroundDeletion");
        if (propagation == "Orphan") names.Add("orphan");
        if (propagation == "Foreground") names.Add("foregroundDeletion");
        return [.. names.Select(name => (JsonNode)name)];
    }

    /// <summary>A pod without a node, or whose containers have ended, has no grace period.</summary>
    private static long GracePeriod(JsonObject pod, DeleteOptions options)
    {
        if (pod.Text("spec", "nodeName") is null || pod.Text("status", "phase") is "Succeeded" or "Failed") return 0;
        return Math.Max(0, options.GracePeriodSeconds ?? pod.Number("metadata", "deletionGracePeriodSeconds")
            ?? pod.Number("spec", "terminationGracePeriodSeconds") ?? 30);
    }
}
