using System.Globalization;

namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Checks of a write besides the schema.</summary>
internal static class WriteChecks
{
    public static void Identity(ApiRequest request, JsonObject tree)
    {
        var type = request.Type;
        tree.Default("apiVersion", type.ApiVersion);
        tree.Default("kind", type.Kind);
        if (type.IsCustom && tree.Text("apiVersion") != type.ApiVersion)
            throw Statuses.BadRequest($"the API version in the data ({tree.Text("apiVersion")}) does not match the expected API "
                + $"version ({type.ApiVersion})");
        if (type.IsCustom && tree.Text("kind") is { } kind && kind != type.Kind)
            throw Statuses.Invalid(kind, type.Group, request.Name, [FieldError.Invalid("kind", kind, $"must be {type.Kind}")]);
        if (tree.Text("apiVersion") != type.ApiVersion || tree.Text("kind") != type.Kind)
            throw Statuses.BadRequest($"the object provided is {tree.Text("apiVersion")}, Kind={tree.Text("kind")}; "
                + $"this path is for {type.ApiVersion}, Kind={type.Kind}");
        var metadata = tree.Child("metadata");
        if (metadata.Text("name") is { Length: > 0 } name && name != request.Name)
            throw Statuses.BadRequest($"the name of the object ({name}) does not match the name on the URL ({request.Name})");
        if (metadata.Text("namespace") is { Length: > 0 } ns && ns != request.Namespace)
            throw Statuses.BadRequest("the namespace of the provided object does not match the namespace sent on the request");
        if (request.Name.Length > 0) metadata["name"] = request.Name;
    }

    public static void Preconditions(ApiRequest request, JsonObject before, JsonObject next)
    {
        var version = next.Text("metadata", "resourceVersion");
        if (string.IsNullOrEmpty(version) && !request.Type.AllowsUnconditionalUpdate)
            throw Statuses.Invalid(request.Type.Plural, request.Type.Group, request.Name,
                [FieldError.Invalid("metadata.resourceVersion", 0, "must be specified for an update")]);
        if (!string.IsNullOrEmpty(version) && !ulong.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            throw Statuses.Failed($"strconv.ParseUint: parsing \"{version}\": invalid syntax");
        var (uid, actual) = (next.Text("metadata", "uid"), before.Text("metadata", "uid"));
        var isOther = !string.IsNullOrEmpty(uid) && uid != actual;
        if (isOther && !request.IsPatch)
            throw Statuses.Conflict(request.Type, request.Name, $"StorageError: invalid object, Code: 4, Key: {StorageKey(request)}, "
                + "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: "
                + $"{uid}, UID in object meta: {actual}");
        if (!string.IsNullOrEmpty(version) && version != before.Text("metadata", "resourceVersion"))
            throw Statuses.Modified(request.Type, request.Name);
        if (!isOther) return;
        if (request.Type.IsCustom && request.Subresource == "status") return;       // its metadata is ignored
        throw Statuses.Invalid(request.Type, request.Name,
            FieldError.Invalid("metadata.uid", uid, "field is immutable"));
    }

    public static IEnumerable<FieldError> Scale(JsonObject tree, ResourceType type)
    {
        foreach (var path in type.Scale is null ? [] : (string[][])[type.Scale.SpecReplicas, type.Scale.StatusReplicas])
        {
            var field = $".{string.Join('.', path)}";
            if (tree.Number(path) < 0) yield return FieldError.Invalid(field, tree.At(path), "should be a non-negative integer");
            if (tree.Text(path) is { } text)
                yield return FieldError.Invalid(field, 0, $"{field} accessor error: {text} is of the type string, expected int64");
        }
    }

    public static void LabelsAreText(ResourceType type, JsonObject tree)
    {
        foreach (var list in (string[])["labels", "annotations"])
            if (tree.Fields("metadata", list).Any(label => label.Value is not null && label.Value.Text() is null))
                throw Unreadable(type, $"json: cannot unmarshal number into Go struct field ObjectMeta.{list} of type string");
    }

    public static StatusException Unreadable(ResourceType type, string why) => Statuses.BadRequest(
        $"{type.Kind} in version \"{type.Version}\" cannot be handled as a {type.Kind}: {why}");

    /// <summary>The key of the object in etcd, which messages name.</summary>
    private static string StorageKey(ApiRequest request) =>
        $"/registry/{(request.Type.IsCustom ? $"{request.Type.Group}/" : "")}{request.Type.Plural}/"
        + $"{(request.Namespace.Length > 0 ? $"{request.Namespace}/" : "")}{request.Name}";
}
