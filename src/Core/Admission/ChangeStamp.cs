using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Records;

namespace ModuleController.Core.Admission;

/// <summary>Writes who changed a ModuleDeployment, and restores the annotations that only the controller writes.</summary>
/// <remarks>
/// A write that changes nothing else restores all of them, whatever the client sent. So an object can be applied again and again, with
/// kubectl or by a GitOps tool.
/// </remarks>
public static class ChangeStamp
{
    // If a user could write them, the record of who did what would be the user's.
    private static readonly string[] Protected = [Annotations.LastChange, Annotations.LastAction, Annotations.ActionHistory];

    /// <summary>The change of the object as a JSON patch (RFC 6902). It is empty if the annotations are right.</summary>
    /// <param name="written">The object as the client writes it.</param>
    /// <param name="stored">The object before; null: it is created.</param>
    /// <param name="by">User, time and request of the change.</param>
    public static JsonArray Patch(JsonObject written, JsonObject? stored, LastChange by)
    {
        var (sent, before) = (AnnotationsOf(written), AnnotationsOf(stored));
        var right = Protected.ToDictionary(name => name, name => before?[name]);
        if (stored is null || IsChanged(written, stored)) right[Annotations.LastChange] = $"{by.About(Read(written))}";

        var wrong = right.Where(pair => !JsonNode.DeepEquals(sent?[pair.Key], pair.Value)).ToList();
        if (wrong.Count == 0) return [];
        if (sent is null) return [Step("add", "/metadata/annotations", new JsonObject(wrong.Select(Copy)))];
        return [.. wrong.Select(pair => Step(pair.Value is null ? "remove" : "add", PathOf(pair.Key), pair.Value))];
    }

    // A user decides spec and annotations. Labels, finalizers and managed fields are also written by tools and by the API server.
    private static bool IsChanged(JsonObject written, JsonObject stored) =>
        !JsonNode.DeepEquals(written["spec"], stored["spec"])
        || !JsonNode.DeepEquals(WithoutProtected(AnnotationsOf(written)), WithoutProtected(AnnotationsOf(stored)));

    private static JsonObject WithoutProtected(JsonObject? annotations) =>
        new((annotations ?? []).Where(pair => !Protected.Contains(pair.Key)).Select(Copy));

    private static JsonObject? AnnotationsOf(JsonObject? item) => item?["metadata"]?["annotations"] as JsonObject;

    // The API server checks the schema after this webhook. It does not store what can't be read here.
    private static ModuleDeployment? Read(JsonObject item)
    {
        try
        {
            return item.Deserialize(ModulesJson.Default.ModuleDeployment);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static KeyValuePair<string, JsonNode?> Copy(KeyValuePair<string, JsonNode?> pair) => new(pair.Key, pair.Value?.DeepClone());

    private static string PathOf(string annotation) => $"/metadata/annotations/{annotation.Replace("/", "~1", StringComparison.Ordinal)}";

    // "add" also replaces a member that exists.
    private static JsonObject Step(string operation, string path, JsonNode? value) => value is null
        ? new() { ["op"] = operation, ["path"] = path }
        : new() { ["op"] = operation, ["path"] = path, ["value"] = value.DeepClone() };
}
