using System.Globalization;

namespace ModuleController.Core.Admission;

/// <summary>Why a CustomResourceDefinition of ours may not be deleted: ModuleDeployments exist.</summary>
public static class DefinitionDeletion
{
    private const int MaxNamespaces = 5;

    /// <summary>Null: it may be deleted.</summary>
    /// <param name="definition">Its name, such as <c>modules.koupleless.io</c>.</param>
    /// <param name="namespaces">Of each ModuleDeployment its namespace.</param>
    /// <param name="areMore">There are more ModuleDeployments than were counted.</param>
    public static string? Refusal(string definition, IReadOnlyCollection<string> namespaces, bool areMore)
    {
        if (namespaces.Count == 0) return null;
        var groups = namespaces.GroupBy(ns => ns).OrderByDescending(group => group.Count())
            .ThenBy(group => group.Key, StringComparer.Ordinal).ToList();
        var named = groups.Take(MaxNamespaces)
            .Select(group => string.Create(CultureInfo.InvariantCulture, $"{group.Key}: {group.Count()}"));
        var others = groups.Count > MaxNamespaces || areMore ? ", and others" : "";
        var count = namespaces.Count == 1 && !areMore ? "1 ModuleDeployment exists" : string.Create(
            CultureInfo.InvariantCulture, $"{(areMore ? "more than " : "")}{namespaces.Count} ModuleDeployments exist");
        return $"{definition} is not deleted: {count} ({string.Join(", ", named)}{others}). Delete them first, and wait until the controller "
            + "has uninstalled their modules: kubectl delete mddeploy --all --all-namespaces";
    }
}
