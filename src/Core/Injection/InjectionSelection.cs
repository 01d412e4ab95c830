using System.Text.Json.Nodes;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Injection;

/// <summary>Which pods request the agent: the two selectors of the webhook as one function.</summary>
/// <param name="IsSelected">The pod requests the agent.</param>
/// <param name="Problem">Why a pod that looks as if it requested the agent does not get it; null: nothing to report.</param>
public sealed record InjectionSelection(bool IsSelected, string? Problem)
{
    /// <summary>
    /// Rule (a): the label <c>inject: "true"</c>. Rule (b): the label <c>base</c>, and <c>inject</c> neither "true" nor "false", in a
    /// namespace that is enabled. Never in kube-system and in the controller's namespace.
    /// </summary>
    /// <remarks>A real label is a string. A manifest may have <c>inject: true</c>, which the API server rejects.</remarks>
    public static InjectionSelection Of(
        JsonObject? podLabels, string ns, IReadOnlyDictionary<string, string> namespaceLabels, string controllerNamespace)
    {
        var inject = podLabels?[InjectionKeys.Inject];
        if (inject is not null && PodJson.TextOf(inject) is null)
            return new(false, $"label {InjectionKeys.Inject} must be a string: write \"true\" with quotes");
        var requested = PodJson.TextOf(inject);
        var isByLabel = requested == "true";
        var isByNamespace = requested != "false" && podLabels?.ContainsKey(InjectionKeys.Base) == true
            && namespaceLabels.GetValueOrDefault(InjectionKeys.NamespaceInjection) == InjectionKeys.Enabled;
        if ((isByLabel || isByNamespace) && InjectionScope.NeverInjected(ns, controllerNamespace) is { } never) return new(false, never);
        return new(isByLabel || isByNamespace, requested is null ? null : ValueProblem(requested));
    }

    /// <summary>Null: it is one of the two values of the label <c>inject</c>.</summary>
    internal static string? ValueProblem(string label) => label is "true" or "false"
        ? null
        : $"label {InjectionKeys.Inject} must be \"true\" or \"false\", not \"{OperatorText.Within(OperatorText.MaxName, label)}\"";
}
