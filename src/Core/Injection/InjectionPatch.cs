using System.Globalization;
using System.Text.Json.Nodes;

namespace ModuleController.Core.Injection;

/// <summary>An injection as a JSON patch (RFC 6902), as an admission response has it.</summary>
/// <remarks>Only what injection changes is compared, so that the rest of a large pod is never read.</remarks>
public static class InjectionPatch
{
    private static readonly string[] PodLists = ["readinessGates", "initContainers", "volumes"];
    private static readonly string[] ContainerLists = ["env", "volumeMounts"];

    /// <param name="after">The result of the injection of <paramref name="before"/>.</param>
    public static JsonArray Between(JsonObject before, JsonObject after)
    {
        var patch = new JsonArray();
        if (ReferenceEquals(before, after)) return patch;
        SetStatus(patch, before, after);
        var (specBefore, specAfter) = (before.Child("spec")!, after.Child("spec")!);
        foreach (var list in PodLists) Append(patch, "/spec", list, specBefore, specAfter);
        foreach (var (index, (container, changed)) in specBefore.Items("containers").Zip(specAfter.Items("containers")).Index())
        {
            var path = string.Create(CultureInfo.InvariantCulture, $"/spec/containers/{index}");
            foreach (var list in ContainerLists) Append(patch, path, list, container, changed);
            SetValues(patch, $"{path}/env", container, changed);
        }

        return patch;
    }

    private static void SetStatus(JsonArray patch, JsonObject before, JsonObject after)
    {
        var (metadata, changed) = (before.Child("metadata"), after.Child("metadata")!);
        var (annotations, status) = (metadata?.Child("annotations"), changed.Child("annotations")!.Text(InjectionKeys.Status));
        if (metadata is null) Add(patch, "/metadata", changed);
        else if (annotations is null) Add(patch, "/metadata/annotations", changed["annotations"]);
        else if (annotations.Text(InjectionKeys.Status) != status)
            Add(patch, $"/metadata/annotations/{InjectionKeys.Status.Replace("/", "~1", StringComparison.Ordinal)}", status);
    }

    private static void Append(JsonArray patch, string parent, string list, JsonObject before, JsonObject after)
    {
        if (after[list] is not JsonArray items) return;
        if (before[list] is not JsonArray existing) Add(patch, $"{parent}/{list}", items);
        else foreach (var item in items.Skip(existing.Count)) Add(patch, $"{parent}/{list}/-", item);
    }

    // The flags of a JVM are appended to a variable that exists.
    private static void SetValues(JsonArray patch, string env, JsonObject before, JsonObject after)
    {
        foreach (var (index, (variable, changed)) in before.Items("env").Zip(after.Items("env")).Index())
        {
            if (variable.Text("value") != changed.Text("value"))
                Add(patch, string.Create(CultureInfo.InvariantCulture, $"{env}/{index}/value"), changed["value"]);
        }
    }

    // "add" also replaces a member that exists.
    private static void Add(JsonArray patch, string path, JsonNode? value) =>
        patch.Add((JsonNode)new JsonObject { ["op"] = "add", ["path"] = path, ["value"] = value?.DeepClone() });
}
