using System.Text.RegularExpressions;
using ModuleController.Core.Tests.Crds;

namespace ModuleController.Core.Tests.Rules;

/// <summary>Each namespace of Core uses only those above it in this list, which is that of CONTRIBUTING.md.</summary>
public partial class NamespaceTests
{
    private static readonly string[] Namespaces =
    [
        "Meta", "Builtin", "Modules", "Commands", "Agents", "Execution", "BasePods", "Placement", "Rollouts", "Certificates", "Injection",
        "Admission",
    ];

    [Fact]
    public void A_namespace_uses_only_those_above_it()
    {
        var files = Directory.GetFiles(Path.Combine(RepositoryFiles.Root, "src", "Core"), "*.cs", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        Assert.Empty(files.SelectMany(file => Violations(File.ReadAllText(file)).Select(used => $"{Path.GetFileName(file)} uses {used}")));
    }

    private static IEnumerable<string> Violations(string text) => Declared().Match(text) is { Success: true } declared
        ? Used().Matches(text).Select(used => used.Groups["name"].Value)
            .Where(used => Array.IndexOf(Namespaces, used) > Array.IndexOf(Namespaces, declared.Groups["name"].Value))
        : [];

    [GeneratedRegex(@"^namespace ModuleController\.Core\.(?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex Declared();

    [GeneratedRegex(@"^using (static )?ModuleController\.Core\.(?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex Used();
}
