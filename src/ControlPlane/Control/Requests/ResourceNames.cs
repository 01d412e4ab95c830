using System.Text.RegularExpressions;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Control.Requests;

/// <summary>The names of resources, such as <c>namespaces/shop/moduleDeployments/orders</c>.</summary>
internal static partial class ResourceNames
{
    public const string ModuleDeployments = "moduleDeployments";
    public const string Modules = "modules";
    public const string Bases = "bases";
    public const string BasePods = "basePods";

    /// <summary>Stands for all namespaces.</summary>
    public const string Any = "-";

    private const string Namespaces = "namespaces";
    private const int MaxLength = 253;

    public static string Of(string? ns, string collection, string name) => $"{Namespaces}/{ns}/{collection}/{name}";

    /// <summary>Null: it is not the name of one of these.</summary>
    public static ObjectKey? Parse(string text, string collection) =>
        text.Split('/') is [Namespaces, var ns, var found, var name] && found == collection && IsName(ns) && IsName(name)
            ? new(ns, name) : null;

    /// <summary>The namespace, or <see cref="Any"/>; null: it is not the name of one.</summary>
    public static string? ParseParent(string text) =>
        text.Split('/') is [Namespaces, var ns] && (ns == Any || IsName(ns)) ? ns : null;

    private static bool IsName(string text) => text.Length <= MaxLength && Name().IsMatch(text);

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9.]*[a-z0-9])?\z")]
    private static partial Regex Name();
}
