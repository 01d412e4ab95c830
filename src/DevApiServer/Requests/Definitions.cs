namespace ModuleController.DevApiServer.Requests;

/// <summary>What is special about CustomResourceDefinitions: checked and established as they are written.</summary>
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
        status["acceptedNames"] = definition.At("spec", "names")!.DeepClone();
        status["storedVersions"] = new JsonArray(type.Version);
        if (status["conditions"] is not null) return;
        definition.Child("metadata")["finalizers"] = new JsonArray([.. definition.Texts("metadata", "finalizers")
            .Append(CleanUpFinalizer).Distinct().Select(one => (JsonNode)one)]);
        status["conditions"] = new JsonArray(
            Condition("NamesAccepted", "NoConflicts", "no conflicts found", state.Now),
            Condition("Established", "InitialNamesAccepted", "the initial names have been accepted", state.Now));
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
