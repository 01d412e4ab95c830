using System.Text.Json.Nodes;

namespace ModuleController.Core.Injection;

/// <summary>An object of a manifest after the injection.</summary>
/// <param name="Problems">Each begins with kind and name of the object.</param>
public sealed record InjectedManifest(JsonObject Manifest, ManifestOutcome Outcome, IReadOnlyList<string> Problems);

public enum ManifestOutcome
{
    /// <summary>The object does not request the agent.</summary>
    NotRequested,

    /// <summary>The object requests the agent and can't have it. It is unchanged.</summary>
    NotInjected,

    Injected,
}

/// <summary>The injection into objects of a manifest: into the pod template of a Deployment. Other workloads are only reported.</summary>
public static class ManifestInjector
{
    private static readonly Dictionary<string, string> NoLabels = [];

    /// <param name="ns">The namespace of objects that name none.</param>
    public static InjectedManifest Inject(JsonObject manifest, string ns, InjectionOptions options)
    {
        if (Kind(manifest) == "List" && manifest["items"] is JsonArray items) return InjectList(manifest, items, ns, options);
        if (TemplateOf(manifest) is not { } template) return new(manifest, ManifestOutcome.NotRequested, []);

        var labels = Labels(template);
        var selection = InjectionSelection.Of(labels, NamespaceOf(manifest, ns), NoLabels, options.ControllerNamespace);
        if (!selection.IsSelected)
        {
            var problem = selection.Problem ?? MisplacedLabel(manifest, template, labels);
            return problem is null
                ? new(manifest, ManifestOutcome.NotRequested, [])
                : Rejected(manifest, problem);
        }

        if (Kind(manifest) != "Deployment") return Rejected(manifest, "a base is a Deployment: this kind does not get the agent");
        var result = PodInjector.InjectTemplate(template, options);
        if (!result.IsInjected) return Rejected(manifest, [.. result.Problems]);
        var changed = manifest.DeepClone().AsObject();
        changed["spec"]!["template"] = result.Pod.DeepClone();
        return new(changed, ManifestOutcome.Injected, [.. result.Problems.Select(problem => $"{NameOf(manifest)}: {problem}")]);
    }

    private static InjectedManifest InjectList(JsonObject manifest, JsonArray items, string ns, InjectionOptions options)
    {
        var results = items.OfType<JsonObject>().Select(item => Inject(item, ns, options)).ToList();
        var changed = manifest.DeepClone().AsObject();
        changed["items"] = new JsonArray([.. results.Select(result => result.Manifest.DeepClone())]);
        return new(changed, OutcomeOf([.. results.Select(result => result.Outcome)]), [.. results.SelectMany(result => result.Problems)]);
    }

    private static ManifestOutcome OutcomeOf(IReadOnlyList<ManifestOutcome> items) =>
        items.Contains(ManifestOutcome.NotInjected) ? ManifestOutcome.NotInjected
        : items.Contains(ManifestOutcome.Injected) ? ManifestOutcome.Injected
        : ManifestOutcome.NotRequested;

    /// <summary>The label on the object itself does nothing: its pods do not have it.</summary>
    private static string? MisplacedLabel(JsonObject manifest, JsonObject template, JsonObject? templateLabels) =>
        !ReferenceEquals(manifest, template) && templateLabels?.ContainsKey(InjectionKeys.Inject) != true
        && PodJson.TextOf(Labels(manifest)?[InjectionKeys.Inject]) == "true"
            ? $"label {InjectionKeys.Inject} is on the {Kind(manifest)} and not on its pod template (spec.template.metadata.labels)"
            : null;

    private static InjectedManifest Rejected(JsonObject manifest, params IEnumerable<string> problems) =>
        new(manifest, ManifestOutcome.NotInjected, [.. problems.Select(problem => $"{NameOf(manifest)}: {problem}")]);

    private static JsonObject? TemplateOf(JsonObject manifest) => Kind(manifest) switch
    {
        "Pod" => manifest,
        "Deployment" or "StatefulSet" or "DaemonSet" or "Job" or "ReplicaSet" or "ReplicationController" =>
            (manifest["spec"] as JsonObject)?["template"] as JsonObject,
        "CronJob" => ((manifest["spec"] as JsonObject)?["jobTemplate"] as JsonObject)?["spec"] is JsonObject job
            ? job["template"] as JsonObject : null,
        _ => null,
    };

    private static JsonObject? Labels(JsonObject item) => (item["metadata"] as JsonObject)?["labels"] as JsonObject;

    private static string NamespaceOf(JsonObject manifest, string ns) =>
        PodJson.TextOf((manifest["metadata"] as JsonObject)?["namespace"]) ?? ns;

    private static string? Kind(JsonObject manifest) => PodJson.TextOf(manifest["kind"]);

    private static string NameOf(JsonObject manifest) =>
        $"{Kind(manifest)} {PodJson.TextOf((manifest["metadata"] as JsonObject)?["name"]) ?? "without a name"}";
}
