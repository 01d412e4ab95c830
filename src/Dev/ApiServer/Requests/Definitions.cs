namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Checks and establishes CustomResourceDefinitions as they are written.</summary>
public static class Definitions
{
    public const string CleanUpFinalizer = "customresourcecleanup.apiextensions.k8s.io";

    public static ResourceKey KeyOf(ResourceType type) =>
        new(ResourceRegistry.Definitions, "", $"{type.Plural}.{type.Group}");

    public static void Admit(JsonObject definition, ApiState state)
    {
        var (type, errors) = CustomTypes.Parse(definition, state.Registry.Schemas.Metadata);
        if (type is not null && Rival(type, state) is { } rival)
            errors = [.. errors, FieldError.Invalid("spec.names", type.Kind, $"names are in use by {rival.Resource}")];
        if (type is null || errors.Count > 0)
            throw Statuses.Invalid("CustomResourceDefinition", "apiextensions.k8s.io",
                definition.Text("metadata", "name") ?? "", errors);
        var status = definition.Child("status");
        status.Default("acceptedNames", new JsonObject { ["plural"] = "", ["kind"] = "" });
        status["storedVersions"] = new JsonArray(type.Version);
    }

    /// <summary>Accepts the names of a definition that was written, and serves it.</summary>
    public static void Establish(ApiState state, string name)
    {
        var key = new ResourceKey(ResourceRegistry.Definitions, "", name);
        if (state.Log.Find(key) is null) return;
        state.Log.Commit(key, _ => { }, before =>
        {
            var status = before!.Child("status");
            status["acceptedNames"] = before!.At("spec", "names")!.DeepClone();
            status.Default("conditions", new JsonArray(
                Condition("NamesAccepted", "NoConflicts", "no conflicts found", state.Now),
                Condition("Established", "InitialNamesAccepted", "the initial names have been accepted", state.Now)));
            return new(before!);
        });
        state.Registry.Refresh();
    }

    public static void MarkTerminating(JsonObject definition, DateTimeOffset now) =>
        (definition.Child("status")["conditions"] as JsonArray)?.Add(Condition("Terminating", "InstanceDeletionPending",
            "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon", now));

    public static void MarkDeleting(JsonObject definition)
    {
        foreach (var condition in definition.Objects("status", "conditions").Where(one => one.Text("type") == "Terminating"))
            (condition["reason"], condition["message"]) = ("InstanceDeletionInProgress", "CustomResource deletion is in progress");
    }

    private static ResourceType? Rival(ResourceType type, ApiState state) => state.Registry.All.FirstOrDefault(other =>
        other.Group == type.Group && other.Plural != type.Plural
        && (other.Kind == type.Kind || other.Singular == type.Singular
            || other.ShortNames.Intersect(type.ShortNames).Any()));

    private static JsonObject Condition(string type, string reason, string message, DateTimeOffset now) => new()
    {
        ["type"] = type,
        ["status"] = "True",
        ["lastTransitionTime"] = now.ToTimestamp(),
        ["reason"] = reason,
        ["message"] = message,
    };
}
