using System.Security.Cryptography;

namespace ModuleController.DevApiServer.Requests;

/// <summary>
/// What happens to an object between a request and <see cref="EventLog.Commit"/>, the same for every verb and patch type:
/// identity, preconditions, the fields that this request may not set, shape, defaults, validation, generation.
/// </summary>
public sealed class WritePath(ApiState state)
{
    private const string NameAlphabet = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>What the server alone says of an object; an update can't change it.</summary>
    private static readonly string[] ServerFields =
    [
        "uid", "namespace", "creationTimestamp", "resourceVersion", "generation", "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ];

    public StoredObject Create(ApiRequest request, JsonObject body)
    {
        var metadata = body.Child("metadata");
        if (string.IsNullOrEmpty(metadata.Text("name")) && metadata.Text("generateName") is { Length: > 0 } prefix)
            metadata["name"] = prefix[..Math.Min(prefix.Length, 58)] + RandomNumberGenerator.GetString(NameAlphabet, 5);
        var named = request with { Name = metadata.Text("name") ?? "" };
        CheckIdentity(named, body);
        CheckNamespace(named);
        return state.Quotas.Guard(named.Namespace, () => state.Log.Commit(named.Key, before =>
        {
            if (before is null) return;
            state.Quotas.Check(named, body, null);      // as in the real one, which does not know yet that there is one already
            throw Statuses.AlreadyExists(request.Type, named.Name);
        }, _ => new Edit(AdmitNew(named, body.Copy())), request.IsDryRun));
    }

    /// <summary>Changes an object by what <paramref name="change"/> makes of it, within what the subresource may touch.</summary>
    public StoredObject Update(ApiRequest request, Func<JsonObject, JsonObject> change)
    {
        var stored = default(StoredObject);
        var written = state.Quotas.Guard(request.Namespace, () => state.Log.Commit(
            request.Key,
            before => stored = before ?? throw Statuses.NotFound(request.Type, request.Name),
            copy => Admit(request, stored!.Tree, change(copy!)),
            request.IsDryRun));
        return IsOver(request.Type, written.Tree) ? WithVersionOf(stored!, written) : written;
    }

    /// <summary>A terminating object ends with its last finalizer; a pod, besides, only after its grace period.</summary>
    public static bool IsOver(ResourceType type, JsonObject tree) =>
        tree.At("metadata", "deletionTimestamp") is not null
        && tree.Number("metadata", "deletionGracePeriodSeconds") is null or 0
        && !tree.Texts("metadata", "finalizers").Any()
        && !(type.Resource == "namespaces" && tree.Texts("spec", "finalizers").Any());

    /// <summary>What a write removed was not stored once more, so its answer has the last stored version; the removal has its own.</summary>
    private static StoredObject WithVersionOf(StoredObject before, StoredObject removed)
    {
        var tree = removed.Tree.Copy();
        tree.Child("metadata").CopyFrom(before.Tree.Child("metadata"), "resourceVersion");
        return new(tree, before.Revision);
    }

    private JsonObject AdmitNew(ApiRequest request, JsonObject tree)
    {
        var type = request.Type;
        var metadata = tree.Child("metadata");
        if (!string.IsNullOrEmpty(metadata.Text("resourceVersion")))
            throw Statuses.BadRequest("resourceVersion should not be set on objects to be created");
        foreach (var field in ServerFields.Append("managedFields")) metadata.Remove(field);
        if (type.IsNamespaced) metadata["namespace"] = request.Namespace;
        metadata["uid"] = Guid.NewGuid().ToString();
        metadata["creationTimestamp"] = state.Now.ToTimestamp();
        if (type.HasGeneration) metadata["generation"] = 1;
        if (type.HasStatus) tree.Remove("status");
        Complete(request, tree, null);
        state.OwnerPermissions?.Check(request, tree, null);
        state.Quotas.Check(request, tree, null);
        return tree;
    }

    private Edit Admit(ApiRequest request, JsonObject before, JsonObject next)
    {
        CheckIdentity(request, next);
        CheckPreconditions(request, before, next);
        var tree = Reset(request, before, next);
        Complete(request, tree, before);
        state.OwnerPermissions?.Check(request, tree, before);
        if (request.Type.Resource == "services") state.Quotas.Check(request, tree, before);
        if (request.Type.HasGeneration && HasNewSpec(request.Type, before, tree))
            tree.Child("metadata")["generation"] = (before.Number("metadata", "generation") ?? 0) + 1;
        return new(tree, IsOver(request.Type, tree));
    }

    private static void CheckIdentity(ApiRequest request, JsonObject tree)
    {
        var type = request.Type;
        tree.Default("apiVersion", type.ApiVersion);
        tree.Default("kind", type.Kind);
        if (tree.Text("apiVersion") != type.ApiVersion || tree.Text("kind") != type.Kind)
            throw Statuses.BadRequest($"the object provided is {tree.Text("apiVersion")}, Kind={tree.Text("kind")}; "
                + $"this path is for {type.ApiVersion}, Kind={type.Kind}");
        var metadata = tree.Child("metadata");
        if (metadata.Text("name") is { Length: > 0 } name && name != request.Name)
            throw Statuses.BadRequest($"the name of the object ({name}) does not match the name on the URL ({request.Name})");
        if (metadata.Text("namespace") is { Length: > 0 } ns && ns != request.Namespace)
            throw Statuses.BadRequest("the namespace of the provided object does not match the one on the request");
        if (request.Name.Length > 0) metadata["name"] = request.Name;
    }

    private void CheckNamespace(ApiRequest request)
    {
        if (!request.Type.IsNamespaced) return;
        var home = state.Log.Find(new("namespaces", "", request.Namespace))
            ?? throw Statuses.NotFound(state.Registry.Get("namespaces"), request.Namespace);
        if (home.IsTerminating) throw Statuses.Terminating(request.Type, request.Name, request.Namespace);
        if (request.Type.IsCustom && state.Log.Find(Definitions.KeyOf(request.Type))?.IsTerminating == true)
            throw Statuses.MethodNotAllowed("create not allowed while custom resource definition is terminating");
    }

    private static void CheckPreconditions(ApiRequest request, JsonObject before, JsonObject next)
    {
        var version = next.Text("metadata", "resourceVersion");
        if (string.IsNullOrEmpty(version) && !request.Type.AllowsUnconditionalUpdate)
            throw Statuses.Invalid(request.Type, request.Name,
                FieldError.Invalid("metadata.resourceVersion", 0, "must be specified for an update"));
        if (!string.IsNullOrEmpty(version) && version != before.Text("metadata", "resourceVersion"))
            throw Statuses.Modified(request.Type, request.Name);
        var (uid, actual) = (next.Text("metadata", "uid"), before.Text("metadata", "uid"));
        if (string.IsNullOrEmpty(uid) || uid == actual) return;
        if (!request.IsPatch)
            throw Statuses.Conflict(request.Type, request.Name,
                $"Precondition failed: UID in precondition: {uid}, UID in object meta: {actual}");
        if (request.Type.IsCustom && request.Subresource == "status") return;       // its metadata is thrown away unread
        throw Statuses.Invalid(request.Type, request.Name,
            FieldError.Invalid("metadata.uid", uid, "field is immutable"));
    }

    /// <summary>Takes from the request what its subresource may change, and everything else from what is stored.</summary>
    private static JsonObject Reset(ApiRequest request, JsonObject before, JsonObject next)
    {
        var tree = request.Subresource is "status" or "finalize" ? before.Copy() : next;
        switch (request.Subresource)
        {
            case "status":
                tree.CopyFrom(next, "status");
                if (request.Type.Resource != "pods") return tree;
                foreach (var field in (string[])["labels", "annotations"])
                    tree.Child("metadata").CopyFrom(next["metadata"] as JsonObject, field);
                return tree;
            case "finalize":
                tree.Child("spec").CopyFrom(next["spec"] as JsonObject, "finalizers");
                return tree;
            case "binding":
                return tree;
            default:
                break;
        }

        if (request.Type.HasStatus) tree.CopyFrom(before, "status");
        var (metadata, old) = (tree.Child("metadata"), before.Child("metadata"));
        metadata.Remove("managedFields");
        foreach (var field in ServerFields) metadata.CopyFrom(old, field);
        if (request.Type.Resource == "namespaces")
            tree.Child("spec").CopyFrom(before["spec"] as JsonObject, "finalizers");
        var added = metadata.Texts("finalizers").Except(old.Texts("finalizers")).FirstOrDefault();
        if (old["deletionTimestamp"] is not null && added is not null)
            throw Statuses.Invalid(request.Type, request.Name, FieldError.Forbidden("metadata.finalizers",
                $"no new finalizers can be added if the object is being deleted, found \"{added}\""));
        return tree;
    }

    /// <summary>From what a client sent to what may be stored: known fields, defaults, and all rules kept.</summary>
    private void Complete(ApiRequest request, JsonObject tree, JsonObject? before)
    {
        var type = request.Type;
        if (!type.IsCustom) DropNulls(tree);
        DropEmpty(tree.Child("metadata"));
        ReportUnknown(request, Pruning.Unknown(tree, type.Schema));
        if (!type.IsCustom && Validation.Check(tree, null, type.Schema) is [var wrong, ..])
            throw Unreadable(type, $"{wrong}");
        Defaulting.Apply(tree, type.Schema);
        if (!type.IsCustom) BuiltinDefaults.Apply(tree, type.Resource, isNew: before is null);
        if (type.Resource == ResourceRegistry.Definitions) Definitions.Admit(tree, state);
        if (type.Resource == "services") state.Allocations.Assign(tree, before);
        if (type.Resource == Quotas.Resource) Quotas.Admit(tree);

        var errors = Names.CheckMetadata(tree, type).ToList();
        if (!type.IsCustom)
            errors.AddRange(BuiltinRules.Check(tree, request.Subresource == "binding" ? null : before, type.Resource));
        else
        {
            errors.AddRange(Validation.Check(tree, before, type.Schema));
            if (type.Scale?.SpecReplicas is { } path && tree.Number(path) < 0)
                errors.Add(FieldError.Invalid(string.Join('.', path), tree.At(path), "should not be negative"));
        }

        if (errors.Count > 0) throw Statuses.Invalid(type, request.Name, errors);
    }

    private static void ReportUnknown(ApiRequest request, IReadOnlyList<string> unknown)
    {
        var named = unknown.Select(field => $"unknown field \"{field}\"").ToArray();
        if (named is [] || request.FieldValidation == "Ignore") return;
        if (request.FieldValidation == "Warn")
        {
            request.Warnings.UnionWith(named);
            return;
        }

        var message = $"strict decoding error: {string.Join(", ", named)}";
        throw request.IsPatch
            ? Statuses.Invalid("", "", "", [FieldError.Invalid("patch", request.Name, message)])
            : Unreadable(request.Type, message);
    }

    private static StatusException Unreadable(ResourceType type, string why) => Statuses.BadRequest(
        $"{type.Kind} in version \"{type.Version}\" cannot be handled as a {type.Kind}: {why}");

    private static bool HasNewSpec(ResourceType type, JsonObject before, JsonObject after) =>
        before.Concat(after).Select(field => field.Key).Distinct()
            .Any(name => name != "metadata" && !(name == "status" && type.HasStatus)
                && !JsonNode.DeepEquals(before[name], after[name]));

    /// <summary>In a built-in object null is the same as absent.</summary>
    private static void DropNulls(JsonNode? node)
    {
        foreach (var item in node as JsonArray ?? []) DropNulls(item);
        foreach (var (name, value) in node.Fields().ToArray())
        {
            if (value is null) node!.AsObject().Remove(name);
            else DropNulls(value);
        }
    }

    private static void DropEmpty(JsonObject metadata)
    {
        foreach (var (name, value) in metadata.ToArray())
            if (value is null or JsonObject { Count: 0 } or JsonArray { Count: 0 } || value.Text() is { Length: 0 })
                metadata.Remove(name);
    }
}
