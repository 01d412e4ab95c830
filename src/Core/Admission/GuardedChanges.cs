using System.Text.Json.Nodes;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;

namespace ModuleController.Core.Admission;

/// <summary>Which changes need a permission of their own, beside that for the object.</summary>
public static class GuardedChanges
{
    private static readonly string[] OfFreeze = [Annotations.Freeze, Annotations.FreezeBy, Annotations.FreezeAll];

    /// <summary>The subresources of a ModuleDeployment that the user must be permitted to update; empty: no verb is requested.</summary>
    /// <remarks>Whoever overwrites or removes a verb that was not carried out yet needs the permission for that one, too.</remarks>
    /// <param name="written">The object as it will be written.</param>
    /// <param name="stored">Null: it is created.</param>
    public static IReadOnlyList<string> Verbs(JsonObject written, JsonObject? stored)
    {
        var needed = new SortedSet<string>(StringComparer.Ordinal);
        var (action, before) = (Annotation(written, Annotations.Action), Annotation(stored, Annotations.Action));
        if (action != before)
        {
            foreach (var text in new[] { action, before })
                if (text is not null && Verb.SubresourceOf(text) is { } subresource) needed.Add(subresource);
        }

        if (ConfirmBatchNum(written) != ConfirmBatchNum(stored)) needed.Add(Verb.SubresourceOf("confirm")!);
        return [.. needed];
    }

    /// <summary>Whether a Namespace is frozen, released, or frozen in another way.</summary>
    /// <param name="written">The Namespace as it will be written.</param>
    /// <param name="stored">Null: it is created.</param>
    public static bool Freezes(JsonObject written, JsonObject? stored) =>
        OfFreeze.Any(name => Annotation(written, name) != Annotation(stored, name));

    // Not set is 0. What is no number differs from each number.
    private static string ConfirmBatchNum(JsonObject? item) => (item?["spec"] as JsonObject)?["confirmBatchNum"]?.ToJsonString() ?? "0";

    private static string? Annotation(JsonObject? item, string name) =>
        ((item?["metadata"] as JsonObject)?["annotations"] as JsonObject)?[name]?.ToString();
}
