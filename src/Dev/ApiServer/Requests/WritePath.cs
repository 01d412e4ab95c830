using System.Security.Cryptography;
using ModuleController.Dev.ApiServer.Admission;

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

    public async Task<StoredObject> CreateAsync(ApiRequest request, JsonObject body)
    {
        if (Admissions.Of(state, request, "CREATE") is not { } admission) return CreateDirectly(request, body);
        var named = request with { Name = body.Text("metadata", "name") ?? "" };
        WriteChecks.Identity(named, body);
        CheckNamespace(named);
        if (request.Type.IsNamespaced) body.Child("metadata")["namespace"] = request.Namespace;
        Decoding.Apply(named, body, null);
        admission = admission.With(admission.Attributes.Named(named.Name));
        var mutated = (await admission.MutateAsync(body, tree => Decoding.Repeat(named, tree, null)))!;
        named = Named(request, mutated);
        WriteChecks.Identity(named, mutated);
        var birth = new Birth(Guid.NewGuid().ToString(), state.Now);
        var tree = AdmitNew(named, mutated, birth);
        await admission.With(admission.Attributes.Named(named.Name)).ValidateAsync(tree);
        return Store(named, tree, birth);
    }

    /// <summary>As <see cref="CreateAsync"/>, unseen by webhooks.</summary>
    public StoredObject CreateDirectly(ApiRequest request, JsonObject body)
    {
        var named = Named(request, body);
        WriteChecks.Identity(named, body);
        CheckNamespace(named);
        return Store(named, body, new(Guid.NewGuid().ToString(), state.Now));
    }

    /// <summary>
    /// Changes an object with <paramref name="change"/>, within the fields of the subresource. Webhooks are called without a lock. If
    /// another write comes in between, they are called again for the new state.
    /// </summary>
    public async Task<StoredObject> UpdateAsync(ApiRequest request, Func<JsonObject, JsonObject> change, ObjectView? view = null)
    {
        var written = view is null ? request : request with { Subresource = "" };
        view ??= ObjectView.Whole(request.Type);
        if (Admissions.Of(state, request, "UPDATE") is not { } admission)
            return UpdateDirectly(written, before => view.Write(before, change(view.Read(before))));
        while (true)
        {
            var stored = state.Log.Find(request.Key) ?? throw Statuses.NotFound(request.Type, request.Name);
            var ask = admission.With(admission.Attributes with { Kind = view.Kind, OldObject = view.Read(stored.Tree.Copy()) });
            var next = change(view.Read(stored.Tree.Copy()));
            if (view.IsWhole)
            {
                WriteChecks.Identity(request, next);
                Decoding.Apply(request, next, stored.Tree);
            }

            var mutated = await ask.MutateAsync(next, tree => view.IsWhole ? Decoding.Repeat(request, tree, stored.Tree) : tree);
            var tree = Admit(written, stored.Tree, view.Write(stored.Tree.Copy(), mutated!)).Tree;
            await ask.ValidateAsync(view.Read(tree.Copy()));
            if (TryUpdate(written, stored, tree) is { } updated) return updated;
        }
    }

    /// <summary>As <see cref="UpdateAsync"/>, unseen by webhooks.</summary>
    public StoredObject UpdateDirectly(ApiRequest request, Func<JsonObject, JsonObject> change)
    {
        var stored = default(StoredObject);
        var written = state.Quotas.Guard(request.Namespace, () => state.Log.Commit(
            request.Key,
            before => stored = before ?? throw Statuses.NotFound(request.Type, request.Name),
            copy => Admit(request, stored!.Tree, change(copy!)),
            request.IsDryRun));
        return IsOver(request.Type, written.Tree) ? WithVersionOf(stored!, written) : written;
    }

    private StoredObject? TryUpdate(ApiRequest request, StoredObject stored, JsonObject next)
    {
        var written = state.Quotas.Guard(request.Namespace, () => state.Log.TryCommit(
            request.Key, stored, _ => Admit(request, stored.Tree, next.Copy()), request.IsDryRun));
        return written is not null && IsOver(request.Type, written.Tree) ? WithVersionOf(stored, written) : written;
    }

    private StoredObject Store(ApiRequest request, JsonObject body, Birth birth) =>
        state.Quotas.Guard(request.Namespace, () => state.Log.Commit(request.Key, before =>
        {
            if (before is null) return;
            state.Quotas.Check(request, body, null);      // before the conflict check, as in a real server
            throw Statuses.AlreadyExists(request.Type, request.Name, before.IsTerminating);
        }, _ =>
        {
            var tree = AdmitNew(request, body.Copy(), birth);
            state.Quotas.Check(request, tree, null);
            return new(tree);
        }, request.IsDryRun));

    /// <summary>The request with the name of the object, which is generated if it only has a prefix.</summary>
    private static ApiRequest Named(ApiRequest request, JsonObject body)
    {
        var metadata = body.Child("metadata");
        if (string.IsNullOrEmpty(metadata.Text("name")) && metadata.Text("generateName") is { Length: > 0 } prefix)
            metadata["name"] = prefix[..Math.Min(prefix.Length, 58)] + RandomNumberGenerator.GetString(NameAlphabet, 5);
        return request with { Name = metadata.Text("name") ?? "" };
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

    private JsonObject AdmitNew(ApiRequest request, JsonObject tree, Birth birth)
    {
        var type = request.Type;
        var metadata = tree.Child("metadata");
        if (!string.IsNullOrEmpty(metadata.Text("resourceVersion")))
            throw Statuses.Failed("resourceVersion should not be set on objects to be created");
        foreach (var field in ServerFields.Append("managedFields")) metadata.Remove(field);
        if (type.IsNamespaced) metadata["namespace"] = request.Namespace;
        metadata["uid"] = birth.Uid;
        metadata["creationTimestamp"] = birth.Time.ToTimestamp();
        if (type.HasGeneration) metadata["generation"] = 1;
        if (type.HasStatus) tree.Remove("status");
        Complete(request, tree, null);
        state.OwnerPermissions?.Check(request, tree, null);
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
        Decoding.Apply(request, tree, before);
        if (type.Resource == ResourceRegistry.Definitions) Definitions.Admit(tree, state);
        if (type.Resource == "services") state.Allocations.Assign(tree, before);
        if (type.Resource == Quotas.Resource) Quotas.Admit(tree);

        var errors = Names.CheckMetadata(tree, type).ToList();
        if (!type.IsCustom)
        {
            errors.AddRange(ConfigurationRules.Check(tree, type));
            errors.AddRange(BuiltinRules.Check(tree, request.Subresource == "binding" ? null : before, type.Resource));
        }
        else
        {
            errors.AddRange(Validation.Check(tree, before, type.Schema));
            errors.AddRange(WriteChecks.Scale(tree, type));
            errors.AddRange(Rules.Check(tree, before, type.Schema, errors));
        }

        if (errors.Count > 0) throw Statuses.Invalid(type, request.Name, errors);
    }

    private static bool HasNewSpec(ResourceType type, JsonObject before, JsonObject after) =>
        before.Concat(after).Select(field => field.Key).Distinct()
            .Any(name => name != "metadata" && !(name == "status" && type.HasStatus)
                && !JsonNode.DeepEquals(before[name], after[name]));

    /// <summary>What the server gives a new object.</summary>
    private sealed record Birth(string Uid, DateTimeOffset Time);
}
