using System.Text.RegularExpressions;

namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>Replaces <c>$(NAME)</c> as the kubelet does. Unknown names stay.</summary>
public static partial class Variables
{
    public static string Expand(string text, IReadOnlyDictionary<string, string> environment) =>
        Reference().Replace(text, match =>
            environment.TryGetValue(match.Groups[1].Value, out var value) ? value : match.Value);

    [GeneratedRegex(@"\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")]
    private static partial Regex Reference();
}
