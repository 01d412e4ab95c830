using System.Text.Json.Nodes;
using ModuleController.DevApiServer.Resources;
using ModuleController.DevApiServer.Storage;

namespace ModuleController.DevApiServer.Requests;

/// <summary>What is special about CustomResourceDefinitions: they are checked, and established or not, as they are written.</summary>
public static class Definitions
{
    public const string CleanUpFinalizer = "customresourcecleanup.apiextensions.k8s.io";

    public static ResourceKey KeyOf(ResourceType type) =>
        new(ResourceRegistry.Definitions, "", $"{type.Plural}.{type.Group}");

    public static void Admit(JsonObject definition, ApiState state)
    {
        var (type, errors) = CustomTypes.Parse(definition, state.Registry.Schemas.Metadata);
        if (errors.Count > 0 || type is null)
            throw Statuses.Invalid("CustomResourceDefinition", "apiextensions.k8s.io",
                definition.Text("metadata", "name") ?? "", errors);
        var status = definition.Child("status");
        var isNew = status["conditions"] is null;
        if (isNew)
            definition.Child("metadata")["finalizers"] =
                new JsonArray([.. definition.Texts("metadata", "finalizers").Append(CleanUpFinalizer).Distinct()
                    .Select(one => (JsonNode)one)]);
        var rival = Rival(type, state);
        status["acceptedNames"] = rival is null ? definition.At("spec", "names")!.DeepClone()
            : new JsonObject { ["plural"] = "", ["kind"] = "" };
        status["storedVersions"] = new JsonArray(type.Version);
        SetCondition(status, "NamesAccepted", rival is null, rival is null ? "NoConflicts" : "KindConflict",
            rival is null ? "no conflicts found" : $"\"{type.Kind}\" is already in use by {rival.Resource}", state.Now);
        SetCondition(status, "Established", rival is null, rival is null ? "InitialNamesAccepted" : "NotAccepted",
            rival is null ? "the initial names have been accepted" : "not all names are accepted", state.Now);
    }

    private static ResourceType? Rival(ResourceType type, ApiState state) => state.Registry.All.FirstOrDefault(other =>
        other.Group == type.Group && other.Plural != type.Plural
        && (other.Kind == type.Kind || other.Singular == type.Singular || other.ShortNames.Intersect(type.ShortNames)
            .Any()));

    private static void SetCondition(JsonObject status, string name, bool holds, string reason, string message,
        DateTimeOffset now)
    {
        if (status["conditions"] is not JsonArray conditions) status["conditions"] = conditions = [];
        var value = holds ? "True" : "False";
        var old = conditions.OfType<JsonObject>().FirstOrDefault(one => one.Text("type") == name);
        if (old?.Text("status") == value) return;
        if (old is not null) conditions.Remove(old);
        conditions.Add(new JsonObject
        {
            ["type"] = name,
            ["status"] = value,
            ["lastTransitionTime"] = now.ToTimestamp(),
            ["reason"] = reason,
            ["message"] = message,
        });
    }
}
