using System.Security.Cryptography;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>
/// The path of an object between a request and <see cref="EventLog.Commit"/>, the same for every verb and patch type:
/// identity, preconditions, the fields that this request may not set, shape, defaults, validation, generation.
/// </summary>
public sealed class WritePath(ApiState state)
{
    private const string NameAlphabet = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>Fields that only the server sets; an update cannot change them.</summary>
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
        WriteChecks.Identity(named, body);
        CheckNamespace(named);
        return state.Quotas.Guard(named.Namespace, () => state.Log.Commit(named.Key, before =>
        {
            if (before is null) return;
            state.Quotas.Check(named, body, null);      // before the conflict check, as in a real server
            throw Statuses.AlreadyExists(request.Type, named.Name, before.IsTerminating);
        }, _ => new Edit(AdmitNew(named, body.Copy())), request.IsDryRun));
    }

    /// <summary>Changes an object with <paramref name="change"/>, within the fields of the subresource.</summary>
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

    /// <summary>A terminating object is removed with its last finalizer; a pod only after its grace period.</summary>
    public static bool IsOver(ResourceType type, JsonObject tree) =>
        tree.At("metadata", "deletionTimestamp") is not null
        && tree.Number("metadata", "deletionGracePeriodSeconds") is null or 0
        && !tree.Texts("metadata", "finalizers").Any()
        && !(type.Resource == "namespaces" && tree.Texts("spec", "finalizers").Any());

    /// <summary>The write that removes an object stores no new state: its response has the last stored version.</summary>
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
            throw Statuses.Failed("resourceVersion should not be set on objects to be created");
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
        WriteChecks.Identity(request, next);
        WriteChecks.Preconditions(request, before, next);
        var tree = Reset(request, before, next);
        Complete(request, tree, before);
        state.OwnerPermissions?.Check(request, tree, before);
        if (request.Type.Resource == "services") state.Quotas.Check(request, tree, before);
        if (request.Type.HasGeneration && HasNewSpec(request.Type, before, tree))
            tree.Child("metadata")["generation"] = (before.Number("metadata", "generation") ?? 0) + 1;
        return new(tree, IsOver(request.Type, tree));
    }

    private void CheckNamespace(ApiRequest request)
    {
        if (!request.Type.IsNamespaced) return;
        var home = state.Log.Find(new("namespaces", "", request.Namespace))
            ?? throw Statuses.NotFound(state.Registry.Get("namespaces"), request.Namespace);
        if (home.IsTerminating) throw Statuses.Terminating(request.Type, request.Name, request.Namespace);
        if (request.Type.IsCustom && state.Log.Find(Definitions.KeyOf(request.Type))?.IsTerminating == true)
            throw Statuses.Forbidden(request.Type, request.Name, "create not allowed while custom resource definition is terminating");
    }

    /// <summary>Takes the fields of the subresource from the request, and all others from the stored object.</summary>
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
        var added = metadata.Texts("finalizers").Except(old.Texts("finalizers")).ToArray();
        if (old["deletionTimestamp"] is not null && added is not [])
            throw Statuses.Invalid(request.Type, request.Name, FieldError.Forbidden("metadata.finalizers",
                "no new finalizers can be added if the object is being deleted, found new finalizers "
                + $"[]string{{{string.Join(", ", added.Select(one => $"\"{one}\""))}}}"));
        return tree;
    }

    /// <summary>Prunes, defaults and validates an object.</summary>
    private void Complete(ApiRequest request, JsonObject tree, JsonObject? before)
    {
        var type = request.Type;
        if (!type.IsCustom) DropNulls(tree);
        DropEmpty(tree.Child("metadata"));
        WriteChecks.LabelsAreText(type, tree);
        var sent = request.IsPatch ? tree.ToCompact() : "";
        ReportUnknown(request, Pruning.Unknown(tree, type.Schema), sent);
        if (type.IsCustom) Defaulting.DropNulls(tree, type.Schema);
        foreach (var finalizer in !type.IsCustom ? [] : tree.Texts("metadata", "finalizers").Where(IsUnqualified))
            request.Warnings.Add($"metadata.finalizers: \"{finalizer}\": prefer a domain-qualified finalizer name to avoid "
                + "accidental conflicts with other finalizer writers");
        if (!type.IsCustom && Validation.Check(tree, null, type.Schema) is [var wrong, ..])
            throw WriteChecks.Unreadable(type, $"{wrong}");
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
            errors.AddRange(WriteChecks.Scale(tree, type));
            errors.AddRange(Rules.Check(tree, before, type.Schema, errors));
        }

        if (errors.Count > 0) throw Statuses.Invalid(type, request.Name, errors);
    }

    private static bool IsUnqualified(string finalizer) =>
        !finalizer.Contains('/') && finalizer is not ("kubernetes" or "orphan" or "foregroundDeletion");

    private static void ReportUnknown(ApiRequest request, IReadOnlyList<string> unknown, string sent)
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
            ? Statuses.Invalid("", "", "", [FieldError.Invalid("patch", sent, message)])
            : WriteChecks.Unreadable(request.Type, message);
    }

    private static bool HasNewSpec(ResourceType type, JsonObject before, JsonObject after) =>
        before.Concat(after).Select(field => field.Key).Distinct()
            .Any(name => name != "metadata" && !(name == "status" && type.HasStatus)
                && !JsonNode.DeepEquals(before[name], after[name]));

    /// <summary>In built-in objects null means absent.</summary>
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
